from . import (
    account,
    autopay,
    card,
    card_open,
    card_portal,
    deposit,
    pay,
    portal,
    status,
    stripe,
    stripe_webhook,
    transfer,
)
