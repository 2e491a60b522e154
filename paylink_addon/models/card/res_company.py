from odoo import fields, models

from ...tools.locks import hold_and_touch


class ResCompany(models.Model):
    _inherit = "res.company"

    paylink_card_template_id = fields.Many2one(
        "paylink.card.template",
        string="Template of card requests",
        check_company=True,
        help="Proposed when somebody asks a customer to store a payment method. Empty: the first one.",
    )

    paylink_card_renewal = fields.Selection(
        [
            ("none", "Do nothing"),
            ("propose", "Give whoever looks after the customer a task"),
            ("send", "Ask the customer to replace it"),
        ],
        string="When a stored card expires",
        required=True,
        default="propose",
    )

    paylink_newcomer_id = fields.Many2one(
        "res.partner",
        string="New customer",
        readonly=True,
        copy=False,
        ondelete="restrict",
        groups="base.group_system",
        help="Stands for those who have stored a payment method and are no customers here yet.",
    )

    def _paylink_newcomer(self):
        """The archived contact that stands for all who are no customers yet: Odoo wants one for each stored method."""
        company = self.sudo()
        if not company.paylink_newcomer_id:
            hold_and_touch(company)
        if not company.paylink_newcomer_id:
            values = {"name": company._paylink_env()._("New customer"), "company_id": self.id, "active": False}
            company.paylink_newcomer_id = self.env["res.partner"].sudo().create(values)
        return company.paylink_newcomer_id

    def _paylink_card_template(self, kind):
        """The template that is proposed for requests of a kind, or an empty record set."""
        own = self.paylink_card_template_id.filtered(lambda template: template.active and template.kind == kind)
        domain = [("kind", "=", kind), ("company_id", "in", [False, self.id])]
        return own or self.env["paylink.card.template"].search(domain, limit=1)
