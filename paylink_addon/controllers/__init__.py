from . import account, card, card_open, deposit, pay, portal, status, stripe, stripe_webhook
