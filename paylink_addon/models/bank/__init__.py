# A model before its stages, which extend it.
from . import res_company
from . import res_config_settings
