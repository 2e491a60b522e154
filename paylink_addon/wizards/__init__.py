# The subjects, in the order of ../models/__init__.py. Dialogs of `dispute` there are none.
from . import messaging
from . import link
from . import deposit
from . import statement
from . import stripe
from . import card
from . import autopay
from . import bank
from . import reminder
from . import answer
from . import desk
