from . import paylink_send
