# Mixins before who inherits them: a request is all of these.
from . import paylink_guard_mixin
from . import paylink_pdf_mixin
from . import paylink_customer_mixin
from . import paylink_sending_mixin
from . import mail_activity
from . import paylink_job_mixin
from . import paylink_server_mixin
from . import paylink_task_mixin
from . import paylink_request_mixin
from . import ir_http
from . import ir_qweb
from . import mail_mail
from . import mail_message
from . import mail_thread
from . import res_lang
from . import res_partner
from . import res_company
