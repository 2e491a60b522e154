from . import paylink_statement
from . import paylink_statement_page
from . import paylink_statement_files
from . import paylink_link
from . import res_partner
