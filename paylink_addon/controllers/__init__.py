from . import pay
from . import portal
from . import status
