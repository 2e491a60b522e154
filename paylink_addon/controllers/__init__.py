from . import pay, portal, status, stripe_webhook
