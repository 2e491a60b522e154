from . import account, pay, portal, status, stripe
from . import stripe_webhook
