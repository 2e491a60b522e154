from . import test_answers
from . import test_promises
