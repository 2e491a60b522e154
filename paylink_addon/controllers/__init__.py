from . import pay, portal, status, stripe
from . import stripe_webhook
