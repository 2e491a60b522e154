"""Stage of ``payment.transaction``: customers who go to a provider's page, and do not come back, or late."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import LazyTranslate

from ...const import ABANDONED_AFTER_PARAMETER, DEFAULT_ABANDONED_AFTER
from ...tools.hooks import named_hook
from ...tools.parameters import whole_number
from .payment_transaction import BATCH, ON_REQUEST

_lt = LazyTranslate(__name__)
LEFT = _lt("The customer left without paying.")


class PaymentTransactionAbandoned(models.Model):
    """Who does not answer is given up after a while: the attempt counts, and a late payment is still accepted."""

    _inherit = "payment.transaction"

    paylink_returned_at = fields.Datetime(
        string="Came back on",
        copy=False,
        readonly=True,
        help="When the customer, who had been given up, was led to the provider's page again.",
    )

    def _paylink_leads_to(self):
        """Where the customer of this attempt goes on, as a URL, where that takes no form of the provider; else none.
        May commit.

        :raise UserError: with a text for the customer
        """
        self.ensure_one()
        return named_hook(self, "paylink_leads_to", self.provider_code)()

    def _paylink_leads_to_general(self):
        """Hook, by the code of the provider (``_paylink_leads_to_<code>``)."""
        return

    def _paylink_leads_to_custom(self):
        """Odoo's wire transfer has no page: its form only tells that it was chosen."""
        self._process("custom", {"reference": self.reference})
        return "/payment/status"

    def _paylink_abandoned_after(self):
        """Hook: how long after its creation an unanswered attempt is given up.

        :return: a ``timedelta``, or ``False``: never
        """
        self.ensure_one()
        return self._paylink_patience()

    def _paylink_page_lasts(self):
        """Hook: whether the page at the provider stays, and tells its end by itself, when the customer is given up: who
        comes back to it late may still pay there.
        """
        self.ensure_one()
        return False

    @api.model
    def _paylink_patience(self):
        """How long we take a customer to be at a provider, as a ``timedelta``; ``False``: for ever."""
        minutes = whole_number(self.env, ABANDONED_AFTER_PARAMETER, DEFAULT_ABANDONED_AFTER)
        return bool(minutes) and timedelta(minutes=minutes)

    @api.model
    def _paylink_close_abandoned(self):
        """Close the attempts whose customers have not come back."""
        waiting = self.search(
            self._paylink_asked_domain() & Domain("state", "=", "draft") & Domain("paylink_abandoned", "=", False),
            order="id",
        )
        return self.env["paylink.job.mixin"]._each(
            waiting, lambda tx: tx._paylink_timed_out()._paylink_abandon(), size=BATCH, place=ON_REQUEST
        )

    def _paylink_timed_out(self):
        """Those whose customers have had their time."""
        now = fields.Datetime.now()
        return self._paylink_closable().filtered(
            lambda tx: (
                not tx.paylink_abandoned
                and (after := tx._paylink_abandoned_after())
                and (tx.paylink_returned_at or tx.create_date) + after <= now
            )
        )

    def _paylink_abandon(self):
        """Give attempts up as the customer's choice: they count, and the request is *Interrupted*. That is told once,
        however often the customer comes back to the same page.
        """
        for tx in self.filtered(lambda tx: not tx.paylink_abandoned):
            tx.sudo().paylink_abandoned = True
            asked_by = tx._paylink_asked_by()
            if not tx.paylink_returned_at:
                asked_by._log_events("attempt_abandoned", {asked_by.id: LEFT} if tx.paylink_id else None)
            if not tx._paylink_page_lasts():
                tx._paylink_close(LEFT)

    def _paylink_note_return(self):
        """The customer who had been given up is at the provider again, and has as much time as at first."""
        self.filtered("paylink_abandoned").write(
            {"paylink_abandoned": False, "paylink_returned_at": fields.Datetime.now()}
        )
