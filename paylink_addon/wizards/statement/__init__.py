from . import paylink_send
from . import paylink_account_item
from . import paylink_statement_send
