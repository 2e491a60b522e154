from . import crm_lead
from . import paylink_link
