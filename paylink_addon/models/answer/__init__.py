# A model before its stages, which extend it.
from . import paylink_plan
from . import paylink_plan_run
from . import paylink_plan_part
from . import paylink_answer
from . import paylink_answer_plan
from . import paylink_answer_promise
from . import paylink_answer_transfer
from . import paylink_link
from . import paylink_link_plan
from . import paylink_link_promise
from . import paylink_link_transfer
from . import paylink_reminder_hold
from . import paylink_reminder_rule
from . import account_move
from . import res_company
from . import res_config_settings
from . import res_partner
