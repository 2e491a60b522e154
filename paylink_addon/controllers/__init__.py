from . import account, card, deposit, pay, portal, status, stripe, stripe_webhook
