from . import paylink_send_mixin
