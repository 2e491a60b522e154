from . import addresses, gsm, redact
