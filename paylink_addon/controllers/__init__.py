from . import pay, portal, status, stripe
