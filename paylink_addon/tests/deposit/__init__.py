from . import test_deposit
from . import test_deposit_account
from . import test_deposit_changes
from . import test_deposit_life
from . import test_deposit_page
from . import test_deposit_send
from . import test_deposit_tours
from . import test_order_invoices
