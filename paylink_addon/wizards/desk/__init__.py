from . import paylink_bulk
from . import paylink_export
