from . import test_attempts
from . import test_link
from . import test_money
from . import test_pay
from . import test_pay_browser
from . import test_rights
from . import test_send
from . import test_tours
