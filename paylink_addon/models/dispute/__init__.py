from . import paylink_dispute
from . import paylink_link
from . import account_move
from . import account_move_line
from . import account_partial_reconcile
from . import payment_transaction
from . import res_company
from . import res_config_settings
