from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL


class PaylinkStatementSend(models.TransientModel):
    """Sends their statement to many customers, after saying who gets none and why."""

    _name = "paylink.statement.send"
    _description = "Send Statements"

    company_id = fields.Many2one("res.company", default=lambda self: self.env.company, readonly=True)
    partner_ids = fields.Many2many("res.partner", string="Customers", readonly=True)
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
    is_sent = fields.Boolean(readonly=True)

    @api.depends("partner_ids", "company_id")
    def _compute_ready(self):
        requests = self.env["paylink.statement"]
        for wizard in self:
            customers = wizard.partner_ids.commercial_partner_id._origin
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

    def _owing(self, customers):
        """The ids of those who have to pay in some currency: credits alone are nothing to write about."""
        items = customers._paylink_open_items(self.company_id)
        due = items._paylink_due()
        groups = items.grouped(lambda item: (item.currency_id, item.partner_id.commercial_partner_id.id))
        return {
            customer_id
            for (currency, customer_id), group in groups.items()
            if currency.compare_amounts(sum(due[item.id] for item in group), 0) > 0
        }

    def action_send(self):
        """Make the pages that are missing and queue the e-mails; show the pages. A second click sends nothing."""
        self.ensure_one()
        if not self.ready_ids:
            raise UserError(self.problems or self.env._("Choose invoices or customers to ask."))
        statements = self.env["paylink.statement"].with_company(self.company_id)._for_customers(self.ready_ids)
        if self._is_first_click():
            statements._send_statements(self.template_id)
        return statements._get_records_action(name=self.env._("Statement Pages"), view_mode="list,form")

    def _is_first_click(self):
        """Whether nobody has sent this yet; who waited for a first click is run again, to find that it has."""
        self.env.flush_all()
        taken = self.env.execute_query(
            SQL(
                "UPDATE paylink_statement_send SET is_sent = TRUE WHERE id = %s AND is_sent IS NOT TRUE RETURNING id",
                self.id,
            )
        )
        self.invalidate_recordset(["is_sent"])
        return bool(taken)
