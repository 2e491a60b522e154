from . import test_autopay_caps
from . import test_autopay_invoice
from . import test_autopay_merge
from . import test_autopay_notice
from . import test_autopay_pick
from . import test_autopay_retry
from . import test_autopay_run
from . import test_autopay_tours
