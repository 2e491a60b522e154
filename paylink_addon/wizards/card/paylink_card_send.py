from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

# The records whose customers are asked, and where the customer stands on them.
CUSTOMERS = {
    "res.partner": "id",
    "account.move": "partner_id",
    "sale.order": "partner_id",
    "payment.token": "partner_id",
}
# Those that belong to one company; customers are asked by the one that the user works in.
OF_COMPANY = ("account.move", "sale.order", "payment.token")


class PaylinkCardSend(models.TransientModel):
    """Asks customers to store a payment method: makes the requests and queues their messages.

    From a stored method, it asks its owner to replace it. From no records, it asks those who are no customers yet, by
    the addresses that are typed.
    """

    _name = "paylink.card.send"
    _inherit = "paylink.send.mixin"
    _description = "Request a Card"
    _dialog_size = "large"

    company_id = fields.Many2one("res.company", compute="_compute_company_id", store=True, precompute=True)
    kind = fields.Selection(
        [
            ("existing", "A customer stores a method"),
            ("update", "A customer replaces a stored method"),
            ("new", "A new customer stores a method"),
        ],
        compute="_compute_kind",
    )
    template_id = fields.Many2one(
        "paylink.card.template",
        required=True,
        compute="_compute_template_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('kind', '=', kind), ('company_id', 'in', [False, company_id])]",
    )
    send_email = fields.Boolean(string="E-mail", default=True)
    send_sms = fields.Boolean(string="SMS")
    line_ids = fields.One2many("paylink.card.send.line", "wizard_id", string="Customers")
    ready_count = fields.Integer(string="Ready", compute="_compute_counts")
    problem_count = fields.Integer(string="Impossible", compute="_compute_counts")
    request_ids = fields.Many2many("paylink.card.request", readonly=True)

    # === COMPUTE METHODS === #

    @api.depends("source_model", "source_ids")
    def _compute_company_id(self):
        """That of the stored methods or documents, whichever the user works in."""
        for wizard in self:
            sources = wizard._sources()
            own = sources.company_id if wizard.source_model in OF_COMPANY else self.env.company
            wizard.company_id = own[:1] or self.env.company

    @api.depends("source_model")
    def _compute_kind(self):
        for wizard in self:
            source = wizard.source_model
            wizard.kind = "new" if not source else "update" if source == "payment.token" else "existing"

    @api.depends("kind", "company_id")
    def _compute_template_id(self):
        for wizard in self:
            wizard.template_id = wizard.company_id.sudo()._paylink_card_template(wizard.kind)

    @api.depends("line_ids.problem")
    def _compute_counts(self):
        for wizard in self:
            wizard.problem_count = len(wizard.line_ids.filtered("problem"))
            wizard.ready_count = len(wizard.line_ids) - wizard.problem_count

    # === CRUD METHODS === #

    @api.model
    def default_get(self, fields_list):
        """A line for each customer of the selected records, or for each method that is to be replaced."""
        values = super().default_get(fields_list)
        if "line_ids" in fields_list and values.get("source_ids"):
            wizard = self.new({name: values[name] for name in ("source_model", "source_ids")})
            values["line_ids"] = [Command.create(line) for line in wizard._lines()]
        return values

    # === ACTIONS === #

    def action_send(self):
        """Make the requests and queue their messages; show them. A second click sends nothing."""
        self._send_once()
        return self.request_ids._get_records_action(name=self.env._("Card Requests"))

    # === BUSINESS METHODS === #

    @api.model
    def _source_models(self):
        return [*CUSTOMERS, *super()._source_models()]

    def _lines(self):
        """The values of the lines."""
        sources = self._sources()
        if sources._name in OF_COMPANY and len(sources.company_id) > 1:
            if sources._name == "payment.token":
                raise UserError(self.env._("Choose payment profiles of one company: each asks for its own."))
            raise UserError(self.env._("Choose documents of one company: each asks for its own."))
        if sources._name == "payment.token":
            return [
                {"partner_id": token.partner_id.id, "replaces_id": token.id} for token in sources.filtered("active")
            ]
        customers = sources.mapped(CUSTOMERS[sources._name]) if sources._name != "res.partner" else sources
        return [{"partner_id": customer.id} for customer in customers]

    def _send(self):
        if not self.send_email and not self.send_sms:
            raise UserError(self.env._("Choose how to send it: by e-mail, by SMS or both."))
        ready = self.line_ids.filtered(lambda line: not line.problem)
        if not ready:
            raise UserError("\n".join(self.line_ids.mapped("problem")) or self.env._("Choose customers to ask."))
        allowed = {line["partner_id"]: line.get("replaces_id") for line in self._lines()}
        chosen = ready if self.kind != "new" else ready.filtered("partner_id")
        if any(line.partner_id.id not in allowed for line in chosen):
            raise UserError(self.env._("The selected records have changed: open the dialog again."))
        requests = self.env["paylink.card.request"].create([line._request_values() for line in ready])
        requests.action_send()
        self.sudo().request_ids = requests
