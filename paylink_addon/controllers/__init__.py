from . import pay, portal, status
