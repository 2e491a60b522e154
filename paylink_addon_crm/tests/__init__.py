from . import test_opportunity
from . import test_opportunity_tours
