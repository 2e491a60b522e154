from . import test_answers
from . import test_answers_browser
from . import test_forward
from . import test_objection
from . import test_plan
from . import test_plan_browser
from . import test_plan_make
from . import test_promises
