# The mixin before who inherits it (invoices, customers), and a model before its stages, which extend it. The rest of
# the order means nothing: no method is defined twice on one model.
from . import paylink_status_mixin
from . import paylink_link
from . import paylink_link_amounts
from . import paylink_link_life
from . import paylink_link_pay
from . import paylink_link_pdfs
from . import paylink_link_books
from . import paylink_link_documents
from . import paylink_link_running
from . import paylink_link_line
from . import account_move
from . import account_move_line
from . import account_move_send
from . import account_partial_reconcile
from . import account_payment
from . import ir_actions_report
from . import payment_provider
from . import payment_transaction
from . import payment_transaction_coming
from . import payment_transaction_manage
from . import payment_transaction_overtaken
from . import payment_transaction_requests
from . import res_company
from . import res_config_settings
from . import res_partner
