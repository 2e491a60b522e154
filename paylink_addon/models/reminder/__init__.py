# A model before its stages, which extend it.
from . import ir_attachment
from . import paylink_reminder_rule
from . import paylink_reminder_rule_filters
from . import paylink_reminder_rule_pick
from . import paylink_reminder_rule_run
from . import paylink_reminder_step
from . import paylink_reminder
from . import paylink_reminder_message
from . import paylink_reminder_message_compose
from . import paylink_reminder_message_words
from . import paylink_reminder_message_deliver
from . import paylink_reminder_hold
from . import paylink_link
from . import account_move
from . import res_company
from . import res_config_settings
from . import res_partner
