from . import paylink_balance_setup
