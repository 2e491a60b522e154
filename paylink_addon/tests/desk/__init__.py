from . import test_export
from . import test_lists
from . import test_owed
from . import test_unread
