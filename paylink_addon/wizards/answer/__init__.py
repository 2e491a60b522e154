from . import paylink_plan_make
from . import paylink_plan_make_line
from . import paylink_reminder_send
