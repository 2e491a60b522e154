# A model before its stages, which extend it.
from . import paylink_link
from . import sale_order
from . import sale_order_money
from . import sale_order_line
from . import account_move
from . import account_move_line
from . import payment_transaction
