from . import paylink_refund
from . import paylink_send
from . import paylink_send_preview
from . import paylink_send_run
from . import paylink_send_line
from . import paylink_send_reuse
from . import payment_capture_wizard
