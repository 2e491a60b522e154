from . import paylink_send
from . import paylink_send_line
