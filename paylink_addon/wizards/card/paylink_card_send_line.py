from odoo import api, fields, models
from odoo.tools import email_normalize

from ...tools.addresses import usable_emails


class PaylinkCardSendLine(models.TransientModel):
    """One customer who is asked to store a payment method; or an address of somebody who is none yet, as it seems."""

    _name = "paylink.card.send.line"
    _inherit = "paylink.dialog.mixin"
    _description = "Request a Card: Customer"

    wizard_id = fields.Many2one("paylink.card.send", required=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", string="Customer", ondelete="cascade")
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
    known_id = fields.Many2one(
        "res.partner",
        string="Already a customer",
        compute="_compute_known_id",
        help="This customer has the same e-mail address.",
    )
    ask_known = fields.Boolean(
        string="Ask them",
        compute="_compute_ask_known",
        store=True,
        readonly=False,
        help="What is stored is then this customer's at once. Otherwise it waits until you link it.",
    )
    problem = fields.Char(compute="_compute_problem")
    warning = fields.Char(compute="_compute_problem")
    remark = fields.Char(compute="_compute_problem", help="What keeps it from being sent, or is to be known before.")
    by_email = fields.Boolean(compute="_compute_problem")
    by_sms = fields.Boolean(compute="_compute_problem")
    open_request_id = fields.Many2one("paylink.card.request", compute="_compute_open_request_id")

    # === COMPUTE METHODS === #

    @api.depends("partner_id")
    def _compute_recipient(self):
        for line in self:
            partner = line.partner_id
            if partner or line.wizard_id.kind != "new":
                line.email, line.phone = partner.email, partner.phone
            line.lang = partner._paylink_lang(line.lang)

    @api.depends("partner_id", "email", "wizard_id.company_id")
    def _compute_known_id(self):
        """Only of customers whom the user may read: the dialog tells of no others."""
        emails = {line: email_normalize(line.email) for line in self if not line.partner_id}
        Partner = self.env["res.partner"]
        domain = [("email_normalized", "in", [email for email in emails.values() if email])]
        domain.append(("company_id", "in", [False, *self.wizard_id.company_id.ids]))
        found = Partner.search(domain, order="id").grouped("email_normalized")
        for line in self:
            same = found.get(emails.get(line), Partner)
            line.known_id = same.filtered(lambda partner: partner == partner.commercial_partner_id)[:1] or same[:1]

    @api.depends("known_id")
    def _compute_ask_known(self):
        for line in self:
            line.ask_known = bool(line.known_id)

    @api.depends("partner_id", "email", "phone", "lang", "ask_known", "wizard_id.template_id", "wizard_id.send_email")
    @api.depends("wizard_id.send_sms", "wizard_id.line_ids")
    def _compute_problem(self):
        """Of many, who can be reached by one of the channels chosen is sent by that one; the only one is corrected."""
        unwanted = self.env["paylink.card.send"]._unwanted_emails(self.mapped("email"))
        colleagues = self._colleagues_texts()
        for (template, company), lines in self.grouped(
            lambda line: (line._template(), line.wizard_id.company_id)
        ).items():
            storing = template.sudo()._storing_problems(company, lines._customers()) if template else {}
            unsaid = template.sudo()._wording_problems(set(lines.mapped("lang"))) if template else {}
            for line in lines:
                wizard, customer = line.wizard_id, line._customers()
                ways = wizard.send_email, wizard.send_sms
                reach = wizard._reach(customer, line.email, line.phone, *ways)
                line.by_email, line.by_sms = reach.by_email, reach.by_sms
                line.problem = line._problem(reach) or unsaid.get(line.lang) or storing.get(customer)
                doubts = wizard._doubts(reach, customer, line.email, line.phone, unwanted)
                texts = [colleagues.get(line), not line._is_only() and reach.left_out, *doubts]
                line.warning = " ".join(filter(None, texts))
                line.remark = line.problem or line.warning

    @api.depends("partner_id", "email", "wizard_id.kind")
    def _compute_open_request_id(self):
        """The user's own open request to the same customer: a second one would ask twice."""
        Request = self.env["paylink.card.request"]
        live = [("state", "in", ("open", "failed")), ("user_id", "=", self.env.uid)]
        asked = Request.search([*live, ("partner_id", "in", self._customers().ids)], order="id").grouped("partner_id")
        written = self._written_to(Request.search, live)
        for line in self:
            customer = line._customers()
            found = asked.get(customer, Request) if customer else written.get(_address(line.email), Request)
            line.open_request_id = found[-1:]

    # === HELPERS === #

    def _customers(self):
        """Who is asked, of those who are customers."""
        return self.partner_id | self.filtered(lambda line: not line.partner_id and line.ask_known).known_id

    def _template(self):
        """What is asked: of a customer who was found by the address, what customers are asked."""
        wizard = self.wizard_id
        if wizard.kind == "new" and self._customers():
            return wizard.company_id.sudo()._paylink_card_template("existing").sudo(False)
        return wizard.template_id

    def _is_only(self):
        return len(self.wizard_id.line_ids) <= 1

    def _problem(self, reach):
        """Why this customer can't be asked, and what to do, or ``False``."""
        wizard = self.wizard_id
        if not self._template():
            return self.env._("There is no template for it: make one under Stored Cards → Card Request Templates.")
        if reach.problem or not self._is_only():
            return reach.problem
        return self.env["paylink.card.request"]._recipient_problem(
            self._customers(), self.email, self.phone, wizard.send_email, wizard.send_sms
        )

    def _written_to(self, search, live):
        """The requests that went to the addresses of these lines, to who is no customer, by address.

        :param search: looks for requests, as who may know of them
        :param live: which ones, as a domain
        """
        typed = {line.email for line in self if not line._customers() and line.email}
        domain = [*live, ("is_new", "=", True), ("email", "in", [*typed, *map(_address, typed)])]
        return search(domain, order="id").grouped(lambda request: _address(request.email))

    def _colleagues_texts(self):
        """That colleagues have asked the same customer, or address, already: nothing else of their requests, and their
        names only if the user may know them. By line.
        """
        Request = self.env["paylink.card.request"].sudo()
        live = [("state", "in", ("open", "failed")), ("user_id", "not in", [self.env.uid, False])]
        live.append(("company_id", "in", self.wizard_id.company_id.ids))
        asked = Request.search([*live, ("partner_id", "in", self._customers().ids)]).grouped("partner_id")
        written = self._written_to(Request.search, live)
        texts = {}
        for line in self:
            customer = line._customers()
            requests = asked.get(customer, Request) if customer else written.get(_address(line.email), Request)
            if requests:
                names = requests.user_id.with_env(self.env)._filtered_access("read").mapped("name")
                texts[line] = self._colleagues_text(", ".join(names))
        return texts

    @api.model
    def _colleagues_text(self, names):
        if names:
            return self.env._(
                "%(names)s asked for a card already, and waits for an answer: ask them first.", names=names
            )
        return self.env._("A colleague asked for a card already, and waits for an answer: ask around first.")

    def _request_values(self):
        """The values of the ``paylink.card.request``."""
        return {
            "partner_id": self._customers().id,
            "company_id": self.wizard_id.company_id.id,
            "template_id": self._template().id,
            "replaces_id": self.replaces_id.id,
            "email": self.email,
            "phone": self.phone,
            "lang": self.lang,
            "send_email": self.by_email,
            "send_sms": self.by_sms,
        }


def _address(text):
    """An address, or several, as requests keep them that are sent by e-mail, however it was typed."""
    return ", ".join(usable_emails(text or ""))
