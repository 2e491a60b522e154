from odoo import api, fields, models
from odoo.exceptions import UserError


class PaylinkStatementSend(models.TransientModel):
    """Sends their statement to many customers, after saying who gets none and why."""

    _name = "paylink.statement.send"
    _inherit = "paylink.send.mixin"
    _description = "Send Statements"
    _dialog_size = "large"

    company_id = fields.Many2one("res.company", default=lambda self: self.env.company, readonly=True)
    template_id = fields.Many2one(
        "mail.template",
        string="E-mail Template",
        domain=[("model", "=", "paylink.statement")],
        default=lambda self: self.env.ref("paylink_addon.mail_template_statement", raise_if_not_found=False),
    )
    ready_ids = fields.Many2many("res.partner", string="Who gets it", compute="_compute_ready")
    ready_count = fields.Integer(string="Ready", compute="_compute_ready")
    problem_count = fields.Integer(string="Impossible", compute="_compute_ready")
    problems = fields.Text(string="Who gets none", compute="_compute_ready")
    warnings = fields.Text(string="To look at", compute="_compute_ready")

    @api.depends("source_ids", "company_id")
    def _compute_ready(self):
        for wizard in self:
            customers = wizard._sources().commercial_partner_id
            problems, remarks = wizard._remarks(customers)
            wizard.warnings = "\n".join(remarks)
            wizard.ready_ids = customers.filtered(lambda customer, problems=problems: not problems[customer])
            wizard.ready_count = len(wizard.ready_ids)
            wizard.problem_count = len(customers) - wizard.ready_count
            wizard.problems = "\n".join(problem for problem in problems.values() if problem)

    def action_send(self):
        """Make the pages that are missing and queue the e-mails, and say so. A second click sends nothing."""
        self._send_once()
        return self._statements()._action_tell_sent()

    @api.model
    def _source_models(self):
        return ["res.partner", *super()._source_models()]

    def _remarks(self, customers):
        """Why customers get no statement, by customer (else ``False``); what is to know of those who get one."""
        items = customers._paylink_open_items(self.company_id)._paylink_left()
        owing = self._owing(items)
        by_customer = items.grouped(lambda item: item.partner_id.commercial_partner_id.id)
        colleagues = self.env["paylink.link"]._colleagues_texts(by_customer)
        unwanted = self._unwanted_emails(customers.mapped("email"))
        problems, remarks = {}, []
        for customer in customers:
            name = customer.display_name
            reach = self._reach(customer, customer.email, False, True, False)
            nothing = customer.id not in owing and self.env._("%(name)s has nothing to pay.", name=name)
            problems[customer] = nothing or reach.problem
            doubts = self._doubts(reach, customer, customer.email, False, unwanted)
            texts = " ".join(filter(None, [colleagues.get(customer.id), *doubts]))
            if texts and not problems[customer]:
                remarks.append(self.env._("%(name)s: %(reason)s", name=name, reason=texts))
        return problems, remarks

    @api.model
    def _owing(self, items):
        """The ids of those who have to pay in some currency: credits alone are nothing to write about."""
        due = items._paylink_due()
        groups = items.grouped(lambda item: (item.currency_id, item.partner_id.commercial_partner_id.id))
        return {
            customer_id
            for (currency, customer_id), group in groups.items()
            if currency.compare_amounts(sum(due[item.id] for item in group), 0) > 0
        }

    def _send(self):
        if not self.ready_ids:
            raise UserError(self.problems or self.env._("Choose invoices or customers to ask."))
        self._statements()._send_statements(self.template_id)

    def _statements(self):
        return self.env["paylink.statement"].with_company(self.company_id)._for_customers(self.ready_ids)
