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

    @api.depends("source_ids", "company_id")
    def _compute_ready(self):
        requests = self.env["paylink.statement"]
        for wizard in self:
            customers = wizard._sources().commercial_partner_id
            owing = wizard._owing(customers)
            problems = {
                customer: requests._recipient_problem(customer, customer.email, False, True, False)
                if customer.id in owing
                else self.env._("%(name)s has nothing to pay.", name=customer.display_name)
                for customer in customers
            }
            wizard.ready_ids = customers.filtered(lambda customer, problems=problems: not problems[customer])
            wizard.ready_count = len(wizard.ready_ids)
            wizard.problem_count = len(customers) - wizard.ready_count
            wizard.problems = "\n".join(problem for problem in problems.values() if problem)

    def action_send(self):
        """Make the pages that are missing and queue the e-mails; show the pages. A second click sends nothing."""
        self._send_once()
        return self._statements()._get_records_action(name=self.env._("Statement Pages"), view_mode="list,form")

    @api.model
    def _source_models(self):
        return ["res.partner", *super()._source_models()]

    def _owing(self, customers):
        """The ids of those who have to pay in some currency: credits alone are nothing to write about."""
        items = customers._paylink_open_items(self.company_id)._paylink_left()
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
