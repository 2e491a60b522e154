from . import account, autopay, card, card_open, deposit, pay, portal, status, stripe, stripe_webhook
