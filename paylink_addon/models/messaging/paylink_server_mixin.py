from odoo import api, fields, models


class PaylinkServerMixin(models.AbstractModel):
    """What offers something that not every server can do."""

    _name = "paylink.server.mixin"
    _description = "What the Server Can Do"

    can_make_pdf = fields.Boolean(compute="_compute_can_make_pdf")

    def _compute_can_make_pdf(self):
        for record in self:
            record.can_make_pdf = self._can_make_pdf()

    @api.model
    def _can_make_pdf(self):
        """Whether wkhtmltopdf is there."""
        return self.env["ir.actions.report"].sudo().get_wkhtmltopdf_state() != "install"
