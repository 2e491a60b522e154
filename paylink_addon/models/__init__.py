# The subjects, in the order in which they may call each other (docs/architecture.md): one extends what those above it
# define.
from . import messaging
from . import link
from . import deposit
from . import statement
from . import dispute
from . import stripe
from . import card
from . import autopay
from . import bank
from . import reminder
from . import answer
from . import desk
