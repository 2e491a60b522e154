"""Stage of ``payment.transaction``: stored methods and their charges."""

from datetime import date
from functools import partial

from markupsafe import Markup
from odoo import models
from odoo.exceptions import UserError
from odoo.tools import format_amount

from ...const import Task
from ...tools.texts import said
from .payment_transaction import id_of
from .payment_transaction_apply import INTENT_EXPAND


class PaymentTransactionToken(models.Model):
    """Storing the customer's method, and charging it later."""

    _inherit = "payment.transaction"

    # === STORING === #

    def _extract_token_values(self, payment_data):
        """The stored method, once Stripe has told enough of it; until then the details are asked for.

        Customer and method are those of the object that Stripe sent, which has been checked.
        """
        if not self._paylink_is_stripe():
            return super()._extract_token_values(payment_data)
        found = self._paylink_stripe_stored_method(payment_data)
        if not found:
            return {}
        method_id, customer_id, kind, details = found
        return {
            "provider_ref": method_id,
            "paylink_stripe_customer": customer_id,
            "paylink_stripe_account": self.provider_id.sudo().paylink_stripe_account,
            "paylink_stripe_type": kind,
            "paylink_stripe_mandate": details.get("mandate"),
            **self.env["payment.token"]._paylink_details(details),
        }

    def _paylink_stripe_stored_method(self, obj):
        """``(method id, customer id, type, details)`` of the method to store, or ``None`` if they are not all here."""
        intent = next(
            (obj[name] for name in ("payment_intent", "setup_intent") if isinstance(obj.get(name), dict)), obj
        )
        if intent["object"] == "setup_intent" and isinstance(intent.get("payment_method"), dict):
            method = intent["payment_method"]
            details = {**(method.get(method["type"]) or {}), "mandate": id_of(intent.get("mandate"))}
            return method["id"], id_of(intent["customer"]), method["type"], details
        charge = intent.get("latest_charge")
        if intent["object"] != "payment_intent" or not isinstance(charge, dict) or not intent.get("customer"):
            return None
        details = charge["payment_method_details"]
        kind, known = details["type"], details.get(details["type"]) or {}
        # iDEAL, Bancontact… leave a SEPA mandate behind, which is what can be charged again.
        generated = id_of(known.get("generated_sepa_debit"))
        if generated:
            mandate = id_of(known.get("generated_sepa_debit_mandate"))
            details = {"last4": known.get("iban_last4"), "bank_name": known.get("bank_name"), "mandate": mandate}
            return generated, id_of(intent["customer"]), "sepa_debit", details
        return id_of(intent["payment_method"]), id_of(intent["customer"]), kind, known

    def _tokenize(self, payment_data):
        """The token's method is the one that was stored."""
        stripe = self._paylink_is_stripe()
        result = super()._tokenize(payment_data)
        if self.paylink_todo == "details" and not self._paylink_stripe_lacks_details():
            self.paylink_todo = False
        if stripe and self.token_id and self.operation == "validation":
            kind = self.token_id.paylink_stripe_type
            known = {"brand": self.token_id.paylink_brand, "last4": self.token_id.payment_details}
            self.paylink_method_display = self._paylink_stripe_method_name(kind, known)
            self._paylink_stripe_note_method(kind, known)
            self.token_id.payment_method_id = self.payment_method_id
        return result

    # === CHARGING === #

    def _send_payment_request(self):
        """Have it sent once it is stored: what Odoo runs again must not charge twice."""
        if not self._paylink_is_stripe():
            return super()._send_payment_request()
        if self.state == "cancel":
            return None
        try:
            self._paylink_wish_and_send("charge")
        except UserError as error:  # an amount that Stripe can't charge
            self._set_error(str(error))
        return None

    def _paylink_stripe_ask_charge(self):
        """Make and confirm a PaymentIntent without the customer, who has consented when the method was stored."""
        token = self.token_id
        return self.provider_id._paylink_stripe().intent_create(
            key=self.paylink_key,
            amount=self._paylink_stripe_minor(),
            currency=self.currency_id.name.lower(),
            customer=token.paylink_stripe_customer,
            payment_method=token.provider_ref,
            off_session=True,
            confirm=True,
            # Methods that need the customer in a browser can't be charged this way.
            automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
            description=self.reference,
            metadata=self._paylink_stripe_metadata(),
            expand=list(INTENT_EXPAND),
            **self._paylink_stripe_consent(),
        )

    def _paylink_stripe_consent(self):
        """Canadian debits name the mandate that the customer has given.

        https://docs.stripe.com/payments/acss-debit/set-up-payment
        """
        token = self.token_id
        is_named = token.paylink_stripe_type == "acss_debit" and token.paylink_stripe_mandate
        return {"mandate": token.paylink_stripe_mandate} if is_named else {}

    def _paylink_stripe_seek_charge(self):
        """The PaymentIntent of a charge whose answer was lost."""
        stripe = self.provider_id._paylink_stripe()
        since = int(self.create_date.timestamp()) - 3600
        intent = self._paylink_stripe_seek(
            stripe.intents(customer=self.token_id.paylink_stripe_customer, created={"gte": since})
        )
        return intent and stripe.intent(intent["id"], expand=INTENT_EXPAND)

    # === REGISTERED PAYMENTS === #
    # How payments by stored methods that were registered in Accounting get into the books.

    def _paylink_outlives_payment(self):
        """What came by a method that was charged for a registered payment, too, until it is booked."""
        return super()._paylink_outlives_payment() or (self._paylink_is_stripe() and not self.is_post_processed)

    def _paylink_before_booking(self, new):
        """Give up the payments that waited for a charge that came to nothing."""
        new._paylink_registered().filtered(lambda tx: tx.state in ("error", "cancel"))._paylink_give_up_payment()
        return super()._paylink_before_booking(new)

    def _paylink_after_booking(self, new, unbooked):
        """Post the payments that waited for their charge; tell people of charges for no link that were declined."""
        result = super()._paylink_after_booking(new, unbooked)
        for tx in (new - unbooked)._paylink_registered().filtered(lambda tx: tx.state == "done"):
            tx.with_company(tx.company_id)._paylink_post_payment()
        for tx in new.filtered(lambda tx: tx._paylink_is_offline() and tx.state == "error" and not tx.paylink_id):
            tx._paylink_report_declined()
        return result

    def _paylink_is_offline(self):
        return self._paylink_is_stripe() and self.operation == "offline"

    def _paylink_registered(self):
        """Those that charge a stored method for a payment that was registered before."""
        return self.filtered(lambda tx: tx._paylink_is_offline() and tx.payment_id)

    def _paylink_give_up_payment(self):
        """Take the payments out of the books, also those whose entries somebody has posted meanwhile."""
        self.payment_id._paylink_undo()

    def _paylink_post_payment(self):
        payment = self.payment_id.with_context(paylink_booked_on=date.min)
        if payment._paylink_is_waiting():
            payment.date = self._paylink_booked_on()
            payment.action_post()
            payment._paylink_say_locked()
        items = self.invoice_ids.line_ids.filtered(lambda line: line._paylink_is_collectable())
        payment._paylink_reconcile([items])

    # === CHARGES THAT FAIL === #

    def _paylink_report_declined(self):
        """Nobody waits for the answer: give the salesperson, else the payment managers, a task on the document.

        What is charged for no document here (by another module) is left to whoever charges it.
        """
        document = self.invoice_ids[:1] or self.payment_id
        salesperson = self.invoice_ids.invoice_user_id.filtered(lambda user: user.active and not user.share)[:1]
        users = salesperson or self.company_id._paylink_managers()
        if not document or not users:
            return
        links = self._paylink_links_to_confirm(users[0]) if self.paylink_action_needed else ()
        texts = partial(self._paylink_declined_texts, links)
        self.env["paylink.task.mixin"]._give(document, Task.DECLINED, texts, users, about=self)

    def _paylink_links_to_confirm(self, user):
        """Links by which the customer can pay where the bank can ask them; nobody has been sent them."""
        owners = dict.fromkeys(self.invoice_ids, user)
        return self.env["paylink.link"].with_company(self.company_id)._links_for_invoices(owners).values()

    def _paylink_declined_texts(self, links, env):
        amount = format_amount(env, self.amount, self.currency_id)
        parts = [
            env._(
                "%(amount)s could not be charged to the stored method of %(partner)s (%(reference)s). The reason: "
                "%(reason)s",
                amount=amount,
                partner=self.partner_id.display_name,
                reference=self.reference,
                reason=said(self._paylink_last_reason(), env),
            )
        ]
        if links:
            parts.append(
                env._(
                    "The bank wants the customer to confirm the payment. Send them this link: %(links)s",
                    links=Markup(", ").join(link._get_html_link() for link in links),
                )
            )
        note = Markup("").join(Markup("<p>%s</p>") % part for part in parts)
        return env._("%(amount)s could not be charged", amount=amount), note
