"""The words of the add-on: states, their labels and what leads to them."""

# What a request for money can be (``paylink.link.state``). ``paid`` is final.
STATES = [
    ("draft", "Draft"),
    ("open", "Awaiting payment"),
    ("pending", "In progress"),
    ("failed", "Interrupted"),
    ("paid", "Paid"),
    ("expired", "Expired"),
    ("cancelled", "Canceled"),
]

# What people read (``paylink.link.status``): the state, told apart by what the customer did, and by what became of the
# money since.
STATUSES = [
    ("draft", "Draft"),
    ("not_opened", "Not opened"),
    ("opened", "Opened"),
    ("in_progress", "In progress"),
    ("interrupted", "Interrupted"),
    ("partly_paid", "Partly paid"),
    ("paid", "Paid"),
    ("settled", "Settled another way"),
    ("partly_refunded", "Partly refunded"),
    ("refunded", "Refunded"),
    ("chargeback", "Chargeback"),
    ("lost", "Unpaid (lost)"),
    ("expired", "Expired"),
    ("cancelled", "Canceled"),
]

# Who may read what is for employees alone: customers read their own links in the portal.
STAFF = "base.group_user"

# States in which the customer can pay, or is paying.
LIVE_STATES = ("open", "pending", "failed")

# How long a debt has been overdue, and up to how many days each lasts.
AGES = [
    ("credit", "Credit"),
    ("not_due", "Not due yet"),
    ("1_30", "1 to 30 days overdue"),
    ("31_60", "31 to 60 days overdue"),
    ("61_90", "61 to 90 days overdue"),
    ("90_more", "More than 90 days overdue"),
]
AGE_LIMITS = ((0, "not_due"), (30, "1_30"), (60, "31_60"), (90, "61_90"))

# Transactions that may still bring money, and those that have brought it.
IN_FLIGHT_STATES = ("pending", "authorized")

# Of payments whose money does not count: it never moved, or has come back.
VOID_STATES = ("canceled", "rejected")

# Length of a link's token: 18 random bytes are 144 bits, 24 characters in a URL (an SMS has few).
TOKEN_BYTES = 18

# Where the pages of customers are. What follows in the path is a token: whoever has it has the page, so that no log
# shows what follows one of these paths (see tools/redact.py). A page of another kind gets its path here.
PAY_PATH = "/pay"
ACCOUNT_PATH = "/account"
CARD_PATH = "/card"
CARD_OPEN_PATH = "/card/open"
AUTOPAY_PATH = "/autopay"
TOKEN_PATHS = (PAY_PATH, ACCOUNT_PATH, CARD_OPEN_PATH, CARD_PATH, AUTOPAY_PATH)
# The same in the query string.
TOKEN_PARAMETERS = ("token",)

MAX_ATTEMPTS_PARAMETER = "paylink_addon.max_attempts_per_hour"
DEFAULT_MAX_ATTEMPTS = 10

# Minutes after which a customer who went to a provider and did not come back has left; 0: never.
ABANDONED_AFTER_PARAMETER = "paylink_addon.abandoned_after_minutes"
DEFAULT_ABANDONED_AFTER = 60

# Days for which an authorized amount is taken to be reserved, where the provider does not say it.
AUTHORIZATION_DAYS = 7

# As how many SMS a text may be sent; phones join them again, and each is billed.
MAX_SMS_PARTS = 4


class Task:
    """What people are given tasks about (``mail.activity.paylink_key``), who gets them and where.

    Where several of one key may stand on the same record, the key is followed by the id of what each is about. How they
    are given: ``paylink.task.mixin``. They end by themselves when what they ask for is done: a method of what they are
    about says so, ``_paylink_done_<key>`` (``paylink.ending.mixin``). Add-ons beside this one have keys of their own.
    """

    # On a collection link, for its owner.
    NOT_CANCELLED = "link_not_cancelled"  # the provider did not release what the customer has authorized
    RENEWAL = "link_renewal"  # the customer asks for a new link
    ADDRESS_REPLACED = "link_address_replaced"  # the statement page that had led to it was revoked
    LOST_DOCUMENTS = "link_lost_documents"  # what it asked for is gone
    NOT_BOOKED = "payment_not_booked"
    PAYMENT_FAILED = "payment_failed"  # long after the customer's part of it; one for each payment, ever
    EXCESS = "payment_excess"  # too much was paid; one for each payment
    OVERTAKEN = "payment_overtaken"  # on its way, and not needed anymore; one for each payment, ever
    PLAN_BROKEN = "plan_broken"  # a part was not paid: its payment plan has ended
    PLAN_UNTOLD = "plan_untold"  # a part is due, and there is no address to ask for it; one for each link, ever
    PLAN_UNREACHED = "plan_unreached"  # a part is due, and the message did not arrive; one for each link, ever
    DEPOSIT_AUTHORIZED = "deposit_authorized"  # its order ends: capture or release
    DEPOSIT_NOT_CONFIRMED = "deposit_not_confirmed"  # paid, and Odoo refuses to confirm or invoice the order
    DEPOSIT_CANCELLED = "deposit_cancelled"  # paid, and its order was cancelled
    DEPOSIT_FOREIGN = "deposit_foreign"  # paid, and its order has become another customer's
    ANSWER_OBJECTION = "answer_objection"  # the customer says that something is wrong; one for each answer
    # On the link, else on the payment that was to be refunded or captured; one for each transaction.
    REFUND_UNANSWERED = "refund_unanswered"  # nobody knows whether the provider has made it
    CHARGE_UNANSWERED = "charge_unanswered"  # likewise of a charge, capture or release
    REFUND_FAILED = "refund_failed"
    CAPTURE_FAILED = "capture_failed"
    # On the document, for the salesperson, else the payment managers; one for each transaction.
    DECLINED = "charge_declined"  # a stored method could not be charged
    # On the customer, for the owner of what the stored method came from, else the salesperson or the payment managers.
    PROFILE_EXPIRES = "profile_expires"  # a stored card is to be replaced
    PROFILE_GONE = "profile_gone"  # the customer or the bank has removed one that was relied on; one for each
    # On a card request whose owner has left, for the payment managers.
    CARD_TO_LINK = "card_to_link"  # what a new customer has stored waits to be linked
    # For the payment managers, on no record; one for each page.
    CARD_PAGE_FULL = "card_page_full"  # too many codes were asked for
    # On the link of a charge by rule, for who is responsible for the rule; one for each charge.
    AUTOPAY_FAILED = "autopay_failed"  # it is not tried again
    # On the customer's page of automatic payments, likewise.
    AUTOPAY_OBJECTION = "autopay_objection"  # the customer does not want a document to be charged; one for each
    AUTOPAY_OFF = "autopay_off"  # the customer has switched it off
    # On a customer, likewise.
    AUTOPAY_ADDRESS = "autopay_address"  # a charge can't be announced: there is no e-mail address
    AUTOPAY_LEFT_OUT = "autopay_left_out"  # a limit, the provider or an address keeps it from being charged
    # On the autopay rule itself, likewise.
    AUTOPAY_TEMPLATE = "autopay_template"  # the e-mail that announces charges was deleted
    # For the payment managers: on the link where there is one.
    EVENT = "provider_event"  # a message was refused, or could not be handled; one for each
    ANSWER_REFUSED = "provider_answer_refused"  # one for each transaction, ever
    PAGE_REFUSED = "provider_page_refused"  # where there is no link, one for each transaction
    KEY_REFUSED = "provider_key_refused"  # never on a link; one for each provider
    # On a chargeback, for the owner of the link and the payment managers.
    CHARGEBACK_ANSWER = "chargeback_answer"
    CHARGEBACK_LOST = "chargeback_lost"  # what it had paid is due again
    CHARGEBACK_EXCESS = "chargeback_excess"  # what came back is not needed anymore
    CHARGEBACK_FEE = "chargeback_fee"  # there is no account to book it on
    # On the account at Stripe, for the payment managers.
    BALANCE_DIFFERENCE = "balance_difference"  # the books do not say what Stripe says
    BALANCE_UNREAD = "balance_unread"  # it could not be read or booked for a day
    # On a customer, for who is responsible for the reminder rule.
    REMINDER_ADDRESS = "reminder_address"
    REMINDER_UNDELIVERED = "reminder_undelivered"
    # On the rule itself; one for each template.
    REMINDER_TEMPLATE = "reminder_template"
    # For the payment managers: on what a scheduled job could not do its work with, where that has tasks; the key is
    # followed by the work and the model. For an administrator: a part of a job has failed; the key is followed by it.
    JOB = "job_failed"
    # For an administrator, on no record; once, ever.
    NO_PDF = "no_pdf"
    # On a customer, or on a rule.
    REMINDER_ERROR = "reminder_error"
