from . import base_partner_merge_automatic_wizard
from . import paylink_card_link
from . import paylink_card_link_line
from . import paylink_card_send
from . import paylink_card_send_line
from . import paylink_profile_charge
from . import paylink_profile_charge_line
