import secrets

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ...tools.money import STRIPE, MoneyError, to_major, to_minor
from .const import STRIPE_CODE

# Where an object of Stripe's names what we have stored: object type → field → its own field.
REFERENCES = {
    "checkout.session": {"paylink_stripe_session": "id", "paylink_stripe_intent": "payment_intent"},
    "payment_intent": {"paylink_stripe_intent": "id"},
    "setup_intent": {"paylink_stripe_intent": "id"},
    "charge": {"paylink_stripe_intent": "payment_intent"},
    "refund": {"paylink_stripe_refund": "id", "paylink_stripe_intent": "payment_intent"},
    "dispute": {"paylink_stripe_intent": "payment_intent"},
}
# As much as a Checkout Session keeps of our reference.
MAX_REFERENCE = 200
# The session in them looks as it did while the payment was pending.
FAILURE_EVENTS = ("checkout.session.async_payment_failed",)


class PaylinkStripeMismatch(ValidationError):
    """What Stripe says does not belong to this transaction: another payment, amount, currency, account or mode."""


def id_of(reference):
    """The id in a field that holds one, or the object itself where it was expanded."""
    return reference["id"] if isinstance(reference, dict) else reference


class PaymentTransaction(models.Model):
    """Payments by Stripe Checkout: what is kept, how a message finds its transaction, and what it must match."""

    _inherit = "payment.transaction"

    paylink_stripe_session = fields.Char(string="Checkout Session", copy=False, readonly=True)
    paylink_stripe_intent = fields.Char(string="PaymentIntent", copy=False, readonly=True)
    paylink_stripe_charge = fields.Char(string="Charge", copy=False, readonly=True)
    paylink_stripe_refund = fields.Char(string="Stripe Refund", copy=False, readonly=True)
    paylink_stripe_decline_code = fields.Char(
        string="Decline Code", copy=False, readonly=True, help="Why the last try was declined, in Stripe's words."
    )
    paylink_stripe_declined = fields.Json(string="Declined Charges", copy=False, readonly=True)
    paylink_action_needed = fields.Boolean(
        string="Customer must confirm",
        copy=False,
        readonly=True,
        help="The bank wants the customer to confirm the payment: it can't be repeated without them.",
    )
    paylink_never_again = fields.Boolean(
        string="Not to be tried again",
        copy=False,
        readonly=True,
        help="The bank has said that the stored method is not to be charged again.",
    )

    _paylink_stripe_session_unique = models.UniqueIndex(
        "(paylink_stripe_session, provider_id) WHERE paylink_stripe_session IS NOT NULL"
    )
    _paylink_stripe_intent_unique = models.UniqueIndex(
        "(paylink_stripe_intent, provider_id) WHERE paylink_stripe_intent IS NOT NULL"
    )
    _paylink_stripe_refund_unique = models.UniqueIndex(
        "(paylink_stripe_refund, provider_id) WHERE paylink_stripe_refund IS NOT NULL"
    )

    # === CREATION === #

    @api.model
    def _get_specific_create_values(self, provider_code, values):
        """Each attempt has a key of its own, stored before anything is asked of Stripe."""
        found = super()._get_specific_create_values(provider_code, values)
        if provider_code == STRIPE_CODE:
            found = dict(found, paylink_key=secrets.token_urlsafe(24))
        return found

    def _paylink_is_stripe(self):
        self.ensure_one()
        return self.provider_code == STRIPE_CODE

    def _paylink_stripe_metadata(self):
        """What tells our objects at Stripe from others."""
        return {
            "paylink_tx": str(self.id),
            "paylink_db": self.env["payment.provider"]._paylink_database_uuid(),
            "paylink_reference": self.reference[:500],
        }

    def _paylink_stripe_minor(self):
        """The transaction's amount in minor units, positive.

        :raise UserError: Stripe can't express it
        """
        return self._paylink_stripe_to_minor(abs(self.amount))

    def _paylink_stripe_to_minor(self, amount):
        """An amount of the transaction's currency in minor units.

        :raise UserError: Stripe can't express it
        """
        code = self.currency_id.name
        try:
            return to_minor(amount, code)
        except MoneyError:
            raise UserError(
                self.env._(
                    "Stripe can't process exactly %(amount)s %(currency)s: it takes amounts in %(currency)s in steps "
                    "of %(step)s. Change the amount.",
                    amount=f"{amount:.{self.currency_id.decimal_places}f}",
                    currency=code,
                    step=to_major(STRIPE.step_of(code), code),
                )
            ) from None

    # === ACTIONS === #

    def action_paylink_view_events(self):
        """Show who looks after payments what the provider has told about this transaction."""
        self.ensure_one()
        self.check_access("read")
        self.env["paylink.event"].check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_event_action")
        return action | {"domain": [("transaction_id", "=", self.id)], "context": {}}

    # === FINDING === #

    @api.model
    def _paylink_stripe_find(self, provider, objects):
        """The transactions that objects of Stripe's are about, in a constant number of queries.

        By the ids that we stored; else by the metadata that we gave the object, which is checked when it is applied.

        :param provider: the ``payment.provider`` whose account the objects come from
        :param list objects: Stripe's objects, as ``dict``
        :return: list, parallel to ``objects``, of one transaction or none; a charge or PaymentIntent that was captured
            in parts finds the authorization, a refund that Odoo does not know the payment it is of
        """
        objects = list(objects)
        wanted = [self._paylink_stripe_references(found) for found in objects]
        conditions = {}
        for references in wanted:
            for name, value in references:
                conditions.setdefault(name, set()).add(value)
        if not conditions:
            return [self.browse() for _found in objects]
        any_of = Domain.OR([(name, "in", list(values))] for name, values in conditions.items())
        candidates = self.sudo().search_fetch(Domain("provider_id", "=", provider.id) & any_of)
        known = {(name, tx[name]): tx for tx in candidates for name in conditions if tx[name]}
        return [
            next((known[reference] for reference in references if reference in known), self.browse())
            for references in wanted
        ]

    @api.model
    def _paylink_stripe_references(self, found):
        """What an object names of ours, as ``(field, value)``, the surest first."""
        names = REFERENCES.get(found.get("object"), {})
        references = [(name, id_of(found.get(key))) for name, key in names.items() if found.get(key)]
        metadata = found.get("metadata") or {}
        tx_id = metadata.get("paylink_tx") or ""
        if tx_id.isdecimal() and metadata.get("paylink_db") == self.env["payment.provider"]._paylink_database_uuid():
            # A refund's own transaction is surer than that of the payment it is of.
            position = 1 if found["object"] == "refund" else len(references)
            references.insert(position, ("id", int(tx_id)))
        return references

    # === APPLYING === #

    def _paylink_stripe_apply(self, obj, event_type=None):
        """Bring the transaction to what an object of Stripe's says. Idempotent; what is old news changes nothing.

        Asks Stripe only where the object can't decide. Does not post-process.

        :param dict obj: a Stripe object that :meth:`_paylink_stripe_find` led here
        :param str event_type: type of the event that brought it
        :raise PaylinkStripeMismatch: it does not belong to this transaction; nothing is changed
        """
        self.ensure_one()
        tx = self.sudo()
        if event_type in FAILURE_EVENTS and tx.state in ("draft", "pending"):
            tx._paylink_stripe_check(obj)
            obj = tx._paylink_stripe_fetch(id_of(obj["payment_intent"])) | {"paylink_final": True}
        tx._process(STRIPE_CODE, obj)

    def _extract_amount_data(self, payment_data):
        """Amounts are compared exactly, in minor units, by :meth:`_paylink_stripe_check`."""
        if not self._paylink_is_stripe():
            return super()._extract_amount_data(payment_data)
        return None

    def _apply_updates(self, payment_data):
        """Check, then dispatch by the kind of object."""
        if not self._paylink_is_stripe():
            return super()._apply_updates(payment_data)
        if payment_data["object"] == "payment_intent" and self.operation != "refund" and self.source_transaction_id:
            # What was captured or voided is told by the PaymentIntent of the authorization.
            return self._paylink_stripe_payment()._apply_updates(payment_data)
        kind = payment_data["object"].replace(".", "_")
        apply = getattr(self, f"_paylink_stripe_apply_{kind}", None)
        if apply:
            self._paylink_stripe_check(payment_data)
            apply(payment_data)
        return None

    def _paylink_late_sources(self, target):
        """Money that Stripe says has come is never refused."""
        late = super()._paylink_late_sources(target)
        taken = target == "done" and self._paylink_is_stripe() and self.operation != "refund"
        return tuple(dict.fromkeys((*late, "cancel"))) if taken else late

    def _paylink_have_booked(self):
        """What is not a link's is booked by Odoo's job, at once."""
        result = super()._paylink_have_booked()
        native = self.filtered(lambda tx: tx._paylink_is_stripe() and not tx.paylink_id)
        if native.filtered(lambda tx: tx.state in ("done", "cancel")):
            self.env["paylink.job.mixin"]._wake("payment.cron_post_process_payment_tx")
        return result

    # === WHAT WE CLOSE === #

    @api.model
    def _paylink_portal_domain(self):
        """Pages at Stripe, which we can close there."""
        ours = Domain("paylink_id", "=", False) & Domain("provider_code", "=", STRIPE_CODE)
        return super()._paylink_portal_domain() | ours

    # === CHECKS === #

    def _paylink_stripe_check(self, obj):
        """Refuse what is not this transaction's.

        :raise PaylinkStripeMismatch: see there
        """
        facts = getattr(self, f"_paylink_stripe_facts_{obj['object'].replace('.', '_')}", None)
        for name, expected, found in facts(obj) if facts else ():
            if found is not None and expected is not None and found != expected:
                raise PaylinkStripeMismatch(
                    self.env._(
                        "%(object)s is not a message about %(reference)s: its %(name)s is %(found)s, not %(expected)s.",
                        object=obj.get("id") or obj["object"],
                        reference=self.reference,
                        name=name,
                        found=found,
                        expected=expected,
                    )
                )

    def _paylink_stripe_common_facts(self, obj, amount):
        """What all objects must agree on: ``(name, expected, found)``; ``None`` where one of them does not know."""
        return [
            ("mode", self.is_live, obj.get("livemode")),
            ("currency", self.currency_id.name.lower(), obj.get("currency")),
            ("amount", self._paylink_stripe_minor(), amount),
        ]

    def _paylink_stripe_facts_checkout_session(self, obj):
        metadata = obj.get("metadata") or {}
        return [
            ("Checkout Session", self.paylink_stripe_session or None, obj["id"]),
            ("PaymentIntent", self.paylink_stripe_intent or None, id_of(obj.get("payment_intent"))),
            ("reference", self.reference[:MAX_REFERENCE], obj.get("client_reference_id")),
            ("transaction", str(self.id), metadata.get("paylink_tx")),
            *self._paylink_stripe_common_facts(obj, obj.get("amount_total")),
        ]

    def _paylink_stripe_facts_payment_intent(self, obj):
        return [
            ("PaymentIntent", self.paylink_stripe_intent or None, obj["id"]),
            ("transaction", str(self.id), (obj.get("metadata") or {}).get("paylink_tx")),
            *self._paylink_stripe_common_facts(obj, obj.get("amount")),
        ]

    def _paylink_stripe_facts_setup_intent(self, obj):
        return [
            ("SetupIntent", self.paylink_stripe_intent or None, obj["id"]),
            ("mode", self.is_live, obj.get("livemode")),
        ]

    def _paylink_stripe_facts_charge(self, obj):
        return [
            ("PaymentIntent", self.paylink_stripe_intent or None, id_of(obj.get("payment_intent"))),
            *self._paylink_stripe_common_facts(obj, obj.get("amount")),
        ]

    def _paylink_stripe_facts_refund(self, obj):
        """A refund's own transaction has its amount; the payment it is of has at least that."""
        payment = self._paylink_stripe_payment()
        facts = [
            ("PaymentIntent", payment.paylink_stripe_intent or None, id_of(obj.get("payment_intent"))),
            ("currency", self.currency_id.name.lower(), obj.get("currency")),
        ]
        if self.operation == "refund":
            facts += [
                ("refund", self.paylink_stripe_refund or None, obj["id"]),
                ("amount", self._paylink_stripe_minor(), obj.get("amount")),
            ]
        return facts

    def _paylink_stripe_payment(self):
        """The transaction that has the PaymentIntent: of a refund, capture or void the one it comes from."""
        self.ensure_one()
        payment = self
        while payment.source_transaction_id and not payment.paylink_stripe_intent:
            payment = payment.source_transaction_id
        return payment

    # === DISPUTES === #

    def _paylink_stripe_facts_dispute(self, obj):
        """A dispute is of a payment, of all of it or a part; exchange rates may make it more."""
        return [
            ("PaymentIntent", self.paylink_stripe_intent or None, id_of(obj.get("payment_intent"))),
            ("mode", self.is_live, obj.get("livemode")),
            ("currency", self.currency_id.name.lower(), obj.get("currency")),
        ]

    def _paylink_stripe_dispute(self, obj):
        """Apply a dispute to its payment, which is booked first if it is not yet.

        :return: the transaction
        """
        self.ensure_one()
        self._paylink_stripe_check(obj)
        if self.state != "done" and not self._paylink_settled_parts():
            # Its own message is late: what is charged back was paid.
            self._paylink_stripe_apply(self._paylink_stripe_fetch(id_of(obj["payment_intent"])))
        self.env["paylink.event"]._post_process(self)
        self.env["paylink.dispute"].sudo()._stripe_apply(self, obj)
        return self
