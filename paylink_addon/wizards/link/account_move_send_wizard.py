from odoo import api, fields, models


class AccountMoveSendWizard(models.TransientModel):
    """*Add a collection link* in the dialog that sends one invoice."""

    _name = "account.move.send.wizard"
    _inherit = ["account.move.send.wizard", "paylink.documents.mixin"]
    _documents_field = "move_id"

    paylink_can_add_link = fields.Boolean(compute="_compute_paylink_can_add_link")
    paylink_colleagues_text = fields.Text(compute="_compute_paylink_can_add_link")
    paylink_add_link = fields.Boolean(
        string="Add a collection link",
        compute="_compute_paylink_add_link",
        store=True,
        readonly=False,
        help="The e-mail gets a button with which the customer pays this invoice.",
    )

    @api.depends("move_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_paylink_can_add_link(self):
        for wizard in self:
            wizard.paylink_can_add_link = bool(self._paylink_askable(wizard.move_id))
            wizard.paylink_colleagues_text = self._paylink_colleagues_text(wizard.move_id)

    @api.depends("move_id")
    def _compute_paylink_add_link(self):
        for wizard in self:
            wizard.paylink_add_link = wizard.company_id.sudo().paylink_on_invoice_mail

    @api.depends("paylink_add_link")
    def _compute_alerts(self):
        """Say that the link could not be paid online."""
        result = super()._compute_alerts()
        for wizard in self.filtered(lambda wizard: wizard.paylink_add_link and wizard.paylink_can_add_link):
            move = wizard.move_id.sudo()
            warning = self.env["payment.provider"]._paylink_online_warning(
                move.company_id, move.currency_id, move.amount_residual, move.partner_id
            )
            if warning:
                alert = {"level": "warning", "message": warning}
                wizard.alerts = {**(wizard.alerts or {}), "paylink_online": alert}
        return result

    def _get_sending_settings(self):
        """Tell what was chosen."""
        return super()._get_sending_settings() | {"paylink_add_link": self.paylink_add_link}
