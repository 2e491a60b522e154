from . import test_addresses
from . import test_tasks
