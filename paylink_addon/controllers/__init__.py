from . import account, deposit, pay, portal, status, stripe, stripe_webhook
