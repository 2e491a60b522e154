from odoo import api, fields, models


class PaylinkCardSendLine(models.TransientModel):
    """One customer who is asked to store a payment method."""

    _name = "paylink.card.send.line"
    _inherit = "paylink.dialog.mixin"
    _description = "Request a Card: Customer"

    wizard_id = fields.Many2one("paylink.card.send", required=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, ondelete="cascade")
    replaces_id = fields.Many2one("payment.token", string="Method to replace", ondelete="cascade")
    email = fields.Char(string="E-mail", compute="_compute_recipient", store=True, readonly=False, precompute=True)
    phone = fields.Char(string="Mobile", compute="_compute_recipient", store=True, readonly=False, precompute=True)
    lang = fields.Selection(
        selection=lambda self: self.env["res.lang"].get_installed(),
        string="Language",
        compute="_compute_recipient",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    problem = fields.Char(compute="_compute_problem")
    open_request_id = fields.Many2one("paylink.card.request", compute="_compute_open_request_id")

    # === COMPUTE METHODS === #

    @api.depends("partner_id")
    def _compute_recipient(self):
        for line in self:
            partner = line.partner_id
            line.email, line.phone = partner.email, partner.phone
            line.lang = partner._paylink_lang(line.lang)

    @api.depends("partner_id", "email", "phone", "lang", "wizard_id.template_id", "wizard_id.send_email")
    @api.depends("wizard_id.send_sms")
    def _compute_problem(self):
        for wizard, lines in self.grouped("wizard_id").items():
            template, company = wizard.template_id, wizard.company_id
            storing = template.sudo()._storing_problems(company, lines.partner_id) if template else {}
            for line in lines:
                line.problem = line._problem() or storing.get(line.partner_id)

    @api.depends("partner_id", "wizard_id.kind")
    def _compute_open_request_id(self):
        """The user's own open request to the same customer: a second one would ask twice."""
        Request = self.env["paylink.card.request"]
        domain = [("partner_id", "in", self.partner_id.ids), ("state", "in", ("open", "failed"))]
        found = Request.search([*domain, ("user_id", "=", self.env.uid)], order="id").grouped("partner_id")
        for line in self:
            line.open_request_id = found.get(line.partner_id, Request)[-1:]

    # === HELPERS === #

    def _problem(self):
        """Why this customer can't be asked, and what to do, or ``False``."""
        wizard, template = self.wizard_id, self.wizard_id.template_id
        if not template:
            return self.env._("There is no template for it: make one under Configuration → Card Request Templates.")
        return self.env["paylink.card.request"]._recipient_problem(
            self.partner_id, self.email, self.phone, wizard.send_email, wizard.send_sms
        ) or template.sudo()._wording_problem(self.lang)

    def _request_values(self):
        """The values of the ``paylink.card.request``."""
        return {
            "partner_id": self.partner_id.id,
            "company_id": self.wizard_id.company_id.id,
            "template_id": self.wizard_id.template_id.id,
            "replaces_id": self.replaces_id.id,
            "email": self.email,
            "phone": self.phone,
            "lang": self.lang,
            "send_email": self.wizard_id.send_email,
            "send_sms": self.wizard_id.send_sms,
        }
