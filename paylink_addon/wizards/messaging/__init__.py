from . import base_partner_merge_automatic_wizard
from . import paylink_dialog_mixin
from . import paylink_documents_mixin
from . import paylink_send_mixin
