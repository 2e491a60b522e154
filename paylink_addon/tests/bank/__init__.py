from . import test_bank_page
