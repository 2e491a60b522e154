from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    paylink_card_template_id = fields.Many2one(
        "paylink.card.template",
        string="Template of card requests",
        check_company=True,
        help="Proposed when somebody asks a customer to store a payment method. Empty: the first one.",
    )

    def _paylink_card_template(self, kind):
        """The template that is proposed for requests of a kind, or an empty record set."""
        own = self.paylink_card_template_id.filtered(lambda template: template.active and template.kind == kind)
        domain = [("kind", "=", kind), ("company_id", "in", [False, self.id])]
        return own or self.env["paylink.card.template"].search(domain, limit=1)
