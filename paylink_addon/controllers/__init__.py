from . import account, deposit, pay, portal, status, stripe
from . import stripe_webhook
