from . import paylink_export
