from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

# What can be asked for: documents, customers, orders, items of a customer's account.
SOURCES = ("account.move", "res.partner", "sale.order", "paylink.account.item")


class PaylinkSend(models.TransientModel):
    """Makes collection links and queues their messages: for one customer with every detail, for many at once.

    What is asked for is read again from the selected records when the links are made; what the client sends back is
    only addresses, texts and choices.
    """

    _name = "paylink.send"
    _description = "Send Collection Links"

    source_model = fields.Char(readonly=True)
    source_ids = fields.Json(readonly=True)
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company, readonly=True)
    kind = fields.Selection(
        [("open_items", "All that is due"), ("free", "Another amount"), ("deposit", "Deposit")],
        string="Ask for",
        required=True,
        default="open_items",
    )
    grouping = fields.Selection(
        [("partner", "One link per customer"), ("document", "One link per invoice")], default="partner", required=True
    )
    line_ids = fields.One2many("paylink.send.line", "wizard_id", string="Links")
    is_single = fields.Boolean(compute="_compute_counts")
    ready_count = fields.Integer(string="Ready", compute="_compute_counts")
    problem_count = fields.Integer(string="Impossible", compute="_compute_counts")
    is_one_customer = fields.Boolean(compute="_compute_counts")
    has_several_currencies = fields.Boolean(compute="_compute_counts")

    send_email = fields.Boolean(string="E-mail", default=True)
    send_sms = fields.Boolean(string="SMS")
    template_id = fields.Many2one(
        "mail.template",
        string="E-mail Template",
        domain=[("model", "=", "paylink.link")],
        default=lambda self: self.env.company.sudo()._paylink_mail_template(),
    )
    sms_template_id = fields.Many2one(
        "sms.template",
        string="SMS Template",
        domain=[("model", "=", "paylink.link")],
        default=lambda self: self.env.company.sudo()._paylink_sms_template(),
    )
    expires_at = fields.Datetime(
        string="Expires on",
        default=lambda self: self.env.company._paylink_expires_at(),
        help="Empty: the links do not expire.",
    )
    bank_account_id = fields.Many2one(
        "res.partner.bank",
        default=lambda self: self.env.company._paylink_bank_account(),
        domain="[('partner_id', '=', company_partner_id)]",
        help="Offered to customers who pay by transfer.",
    )
    company_partner_id = fields.Many2one(related="company_id.partner_id")
    beneficiary = fields.Char(compute="_compute_beneficiary")
    attach_pdf = fields.Boolean(string="Attach the invoice PDF")

    # With one link only: what can be changed about it.
    partner_id = fields.Many2one("res.partner", string="Customer", compute="_compute_single")
    currency_id = fields.Many2one(
        "res.currency",
        compute="_compute_currency_id",
        store=True,
        readonly=False,
        domain=[("active", "=", True)],
    )
    amount_due = fields.Monetary(string="Due", compute="_compute_single")
    amount = fields.Monetary(compute="_compute_amount", store=True, readonly=False)
    can_limit = fields.Boolean(compute="_compute_can_limit")
    email = fields.Char(string="E-mail to", compute="_compute_email", store=True, readonly=False)
    phone = fields.Char(string="Mobile number", compute="_compute_phone", store=True, readonly=False)
    lang = fields.Selection(
        selection=lambda self: self.env["res.lang"].get_installed(),
        string="Language",
        compute="_compute_lang",
        store=True,
        readonly=False,
    )
    reference = fields.Char(compute="_compute_reference", store=True, readonly=False)
    save_on_contact = fields.Boolean(
        string="Save on the contact", default=True, help="Keep the addresses typed here on contacts that have none."
    )
    is_new_address = fields.Boolean(compute="_compute_is_new_address")
    problem = fields.Char(compute="_compute_problem")
    warning = fields.Char(compute="_compute_problem")
    is_amount_missing = fields.Boolean(compute="_compute_problem", help="Nothing is wrong, it is only not given yet.")
    # The link made of this preview gets the token that the preview shows.
    access_token = fields.Char(default=lambda self: self.env["paylink.link"]._new_token(), readonly=True)
    link_ids = fields.Many2many("paylink.link", readonly=True)

    # === DEFAULTS === #

    @api.model
    def default_get(self, fields_list):
        """Take the records to ask for from ``active_model`` and ``active_ids``, and prepare their lines."""
        values = super().default_get(fields_list)
        context = self.env.context
        if "source_ids" in fields_list and context.get("active_model") in SOURCES:
            active_ids = context.get("active_ids") or [context.get("active_id")]
            values |= {"source_model": context["active_model"], "source_ids": [id_ for id_ in active_ids if id_]}
            values.setdefault("company_id", self.env.company.id)
            values["kind"] = self.new(values)._default_kind()
            if "line_ids" in fields_list:
                values["line_ids"] = self.new(values)._line_commands()
        return values

    @api.model_create_multi
    def create(self, vals_list):
        """Prepare the lines where the caller gives none."""
        names = [name for name in self._fields if name != "line_ids"]
        return super().create(
            [
                vals
                if "line_ids" in vals
                else vals | {"line_ids": self.new({**self.default_get(names), **vals})._line_commands()}
                for vals in vals_list
            ]
        )

    @api.onchange("grouping", "kind")
    def _onchange_grouping(self):
        self.line_ids = [fields.Command.clear(), *self._line_commands()]

    def _default_kind(self):
        """A customer who owes nothing is asked for another amount."""
        sources = self._sources()
        if sources._name == "sale.order":
            return "deposit"
        if len(sources) != 1 or sources._name != "res.partner":
            return "open_items"
        items = sources._paylink_open_items(self.env.companies)
        due = items._paylink_due()
        owed = (
            sum(due[item.id] for item in group)
            for group in items.grouped(lambda item: (item.company_id, item.currency_id)).values()
        )
        return "open_items" if any(amount > 0 for amount in owed) else "free"

    def _line_commands(self):
        return [fields.Command.create(values) for values in self.env["paylink.send.line"]._prepare_lines(self)]

    @api.model
    def _action_open(self, records):
        """The action that opens the wizard on ``records`` (invoices or customers)."""
        return self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_send_action") | {
            "context": {"active_model": records._name, "active_ids": records.ids, "dialog_size": "extra-large"},
        }

    # === COMPUTE METHODS === #

    def _sources(self):
        """The selected records, once the user's right to read them is checked."""
        self.ensure_one()
        if self.source_model not in SOURCES:
            return self.env["account.move"]
        if not self.env.user.has_group("paylink_addon.group_paylink_user"):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
        records = self.env[self.source_model].browse(self.source_ids or []).exists()
        records.check_access("read")
        return records

    @api.depends("line_ids.problem", "send_email", "send_sms", "line_ids.reuse", "source_ids")
    def _compute_counts(self):
        for wizard in self:
            wizard.is_one_customer = wizard.source_model == "res.partner" and len(wizard.source_ids or []) == 1
            wizard.has_several_currencies = wizard._has_several_currencies()
            wizard.is_single = len(wizard.line_ids) == 1
            wizard.problem_count = len(wizard.line_ids.filtered("problem"))
            wizard.ready_count = len(wizard.line_ids) - wizard.problem_count

    def _has_several_currencies(self):
        """Whether a customer gets more than one link because a link asks for one currency only."""
        currencies = {}
        for line in self.line_ids.filtered(lambda line: not line.blocked):
            customer = (line.partner_id.commercial_partner_id, line.company_id)
            currencies.setdefault(customer, set()).add(line.currency_id)
        return any(len(found) > 1 for found in currencies.values())

    @api.depends("bank_account_id", "company_id")
    def _compute_beneficiary(self):
        for wizard in self:
            bank = wizard.bank_account_id.sudo()
            wizard.beneficiary = bank and (bank.acc_holder_name or bank.partner_id.name)

    def _only_line(self):
        """The line of a wizard that makes one link, else an empty one."""
        return self.line_ids if len(self.line_ids) == 1 else self.line_ids.browse()

    @api.depends("line_ids")
    def _compute_single(self):
        for wizard in self:
            line = wizard._only_line()
            wizard.partner_id = line.partner_id
            wizard.amount_due = line.amount

    # Each field that can be edited has a computation of its own, so that giving one does not lose another.

    @api.depends("line_ids")
    def _compute_currency_id(self):
        for wizard in self:
            wizard.currency_id = wizard._only_line().currency_id

    @api.depends("line_ids")
    def _compute_amount(self):
        for wizard in self:
            wizard.amount = wizard._only_line().amount

    @api.depends("line_ids")
    def _compute_email(self):
        for wizard in self:
            wizard.email = wizard._only_line().email

    @api.depends("line_ids")
    def _compute_phone(self):
        for wizard in self:
            wizard.phone = wizard._only_line().phone

    @api.depends("line_ids")
    def _compute_lang(self):
        for wizard in self:
            wizard.lang = wizard._only_line().lang

    @api.depends("line_ids", "kind")
    def _compute_reference(self):
        for wizard in self:
            wizard.reference = wizard._only_line().documents if wizard.kind != "free" else False

    @api.depends("kind", "company_id")
    def _compute_can_limit(self):
        for wizard in self:
            wizard.can_limit = wizard.kind != "open_items" or wizard.company_id.paylink_allow_partial

    @api.depends("email", "phone", "send_email", "send_sms", "line_ids.email", "line_ids.phone")
    def _compute_is_new_address(self):
        for wizard in self:
            wizard.is_new_address = any(line._contact_values() for line in wizard.line_ids)

    @api.depends("line_ids.problem", "partner_id", "email", "phone", "send_email", "send_sms", "amount", "kind")
    def _compute_problem(self):
        requests = self.env["paylink.link"]
        for wizard in self:
            single = len(wizard.line_ids) == 1
            wizard.warning = single and requests._recipient_warning(wizard.partner_id, wizard.email, wizard.send_email)
            wizard.is_amount_missing = single and wizard.kind == "free" and not wizard.amount
            wizard.problem = single and (
                wizard.line_ids.blocked
                or wizard._amount_problem()
                or requests._recipient_problem(
                    wizard.partner_id, wizard.email, wizard.phone, wizard.send_email, wizard.send_sms
                )
            )

    def _amount_problem(self):
        """Why the amount can't be asked for, or ``False``."""
        currency = self.currency_id
        if not currency or currency.compare_amounts(self.amount, 0) <= 0:
            return self.env._("Give the amount to ask for: it must be more than zero.")
        difference = currency.compare_amounts(self.amount, self.amount_due) if self.kind == "open_items" else 0
        if difference > 0:
            return self.env._(
                "No more than what is due (%(due)s) can be asked for.", due=currency.format(self.amount_due)
            )
        if difference < 0 and not self.can_limit:
            return self.env._("Your company does not allow partial payments: ask for all that is due.")
        return False

    # === ACTIONS === #

    def action_send(self):
        """Make (or use again) the links, queue their messages, and show them."""
        self.ensure_one()
        # Wait for a first click that is still at work; then find what it has done (or be run again to find it).
        self.env.cr.execute(SQL("SELECT id FROM paylink_send WHERE id = %s FOR UPDATE", self.id))
        self.invalidate_recordset(["link_ids"])
        if not self.link_ids:  # a second click finds the work done
            self._check()
            self.link_ids = self._send()
        return self.link_ids._action_show()

    def _check(self):
        if not self.line_ids:
            raise UserError(self.env._("Choose invoices or customers to ask."))
        problem = self.problem or self.sms_problem
        if len(self.line_ids) > 1 and not self.ready_count:
            problem = self.line_ids[0].problem
        if problem:
            raise UserError(problem)
        if self.expires_at and self.expires_at <= fields.Datetime.now():
            raise UserError(self.env._("The expiry lies in the past: choose a later one."))
