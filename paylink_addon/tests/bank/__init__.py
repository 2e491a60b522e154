from . import test_bank_kinds
from . import test_bank_match
from . import test_bank_page
from . import test_bank_races
from . import test_bank_tours
from . import test_stripe_account
from . import test_stripe_account_payouts
from . import test_stripe_account_reading
