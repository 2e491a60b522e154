from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ...const import SMS_LENGTH
from ...tools.address_checks import check_email
from ...tools.gsm import gsm_length, to_gsm
from .paylink_send_line import COVERS

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
        string="Save on the contact", default=True, help="Save the addresses entered here on contacts that have none."
    )
    is_new_address = fields.Boolean(compute="_compute_is_new_address")
    problem = fields.Char(compute="_compute_problem")
    warning = fields.Char(compute="_compute_problem")
    is_amount_missing = fields.Boolean(
        compute="_compute_problem", help="Nothing is wrong: the amount has only not been entered yet."
    )
    # The link made of this preview gets the token that the preview shows.
    access_token = fields.Char(default=lambda self: self.env["paylink.link"]._new_token(), readonly=True)
    link_ids = fields.Many2many("paylink.link", readonly=True)
    email_warning = fields.Char(compute="_compute_email_warning")
    subject = fields.Char(compute="_compute_subject", store=True, readonly=False)
    body = fields.Html(
        string="Content",
        compute="_compute_body",
        store=True,
        readonly=False,
        sanitize_style=True,
        help="The amount, the button and your company's details are added around this text.",
    )
    sms_body = fields.Text(string="SMS text", compute="_compute_sms_body", store=True, readonly=False)
    sms_count = fields.Char(compute="_compute_sms_count")
    sms_warning = fields.Char(compute="_compute_sms_count")
    sms_problem = fields.Char(compute="_compute_sms_count")
    existing_link_id = fields.Many2one("paylink.link", compute="_compute_existing")
    existing_text = fields.Char(compute="_compute_existing")
    existing_cover = fields.Selection(COVERS, compute="_compute_existing")
    has_existing = fields.Boolean(compute="_compute_existing")
    reuse = fields.Boolean(
        string="Send this link again as it is, instead of making a new one",
        compute="_compute_reuse",
        store=True,
        readonly=False,
    )

    # === DEFAULTS === #

    @api.model
    def default_get(self, fields_list):
        """Take the records to ask for from ``active_model`` and ``active_ids``, and prepare their lines.

        Texts, expiry and account are those of the company whose documents these are; who has a mobile number and no
        e-mail address is sent an SMS.
        """
        values = super().default_get(fields_list)
        context = self.env.context
        if "source_ids" in fields_list and context.get("active_model") in SOURCES:
            active_ids = context.get("active_ids") or [context.get("active_id")]
            values |= {"source_model": context["active_model"], "source_ids": [id_ for id_ in active_ids if id_]}
            values.setdefault("company_id", self.env.company.id)
            values["kind"] = self.new(values)._default_kind()
            if "line_ids" in fields_list:
                values["line_ids"] = self.new(values)._line_commands()
        lines = values.get("line_ids") or []
        if len(lines) == 1 and self._is_reached_by_sms_only(lines[0][2]):
            values |= {"send_email": False, "send_sms": True}
        if values.get("source_ids"):
            companies = self.new(values)._asking_companies()
            if companies != self.env.company:
                own = self._company_values(companies)
                values |= {name: value for name, value in own.items() if name in fields_list}
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
        """A new amount is asked for by the current company."""
        values = self._company_values(self._asking_companies())
        if values["company_id"] != self.company_id.id or bool(values["template_id"]) != bool(self.template_id):
            self.update(values)
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
            return self.env._("Enter the amount to ask for: it must be more than zero.")
        difference = currency.compare_amounts(self.amount, self.amount_due) if self.kind == "open_items" else 0
        if difference > 0:
            return self.env._(
                "You can't ask for more than what is due (%(due)s).", due=currency.format(self.amount_due)
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
            raise UserError(self.env._("The expiry date is in the past: choose a later one."))

    # === THE ADDRESS === #
    # What is known of the address of the only customer: by which way to send, and what speaks against it.

    @api.model
    def _is_reached_by_sms_only(self, line):
        """:param dict line: the values of the wizard's line"""
        partner = self.env["res.partner"].browse(line["partner_id"])
        by_sms = {"email": False, "phone": line["phone"], "send_email": False, "send_sms": True}
        return not line["email"] and not self.env["paylink.link"]._recipient_problem(partner, **by_sms)

    @api.depends("email", "send_email", "line_ids")
    def _compute_email_warning(self):
        """As the sign on the contact says it; what makes sending impossible, and what has bounced, is told above."""
        for wizard in self:
            verdict = wizard.send_email and wizard._only_line() and check_email(wizard.email)
            doubt = verdict and verdict.state in ("doubtful", "invalid") and verdict.code != "email_syntax"
            wizard.email_warning = doubt and self.env["res.partner"]._paylink_reason(verdict)

    # === WHO ASKS === #
    # The wizard speaks as the company that asks, which need not be the current one.

    def _asking_companies(self):
        """Who asks for what is selected, among the companies that the user works in."""
        if self.kind == "free" or len(self.env.companies) == 1:
            return self.env.company
        sources = self._sources()
        if sources._name == "res.partner":
            sources = sources._paylink_open_items(self.env.companies)
        return (sources.company_id & self.env.companies) or self.env.company

    @api.model
    def _company_values(self, companies):
        """What follows from who asks. Of several companies each has texts of its own: no template stands for those."""
        several = len(companies) > 1
        company = self.env.company if several else companies.with_env(self.env)
        return {
            "company_id": company.id,
            "bank_account_id": company._paylink_bank_account().id,
            "expires_at": company._paylink_expires_at(),
            "template_id": not several and company.sudo()._paylink_mail_template().id,
            "sms_template_id": not several and company.sudo()._paylink_sms_template().id,
        }

    # === TEXTS === #
    # The texts of the only message, as the template says them, to be changed before sending.

    @api.depends("line_ids", "template_id", "lang", "amount", "currency_id", "reference", "expires_at", "reuse")
    def _compute_subject(self):
        for wizard in self:
            wizard.subject = wizard._preview(wizard.template_id, "subject")

    @api.depends("line_ids", "template_id", "lang", "amount", "currency_id", "reference", "expires_at", "reuse")
    def _compute_body(self):
        for wizard in self:
            wizard.body = wizard._preview(wizard.template_id, "body_html")

    @api.depends("line_ids", "sms_template_id", "lang", "amount", "currency_id", "reference", "expires_at", "reuse")
    def _compute_sms_body(self):
        for wizard in self:
            text = wizard._preview(wizard.sms_template_id, "body")
            wizard.sms_body = text and to_gsm(text)

    def _preview(self, template, field):
        """What the template says for the only link; an edited text is sent as it is, never rendered again."""
        link = self._preview_link()
        if not link or not template:
            return False
        self.env["paylink.link"]._check_templates(template)
        return template.with_context(lang=self.lang)._render_field(field, [link.id])[link.id]

    @api.depends("sms_body", "send_sms")
    def _compute_sms_count(self):
        requests = self.env["paylink.link"]
        for wizard in self:
            length = gsm_length(to_gsm(wizard.sms_body or ""))
            wizard.sms_count = (
                self.env._("%(length)s of %(limit)s characters of one SMS", length=length, limit=SMS_LENGTH)
                if length <= SMS_LENGTH
                else self.env._("%(length)s characters; one SMS holds %(limit)s", length=length, limit=SMS_LENGTH)
            )
            wizard.sms_warning = wizard.send_sms and requests._sms_warning(wizard.sms_body)
            wizard.sms_problem = wizard.send_sms and requests._sms_problem(
                wizard.sms_body, wizard.partner_id.display_name
            )

    def _preview_link(self):
        """The link as it would be, in memory, to render texts with; the open one if that is used again."""
        self.ensure_one()
        if len(self.line_ids) != 1 or not self.partner_id or self.line_ids.blocked:
            return self.env["paylink.link"]
        # What is asked and of whom is read again: a client could have changed the line.
        line = self.line_ids
        groups = line._groups(self) if self.kind != "free" else {}
        items = groups.get(line.key, self.env["account.move.line"])
        if groups and not items:
            return self.env["paylink.link"]
        if items and (link := line._reused_link(line._existing_links({line.key: items})[line.key])):
            return link
        origin = line._group_origin(items) if items else line._free_origin(self)
        values = self._common_values() | self._single_values() | origin | {"kind": self.kind, "amount": self.amount}
        values["line_ids"] = [fields.Command.create(vals) for vals in items._paylink_line_values()]
        return self.env["paylink.link"].new(values)

    # === OPEN LINKS === #
    # The same for the only link of the wizard.

    @api.depends("line_ids")
    def _compute_existing(self):
        for wizard in self:
            line = wizard._only_line()
            wizard.existing_link_id = line.existing_link_id
            wizard.existing_text = line.existing_text
            wizard.existing_cover = line.existing_cover
            wizard.has_existing = bool(wizard.line_ids.existing_link_id)

    @api.depends("line_ids")
    def _compute_reuse(self):
        for wizard in self:
            line = wizard._only_line()
            wizard.reuse = line.reuse or not line

    # === SENDING === #
    # Making and sending the links, once everything is checked.

    def _send(self):
        """Make the links, send them, return them."""
        single = len(self.line_ids) == 1
        lines = self.line_ids if single else self.line_ids.filtered(lambda line: not line.problem)
        groups = lines._groups(self) if self.kind != "free" else {}
        if self.kind != "free" and (gone := lines.filtered(lambda line: line.key not in groups)):
            raise UserError(
                self.env._(
                    "%(documents)s: paid in the meantime. Close this window and start again.",
                    documents=gone[0].documents,
                )
            )
        existing = lines._existing_links({line.key: groups[line.key] for line in lines}) if groups else {}
        reused = {line: line._reused_link(existing[line.key]) for line in lines if line.key in existing}
        again = lines.filtered(reused.get)
        (lines - again)._check_nothing_chosen()
        links = self.env["paylink.link"].union(*(reused[line] for line in again))
        links.filtered(lambda link: link.attach_pdf != self.attach_pdf).attach_pdf = self.attach_pdf
        links |= self._make_links(lines - again, groups)
        if single:
            self._apply_single(links)
        if self.save_on_contact:
            lines._save_on_contacts()
        texts = {"subject": self.subject, "body": self.body, "sms_body": self.sms_body} if single else {}
        links._issue()
        if self.send_email or self.send_sms:
            links._queue_messages(
                mail_template=self.template_id,
                sms_template=self.sms_template_id,
                **texts,
            )
        return links

    def _make_links(self, lines, groups):
        """New links for ``lines``, in one batch."""
        Link = self.env["paylink.link"]
        if not lines:
            return Link
        common = self._common_values()
        if self.kind == "free":
            return Link._create_for_user([common | line._link_values() | line._free_origin(self) for line in lines])
        return Link._create_for_items(
            [(line._link_values() | line._group_origin(groups[line.key]), groups[line.key]) for line in lines], **common
        )

    def _common_values(self):
        """What all links of this wizard have in common."""
        return {
            "user_id": self.env.user.id,
            "send_email": self.send_email,
            "send_sms": self.send_sms,
            "expires_at": self.expires_at,
            "attach_pdf": self.attach_pdf,
        }

    def _single_values(self):
        """What was chosen for the only link."""
        return {
            "email": self.email,
            "phone": self.phone,
            "lang": self.lang,
            "reference": self.reference,
            "access_token": self.access_token,
        }

    def _apply_single(self, link):
        """Put on the only link what was chosen for it."""
        values = {"email": self.email, "phone": self.phone, "lang": self.lang}
        values |= {"send_email": self.send_email, "send_sms": self.send_sms}
        order = link.sudo().sale_order_id
        expires_at = order._paylink_expires_at(self.expires_at) if order else self.expires_at
        if link.expires_at and (not expires_at or expires_at > link.expires_at):
            values["expires_at"] = expires_at  # a link used again never gets a shorter life
        link.write(values)
