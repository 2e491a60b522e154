from . import messaging
from . import link
from . import deposit
from . import statement
from . import stripe
from . import reminder
