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

# What people read (``paylink.link.status``): the state, told apart by what the customer did.
STATUSES = [
    ("draft", "Draft"),
    ("not_opened", "Not opened"),
    ("opened", "Opened"),
    ("in_progress", "In progress"),
    ("interrupted", "Interrupted"),
    ("partly_paid", "Partly paid"),
    ("paid", "Paid"),
    ("expired", "Expired"),
    ("cancelled", "Canceled"),
]

# States in which the customer can pay, or is paying.
LIVE_STATES = ("open", "pending", "failed")

# Transactions that may still bring money, and those that have brought it.
IN_FLIGHT_STATES = ("pending", "authorized")

# Length of a link's token: 18 random bytes are 144 bits, 24 characters in a URL (an SMS has few).
TOKEN_BYTES = 18

MAX_ATTEMPTS_PARAMETER = "paylink_addon.max_attempts_per_hour"
DEFAULT_MAX_ATTEMPTS = 10

# Minutes after which a customer who went to a provider and did not come back has left; 0: never.
ABANDONED_AFTER_PARAMETER = "paylink_addon.abandoned_after_minutes"
DEFAULT_ABANDONED_AFTER = 60

# Days for which an authorized amount is taken to be reserved, where the provider does not say it.
AUTHORIZATION_DAYS = 7

# One SMS in the GSM alphabet; each part of a longer one, which phones join again (each is billed); how many are sent.
SMS_LENGTH = 160
SMS_PART_LENGTH = 153
MAX_SMS_PARTS = 4
