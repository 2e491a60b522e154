from . import paylink_export_column
from . import paylink_link
from . import paylink_link_lists
from . import paylink_link_unread
from . import res_users_settings
