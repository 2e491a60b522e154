from . import test_answers
from . import test_plan
from . import test_plan_make
from . import test_promises
