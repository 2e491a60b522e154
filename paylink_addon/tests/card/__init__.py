from . import test_card_link
from . import test_card_methods
from . import test_card_open
from . import test_card_page
from . import test_card_profiles
from . import test_card_request
from . import test_card_stripe
