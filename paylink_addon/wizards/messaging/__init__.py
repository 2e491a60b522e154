from . import paylink_dialog_mixin
from . import paylink_send_mixin
