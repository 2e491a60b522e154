from odoo import api, fields, models


class PaylinkLink(models.Model):
    """Chargebacks stand beside the state of a link: what was paid stays paid until a person decides."""

    _inherit = "paylink.link"

    chargeback_ids = fields.One2many("paylink.dispute", "link_id", string="Chargebacks", readonly=True, copy=False)
    has_chargeback = fields.Boolean(
        string="Chargeback",
        compute="_compute_has_chargeback",
        store=True,
        copy=False,
        help="The customer's bank has taken a payment back, or may.",
    )

    @api.depends("chargeback_ids.is_standing")
    def _compute_has_chargeback(self):
        for link in self:
            link.has_chargeback = any(link.sudo().chargeback_ids.mapped("is_standing"))

    def action_view_chargebacks(self):
        """Show the chargebacks of the payments of this link."""
        self.ensure_one()
        return self.chargeback_ids._get_records_action(name=self.env._("Chargebacks"))
