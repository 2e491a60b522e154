from . import test_bulk
from . import test_checklist
from . import test_desk_rights
from . import test_desk_tours
from . import test_export
from . import test_lists
from . import test_owed
from . import test_unread
