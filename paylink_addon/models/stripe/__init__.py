# A model before its stages, which extend it.
from . import payment_provider
from . import payment_provider_sweep
from . import payment_transaction
from . import payment_transaction_apply
from . import payment_transaction_requests
from . import payment_transaction_checkout
from . import payment_transaction_token
from . import res_config_settings
from . import payment_transaction_refund
from . import payment_transaction_tasks
from . import payment_token
from . import account_payment
from . import paylink_stripe_customer
from . import paylink_event
from . import paylink_event_run
from . import paylink_dispute
from . import paylink_link
