from odoo import api, fields, models

from ...const import Task


class PaylinkLink(models.Model):
    """What a customer's bank takes back is seen in the status of a link; once it is lost, it is due again."""

    _inherit = "paylink.link"

    chargeback_ids = fields.One2many("paylink.dispute", "link_id", string="Chargebacks", readonly=True, copy=False)
    has_chargeback = fields.Boolean(
        string="Chargeback",
        compute="_compute_has_chargeback",
        store=True,
        copy=False,
        help="The customer's bank has taken a payment back, or may: no reminders are sent.",
    )

    # === COMPUTE METHODS === #

    @api.depends("chargeback_ids.is_standing")
    def _compute_has_chargeback(self):
        contested = self.filtered(lambda link: any(link.sudo().chargeback_ids.mapped("is_standing")))
        contested.has_chargeback = True
        (self - contested).has_chargeback = False

    def _state_depends(self):
        disputes = "transaction_ids.paylink_dispute_ids"
        fields_ = ("status", "amount", "withdrawal_id", "reinstatement_id")
        return [*super()._state_depends(), *(f"{disputes}.{name}" for name in fields_)]

    def _is_contested(self):
        return bool(self.sudo().transaction_ids.paylink_dispute_ids.filtered(lambda dispute: dispute._is_undecided()))

    def _is_lost(self):
        return bool(self.sudo().transaction_ids.paylink_dispute_ids.filtered(lambda dispute: dispute._is_final()))

    def _paylink_task_subjects(self):
        """What was lost may have been paid again."""
        return [*super()._paylink_task_subjects(), self.sudo().chargeback_ids]

    def _tasks_to_send(self):
        """What was lost is to be asked for again."""
        lost = self._open_by_record([Task.CHARGEBACK_LOST], "paylink.dispute")
        return super()._tasks_to_send() + [(tasks, dispute.link_id) for dispute, tasks in lost.items()]

    def _booked_payments(self):
        """What the bank took and gave back is in the books as well."""
        disputes = self.sudo().chargeback_ids
        return super()._booked_payments() | disputes.withdrawal_id | disputes.reinstatement_id

    def _booked_entries(self):
        disputes = self.sudo().chargeback_ids
        return super()._booked_entries() | disputes.fee_move_id | disputes.fee_returned_move_id

    # === ACTIONS === #

    def action_view_chargebacks(self):
        """Show the chargebacks of the payments of this link."""
        self.ensure_one()
        return self.chargeback_ids._get_records_action(name=self.env._("Chargebacks"))

    def action_resume_reminders(self):
        """Let reminders ask for what was lost to the customer's bank."""
        self.ensure_one()
        return self.chargeback_ids.action_resume_reminders()
