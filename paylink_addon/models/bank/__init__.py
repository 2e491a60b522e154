# A model before its stages, which extend it.
from . import account_bank_statement_line_find
from . import account_bank_statement_line_match
from . import account_journal_transfer
from . import account_move
from . import account_partial_reconcile
from . import paylink_bank_match
from . import paylink_bank_match_books
from . import paylink_link
from . import paylink_link_transfer
from . import payment_provider_transfer
from . import payment_transaction_transfer
from . import res_company
from . import res_config_settings
