from odoo import api, fields, models


class AccountMoveSendBatchWizard(models.TransientModel):
    """The same for many invoices, which are sent later by a job."""

    _name = "account.move.send.batch.wizard"
    _inherit = ["account.move.send.batch.wizard", "paylink.documents.mixin"]
    _documents_field = "move_ids"

    paylink_can_add_link = fields.Boolean(compute="_compute_paylink_can_add_link")
    paylink_colleagues_text = fields.Text(compute="_compute_paylink_can_add_link")
    paylink_add_link = fields.Boolean(
        string="Add a collection link",
        default=lambda self: self.env.company.paylink_on_invoice_mail,
        help="Each e-mail gets a button with which the customer pays the invoice.",
    )

    @api.depends("move_ids")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_paylink_can_add_link(self):
        for wizard in self:
            mailed = wizard.move_ids._origin.filtered(lambda move: "email" in self._get_default_sending_methods(move))
            wizard.paylink_can_add_link = bool(self._paylink_askable(mailed))
            wizard.paylink_colleagues_text = self._paylink_colleagues_text(mailed)

    def action_send_and_print(self, force_synchronous=False, allow_fallback_pdf=False):
        """Keep what was chosen with the invoices, for the job that sends them."""
        chosen = self.with_context(paylink_add_link=self.paylink_add_link)
        result = super(AccountMoveSendBatchWizard, chosen).action_send_and_print(
            force_synchronous=force_synchronous, allow_fallback_pdf=allow_fallback_pdf
        )
        if (moves := self.move_ids) and not force_synchronous:
            moves.sending_data = moves[0].sending_data | {"paylink_add_link": self.paylink_add_link}
        return result
