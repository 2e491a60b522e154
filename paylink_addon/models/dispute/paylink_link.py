from odoo import api, fields, models


class PaylinkLink(models.Model):
    """Disputes stand beside the state of a link: what was paid stays paid until a person decides."""

    _inherit = "paylink.link"

    dispute_ids = fields.One2many("paylink.dispute", "link_id", string="Disputes", readonly=True, copy=False)
    disputed = fields.Boolean(
        compute="_compute_disputed",
        store=True,
        copy=False,
        help="The customer's bank disputes a payment, or has taken it back for good.",
    )

    @api.depends("dispute_ids.is_standing")
    def _compute_disputed(self):
        for link in self:
            link.disputed = any(link.sudo().dispute_ids.mapped("is_standing"))

    def action_view_disputes(self):
        """Show the disputes of the payments of this link."""
        self.ensure_one()
        return self.dispute_ids._get_records_action(name=self.env._("Disputes"))
