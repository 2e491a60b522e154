from . import paylink_autopay_preview
from . import paylink_autopay_preview_line
