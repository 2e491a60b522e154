"""The words of Stripe: events, methods, languages and currencies, as its documentation gives them."""

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

# ``payment.provider.code``.
STRIPE_CODE = "stripe_checkout"

# What Stripe tells our webhook of, and what it says to people. https://docs.stripe.com/api/events/types
STRIPE_EVENTS = {
    "checkout.session.completed": _lt("Payment page completed"),
    "checkout.session.async_payment_succeeded": _lt("Delayed payment received"),
    "checkout.session.async_payment_failed": _lt("Delayed payment failed"),
    "checkout.session.expired": _lt("Payment page expired"),
    "payment_intent.succeeded": _lt("Payment received"),
    "payment_intent.processing": _lt("Payment in progress"),
    "payment_intent.payment_failed": _lt("Payment failed"),
    "payment_intent.canceled": _lt("Payment canceled"),
    "payment_intent.amount_capturable_updated": _lt("Payment authorized"),
    "setup_intent.succeeded": _lt("Payment method stored"),
    "setup_intent.setup_failed": _lt("Payment method not stored"),
    "payment_method.automatically_updated": _lt("Stored payment method renewed by the bank"),
    "payment_method.updated": _lt("Stored payment method updated"),
    "payment_method.detached": _lt("Stored payment method removed"),
    "mandate.updated": _lt("Mandate updated"),
    "customer.deleted": _lt("Customer deleted at Stripe"),
    "charge.succeeded": _lt("Amount charged"),
    "charge.refunded": _lt("Payment refunded"),
    "refund.created": _lt("Refund started"),
    "refund.updated": _lt("Refund updated"),
    "refund.failed": _lt("Refund failed"),
    "charge.dispute.created": _lt("Chargeback opened"),
    "charge.dispute.updated": _lt("Chargeback updated"),
    "charge.dispute.funds_withdrawn": _lt("Chargeback: money taken back"),
    "charge.dispute.funds_reinstated": _lt("Chargeback: money given back"),
    "charge.dispute.closed": _lt("Chargeback closed"),
    "payout.created": _lt("Payout created"),
    "payout.updated": _lt("Payout updated"),
    "payout.paid": _lt("Payout made"),
    "payout.failed": _lt("Payout failed"),
    "payout.canceled": _lt("Payout canceled"),
    "payout.reconciliation_completed": _lt("Payout: details complete"),
}

# What is paid when these happen. Of what only an object tells, the message may come late.
MOVING_EVENTS = (
    "payment_intent.succeeded",
    "charge.succeeded",
    "checkout.session.async_payment_succeeded",
    "refund.failed",
)
# Of which it is known days after the charge whether they succeed, by Stripe's types.
# https://docs.stripe.com/payments/payment-methods#payment-notification
DELAYED_METHODS = (
    *("sepa_debit", "acss_debit", "us_bank_account", "bacs_debit", "au_becs_debit", "nz_bank_account"),
    *("boleto", "konbini", "oxxo", "multibanco", "customer_balance"),
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

# What can be stored there without a payment, by Odoo's code: Stripe's type, and the currencies that it can be charged
# in (none: all). https://docs.stripe.com/payments/payment-methods/payment-method-support
STRIPE_STORABLE = {
    "card": ("card", ()),
    "sepa_direct_debit": ("sepa_debit", ("EUR",)),
    "acss_debit": ("acss_debit", ("CAD", "USD")),
    "ach_direct_debit": ("us_bank_account", ("USD",)),
    "bacs_direct_debit": ("bacs_debit", ("GBP",)),
    "becs_direct_debit": ("au_becs_debit", ("AUD",)),
}

# Languages of Stripe's page. https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-locale
# fmt: off
STRIPE_LOCALES = frozenset((
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hi-IN", "hr",
    "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl",
    "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
))
# fmt: on

# The least that can be charged, in minor units, where Stripe names one. Of what is settled in another currency, it
# takes no less than the equivalent of that one's. https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
STRIPE_LEAST = {
    **dict.fromkeys(("AUD", "BRL", "CAD", "CHF", "EUR", "INR", "JPY", "NZD", "SGD", "USD"), 50),
    **dict.fromkeys(("AED", "MYR", "PLN", "RON"), 200),
    **dict.fromkeys(("NOK", "SEK"), 300),
    **dict.fromkeys(("MXN", "THB"), 1000),
    "BGN": 100,
    "CZK": 1500,
    "DKK": 250,
    "GBP": 30,
    "HKD": 400,
    "HUF": 17500,
}
# How many digits, in minor units, the most has that can be charged.
STRIPE_DIGITS = {"COP": 10, "HUF": 10, "IDR": 12, "INR": 9, "JPY": 10, "LBP": 12}
STRIPE_DIGITS_DEFAULT = 8

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
