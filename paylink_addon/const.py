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

# === STRIPE CHECKOUT === #

STRIPE_CODE = "stripe_checkout"

# What Stripe tells our webhook of. https://docs.stripe.com/api/events/types
STRIPE_EVENTS = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.processing",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.amount_capturable_updated",
    "setup_intent.succeeded",
    "setup_intent.setup_failed",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "charge.succeeded",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "payout.created",
    "payout.updated",
    "payout.paid",
    "payout.failed",
    "payout.canceled",
    "payout.reconciliation_completed",
)

# Stripe's types of payment methods, where Odoo has another code for them. Card brands come by their own name.
STRIPE_METHODS = {
    "sepa_debit": "sepa_direct_debit",
    "us_bank_account": "ach_direct_debit",
    "bacs_debit": "bacs_direct_debit",
    "au_becs_debit": "becs_direct_debit",
    "afterpay_clearpay": "afterpay",
    "cashapp": "cash_app_pay",
    "mobilepay": "mobile_pay",
}

# Languages of Stripe's page. https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-locale
# fmt: off
STRIPE_LOCALES = frozenset((
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hi-IN", "hr",
    "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl",
    "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
))
# fmt: on

# Currencies that can be charged. https://docs.stripe.com/currencies#presentment-currencies
# fmt: off
STRIPE_CURRENCIES = frozenset((
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BIF",
    "BMD", "BND", "BOB", "BRL", "BSD", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP", "CRC", "CVE",
    "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GIP", "GMD", "GNF", "GTQ",
    "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF",
    "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP",
    "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK",
    "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SEK", "SGD", "SHP", "SLE",
    "SOS", "SRD", "STD", "SZL", "THB", "TJS", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU",
    "UZS", "VND", "VUV", "WST", "XAF", "XCD", "XOF", "XPF", "YER", "ZAR", "ZMW",
))
# fmt: on
