from datetime import date

from odoo import fields, models
from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)


class PaymentTransaction(models.Model):
    """Parts of payment plans: what is agreed on with a payment, and charges of stored methods."""

    _inherit = "payment.transaction"

    paylink_for_later = fields.Boolean(
        string="Agreed on with it",
        readonly=True,
        copy=False,
        help="The customer has agreed that the later parts of the payment plan are charged to the same method.",
    )
    paylink_later_text = fields.Text(string="Amounts and Days that were shown", readonly=True, copy=False)
    paylink_later_proof = fields.Selection(
        [("login", "Logged in"), ("code", "By a code")], string="How the customer was known", readonly=True, copy=False
    )
    paylink_by_plan = fields.Boolean(string="By a Payment Plan", readonly=True, copy=False)

    # === AGREED ON === #

    def _tokenize(self, payment_data):
        """The method of a payment may be told after its outcome, or before."""
        result = super()._tokenize(payment_data)
        self._paylink_keep_for_plan()
        return result

    def _paylink_keep_for_plan(self):
        """What was given up, and is paid all the same, is paid by who may have agreed on something else meanwhile."""
        agreed = self.sudo().filtered(lambda tx: tx.paylink_for_later and not tx.paylink_closed)
        for tx in agreed.filtered(lambda tx: tx.token_id and tx.state == "done"):
            if plan := tx.paylink_id.plan_part_id.plan_id:
                plan._keep_method(tx)

    # === CHARGED === #

    def _paylink_changed(self, before, message):
        """A part that could not be charged is asked for by its link, in the same database transaction: so once. What
        was refused for good is charged by nobody, also if the plan has ended meanwhile.
        """
        result = super()._paylink_changed(before, message)
        self._paylink_keep_for_plan()
        part = self.paylink_id.plan_part_id.sudo()
        if self.paylink_by_plan and self.state in ("error", "cancel") and not self.paylink_closed:
            self._paylink_note_refused()
            if part.plan_id.state == "running":
                part._charge_failed(self)
        return result

    def _paylink_note_refused(self):
        """What a bank has refused for good is charged by nobody anymore."""
        if self._paylink_decline_kind() == "hard":
            self.token_id.sudo().paylink_refused_at = fields.Datetime.now()

    def _paylink_failed_late(self, before):
        """Of a part that could not be charged the customer is told as above."""
        return not self.paylink_by_plan and super()._paylink_failed_late(before)

    def _paylink_waits_for_key(self):
        """No bank has said anything, and every other charge fails as well: it is no try."""
        return self.paylink_by_plan or super()._paylink_waits_for_key()

    # === WITHDRAWN === #

    def _paylink_take_back(self):
        """What has changed since the charge of a part was stored."""
        if self.paylink_by_plan and not self._paylink_is_of_plan():
            self._paylink_withdraw_from_plan()
            return True
        return super()._paylink_take_back()

    def _paylink_is_of_plan(self):
        """Whether the charge of a part is still wanted: its plan has it charged, it was announced for about this day,
        as much is due, nothing speaks against it.
        """
        part, today = self.paylink_id.plan_part_id, self.company_id._paylink_today()
        plan = part.plan_id
        if plan.state != "running" or plan.token_id != self.token_id or not plan._may_charge(self.token_id):
            return False
        if not part._is_told_for(today) or part._has_notice_in_vain(today):
            return False
        said = plan._said()[plan.id]
        is_promised = (said.promised_until or date.min) >= today
        return not said.is_in_question and not is_promised and not self._paylink_exceeds(self._paylink_needed())

    def _paylink_withdraw_from_plan(self):
        """Give up charges of parts that were not sent yet, as if they had never been stored."""
        own = self.sudo().filtered(
            lambda tx: tx.paylink_by_plan and tx.paylink_todo == "charge" and not tx.paylink_sent_at
        )
        own._paylink_withdraw_charges(_lt("It is not to be charged automatically anymore."))
        own.paylink_id.plan_part_id.is_tried = False

    def _paylink_reconsider_one(self):
        """What was paid otherwise need not be charged."""
        if self.paylink_by_plan and self._paylink_exceeds(self._paylink_needed()):
            self._paylink_withdraw_from_plan()
        return super()._paylink_reconsider_one()
