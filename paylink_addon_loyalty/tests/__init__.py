from . import test_wallet
from . import test_wallet_bank
from . import test_wallet_disputes
from . import test_wallet_merge
from . import test_wallet_orders
from . import test_wallet_program
from . import test_wallet_tasks
from . import test_wallet_tours
