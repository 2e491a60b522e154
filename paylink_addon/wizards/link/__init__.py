from . import paylink_send
from . import paylink_send_renewal
from . import paylink_send_line
from . import account_move_send_wizard
from . import account_move_send_batch_wizard
from . import account_payment_register
from . import paylink_refund
from . import payment_capture_wizard
