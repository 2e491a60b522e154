from . import paylink_balance_setup
from . import paylink_bank_match_choose
