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

    def _paylink_open_template(self):
        """The page for anyone of this company that is on, or an empty record set; one that never had a page gets it."""
        Template = self.env["paylink.card.template"].sudo().with_context(active_test=False)
        domain = [("kind", "=", "generic"), ("company_id", "=", self.id)]
        if not Template.search_count(domain, limit=1):
            hold_and_touch(self.sudo())
            if not Template.search_count(domain, limit=1):
                self._paylink_make_open_template()
        return self.env["paylink.card.template"].search([*domain, ("is_open", "=", True)], limit=1)

    def _paylink_make_open_template(self):
        """Make the company's page for anyone, with the words of the one that comes with the add-on."""
        origin = self.env.ref("paylink_addon.paylink_card_template_generic", raise_if_not_found=False)
        if origin:
            origin = origin.sudo()
            names = origin._fields["name"]._get_stored_translations(origin)
            made = origin.copy({"company_id": self.id, "user_id": False, "mail_template_id": False, "active": True})
            made.update_field_translations("name", names)

    def _paylink_card_template(self, kind):
        """The template that is proposed for requests of a kind, or an empty record set."""
        own = self.paylink_card_template_id.filtered(lambda template: template.active and template.kind == kind)
        domain = [("kind", "=", kind), ("company_id", "in", [False, self.id])]
        return own or self.env["paylink.card.template"].search(domain, limit=1)
