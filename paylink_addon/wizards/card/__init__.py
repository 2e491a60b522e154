from . import paylink_card_send
from . import paylink_card_send_line
