from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import email_normalize

STORED_STATES = ("authorized", "done")
FAILED_STATES = ("error", "cancel")


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    paylink_card_request_id = fields.Many2one(
        "paylink.card.request", string="Card Request", readonly=True, index="btree_not_null", ondelete="restrict"
    )
    paylink_by_code = fields.Boolean(
        string="By a Code",
        readonly=True,
        copy=False,
        help="Who paid had a code that was sent to the address of the owner of the payment method.",
    )

    def _paylink_asked_by(self):
        return self.paylink_card_request_id or super()._paylink_asked_by()

    @api.model
    def _paylink_asked_domain(self):
        return super()._paylink_asked_domain() | Domain("paylink_card_request_id", "!=", False)

    def _paylink_closable(self):
        return super()._paylink_closable() | self.filtered(
            lambda tx: tx.state == "draft" and tx.paylink_card_request_id
        )

    def _paylink_is_overtaken(self):
        return super()._paylink_is_overtaken() or bool(
            self.paylink_card_request_id and not self.paylink_card_request_id._awaits_customer()
        )

    def _paylink_card_attempts(self):
        """The customers' attempts to store a method that have led to something; not those that we closed ourselves."""
        return self.filtered(
            lambda tx: (
                tx.paylink_abandoned
                or tx.paylink_decline_count
                or tx.state not in ("draft", "cancel")
                or (tx.state == "cancel" and not tx.paylink_closed)
            )
        )

    def _paylink_card_tries(self):
        """How often the customers tried: on a provider's page they may try several cards in one attempt."""
        return sum(
            tx.paylink_decline_count + (tx.state not in ("draft", "cancel") or not tx.paylink_decline_count)
            for tx in self._paylink_card_attempts()
        )

    def _paylink_card_used(self):
        """Those in which a card was tried, whatever came of it; who only leaves the page has tried none."""
        return self.filtered(lambda tx: tx.paylink_decline_count or tx.state not in ("draft", "cancel"))

    def _paylink_methods_asked_for(self):
        """What the template of the request accepts."""
        template = self.sudo().paylink_card_request_id.template_id.with_context(active_test=False)
        return template.method_ids.mapped("code") or super()._paylink_methods_asked_for()

    def _paylink_stripe_stranger(self):
        """Who stores a method before being anybody's customer."""
        request = self.paylink_card_request_id
        if not request.is_new:
            return super()._paylink_stripe_stranger()
        return {"email": email_normalize(request.given_email or request.email)}

    def _paylink_is_business(self):
        return super()._paylink_is_business() or self.paylink_card_request_id._is_business()

    def _tokenize(self, payment_data):
        """What a customer was asked to store may be stored now."""
        result = super()._tokenize(payment_data)
        self._paylink_card_stored()
        return result

    def _update_state(self, allowed_states, target_state, state_message):
        """Each change is told on the request; some providers give the method before they say that it works."""
        updated = super()._update_state(allowed_states, target_state, state_message)
        for tx in updated.filtered("paylink_card_request_id"):
            tx.sudo().paylink_card_request_id._attempt_changed(tx, state_message)
        updated._paylink_card_stored()
        failed = updated.filtered(lambda tx: tx.paylink_card_request_id and tx.token_id and tx.state in FAILED_STATES)
        # A method that does not work is nobody's to charge.
        (failed.token_id - failed.sudo().paylink_card_request_id.token_id).active = False
        return updated

    def _paylink_card_stored(self):
        """Those whose method is stored, and works, have led their request to its end."""
        for tx in self.filtered(lambda tx: tx.paylink_card_request_id and tx.token_id and tx.state in STORED_STATES):
            tx.sudo().paylink_card_request_id._store(tx.token_id)
