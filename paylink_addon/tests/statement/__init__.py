from . import test_account
from . import test_account_page
from . import test_account_tours
from . import test_given_back
from . import test_large_account
from . import test_merge
from . import test_statement_files
from . import test_sums
