# A model before its stages, which extend it.
from . import paylink_card_template
from . import paylink_card_template_open
from . import paylink_card_code
from . import paylink_card_request
from . import paylink_card_request_store
from . import paylink_card_request_person
from . import paylink_card_request_link
from . import paylink_card_request_portal
from . import payment_provider
from . import payment_token
from . import payment_token_life
from . import payment_transaction
from . import paylink_link
from . import paylink_link_saved
from . import res_company
from . import res_config_settings
from . import res_partner
