# A model before its stages, which extend it.
from . import paylink_autopay_item
from . import paylink_autopay_rule
from . import paylink_autopay_rule_filters
from . import paylink_autopay_rule_pick
from . import paylink_autopay_rule_foresee
from . import paylink_autopay_rule_notice
from . import paylink_autopay_rule_run
from . import paylink_autopay_page
from . import account_move
from . import account_partial_reconcile
from . import paylink_link
from . import payment_token
from . import payment_transaction
from . import res_company
from . import res_config_settings
from . import res_partner
