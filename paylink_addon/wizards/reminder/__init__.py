from . import base_partner_merge_automatic_wizard
from . import paylink_reminder_lookup
from . import paylink_reminder_lookup_line
from . import paylink_reminder_preview
from . import paylink_reminder_preview_line
from . import paylink_reminder_send
