from . import test_bank_match
from . import test_bank_page
