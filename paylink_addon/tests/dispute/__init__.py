from . import test_dispute_tours
from . import test_disputes
