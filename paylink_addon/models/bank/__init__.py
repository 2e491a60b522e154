# A model before its stages, which extend it.
from . import paylink_link
from . import paylink_link_transfer
from . import res_company
from . import res_config_settings
