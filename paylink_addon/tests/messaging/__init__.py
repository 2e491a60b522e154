from . import test_addresses
from . import test_base_url
from . import test_confirmations
from . import test_dialogs
from . import test_quotes
from . import test_sms_text
from . import test_tasks
