from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..const import SMS_LENGTH
from ..tools.gsm import gsm_length, to_gsm

# Above this many links no missing PDF is made: each takes a second.
MAX_NEW_PDFS = 20


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
        [("open_items", "All that is due"), ("free", "Another amount")], string="Ask for", required=True,
        default="open_items",
    )
    grouping = fields.Selection(
        [("partner", "One link per customer"), ("document", "One link per invoice")], default="partner", required=True
    )
    line_ids = fields.One2many("paylink.send.line", "wizard_id", string="Links")
    is_single = fields.Boolean(compute="_compute_counts")
    ready_count = fields.Integer(string="Ready", compute="_compute_counts")
    problem_count = fields.Integer(string="Impossible", compute="_compute_counts")

    send_email = fields.Boolean(string="E-mail", default=True)
    send_sms = fields.Boolean(string="SMS")
    template_id = fields.Many2one(
        "mail.template", string="E-mail Template", domain=[("model", "=", "paylink.link")],
        default=lambda self: self.env.company.sudo()._paylink_mail_template(),
    )
    sms_template_id = fields.Many2one(
        "sms.template", string="SMS Template", domain=[("model", "=", "paylink.link")],
        default=lambda self: self.env.company.sudo()._paylink_sms_template(),
    )
    expires_at = fields.Datetime(
        string="Expires on", default=lambda self: self.env.company._paylink_expires_at(),
        help="Empty: the links do not expire.",
    )
    bank_account_id = fields.Many2one(
        "res.partner.bank", string="Bank Account", default=lambda self: self.env.company._paylink_bank_account(),
        domain="[('partner_id', '=', company_partner_id)]", help="Offered to customers who pay by transfer.",
    )
    company_partner_id = fields.Many2one(related="company_id.partner_id")
    beneficiary = fields.Char(compute="_compute_beneficiary")
    attach_pdf = fields.Boolean(string="Attach the invoice PDF")

    # With one link only: what can be changed about it.
    partner_id = fields.Many2one("res.partner", string="Customer", compute="_compute_single")
    currency_id = fields.Many2one("res.currency", compute="_compute_single")
    amount_due = fields.Monetary(string="Due", compute="_compute_single")
    amount = fields.Monetary(string="Amount", compute="_compute_amount", store=True, readonly=False)
    can_limit = fields.Boolean(compute="_compute_can_limit")
    email = fields.Char(string="E-mail to", compute="_compute_email", store=True, readonly=False)
    phone = fields.Char(string="Mobile number", compute="_compute_phone", store=True, readonly=False)
    lang = fields.Selection(
        selection=lambda self: self.env["res.lang"].get_installed(), string="Language",
        compute="_compute_lang", store=True, readonly=False,
    )
    reference = fields.Char(compute="_compute_reference", store=True, readonly=False)
    save_on_contact = fields.Boolean(
        string="Save on the contact", default=True, help="Keep an address typed here on a contact that has none."
    )
    is_new_address = fields.Boolean(compute="_compute_is_new_address")
    subject = fields.Char(compute="_compute_subject", store=True, readonly=False)
    body = fields.Html(
        string="Content", compute="_compute_body", store=True, readonly=False, sanitize_style=True,
        help="The amount, the button and your company's details are added around this text.",
    )
    sms_body = fields.Text(string="SMS text", compute="_compute_sms_body", store=True, readonly=False)
    sms_count = fields.Char(compute="_compute_sms_count")
    problem = fields.Char(compute="_compute_problem")
    warning = fields.Char(compute="_compute_problem")
    existing_link_id = fields.Many2one("paylink.link", compute="_compute_single")
    reuse = fields.Boolean(
        string="Use the open link again", default=True,
        help="An open link already asks for the same: send it again instead of making a second one.",
    )
    # The link made of this preview gets the token that the preview shows.
    access_token = fields.Char(default=lambda self: self.env["paylink.link"]._new_token(), readonly=True)
    link_ids = fields.Many2many("paylink.link", readonly=True)

    # === DEFAULTS === #

    @api.model
    def default_get(self, fields_list):
        """Take the records to ask for from ``active_model`` and ``active_ids``, and prepare their lines."""
        values = super().default_get(fields_list)
        context = self.env.context
        if "source_ids" in fields_list and context.get("active_model") in ("account.move", "res.partner"):
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
        return super().create([
            vals if "line_ids" in vals
            else vals | {"line_ids": self.new({**self.default_get(names), **vals})._line_commands()}
            for vals in vals_list
        ])

    @api.onchange("grouping", "kind")
    def _onchange_grouping(self):
        self.line_ids = [fields.Command.clear(), *self._line_commands()]

    def _default_kind(self):
        """A customer who owes nothing is asked for another amount."""
        sources = self._sources()
        if len(sources) != 1 or sources._name != "res.partner":
            return "open_items"
        due = sources._paylink_open_items(self.env.companies)._paylink_due()
        return "open_items" if sum(due.values()) > 0 else "free"

    def _line_commands(self):
        return [fields.Command.create(values) for values in self.env["paylink.send.line"]._prepare_lines(self)]

    @api.model
    def _action_open(self, records):
        """The action that opens the wizard on ``records`` (invoices or customers)."""
        return self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_send_action") | {
            "context": {"active_model": records._name, "active_ids": records.ids},
        }

    # === COMPUTE METHODS === #

    def _sources(self):
        """The selected records, once the user's right to read them is checked."""
        self.ensure_one()
        if self.source_model not in ("account.move", "res.partner"):
            return self.env["account.move"]
        if not self.env.user.has_group("paylink_addon.group_paylink_user"):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
        records = self.env[self.source_model].browse(self.source_ids or []).exists()
        records.check_access("read")
        return records

    @api.depends("line_ids.problem", "send_email", "send_sms", "line_ids.reuse")
    def _compute_counts(self):
        for wizard in self:
            wizard.is_single = len(wizard.line_ids) == 1
            wizard.problem_count = len(wizard.line_ids.filtered("problem"))
            wizard.ready_count = len(wizard.line_ids) - wizard.problem_count

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
            wizard.currency_id = line.currency_id
            wizard.amount_due = line.amount
            wizard.existing_link_id = line.existing_link_id

    # Each field that can be edited has a computation of its own, so that giving one does not lose another.

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
            wizard.reference = wizard._only_line().documents if wizard.kind == "open_items" else False

    @api.depends("kind", "company_id")
    def _compute_can_limit(self):
        for wizard in self:
            wizard.can_limit = wizard.kind == "free" or wizard.company_id.paylink_allow_partial

    @api.depends("partner_id", "email", "phone", "send_email", "send_sms")
    def _compute_is_new_address(self):
        for wizard in self:
            partner = wizard.partner_id
            wizard.is_new_address = bool(partner) and bool(
                (wizard.send_email and wizard.email and not partner.email)
                or (wizard.send_sms and wizard.phone and not partner.phone)
            )

    @api.depends("line_ids", "template_id", "lang", "amount", "reference", "expires_at", "reuse")
    def _compute_subject(self):
        for wizard in self:
            wizard.subject = wizard._preview(wizard.template_id, "subject")

    @api.depends("line_ids", "template_id", "lang", "amount", "reference", "expires_at", "reuse")
    def _compute_body(self):
        for wizard in self:
            wizard.body = wizard._preview(wizard.template_id, "body_html")

    @api.depends("line_ids", "sms_template_id", "lang", "amount", "reference", "expires_at", "reuse")
    def _compute_sms_body(self):
        for wizard in self:
            text = wizard._preview(wizard.sms_template_id, "body")
            wizard.sms_body = text and to_gsm(text)

    def _preview(self, template, field):
        """What the template says for the only link; an edited text is sent as it is, never rendered again."""
        link = self._preview_link()
        if not link or not template:
            return False
        return template.sudo().with_context(lang=self.lang)._render_field(field, [link.id])[link.id]

    @api.depends("sms_body")
    def _compute_sms_count(self):
        for wizard in self:
            length = gsm_length(to_gsm(wizard.sms_body or ""))
            wizard.sms_count = self.env._(
                "%(length)s of %(limit)s characters of one SMS", length=length, limit=SMS_LENGTH
            )

    @api.depends("line_ids.problem", "partner_id", "email", "phone", "send_email", "send_sms", "amount", "kind")
    def _compute_problem(self):
        requests = self.env["paylink.link"]
        for wizard in self:
            single = len(wizard.line_ids) == 1
            wizard.warning = single and requests._recipient_warning(wizard.partner_id, wizard.email, wizard.send_email)
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
            return self.env._("No more than what is due (%(due)s) can be asked for.", due=currency.format(self.amount_due))
        if difference < 0 and not self.can_limit:
            return self.env._("Your company does not allow partial payments: ask for all that is due.")
        return False

    def _preview_link(self):
        """The link as it would be, in memory, to render texts with; the open one if that is used again."""
        self.ensure_one()
        if len(self.line_ids) != 1 or not self.partner_id or self.line_ids.blocked:
            return self.env["paylink.link"]
        if self.existing_link_id and self.reuse:
            return self.existing_link_id
        line = self.line_ids
        items = line._groups(self).get(line.key, self.env["account.move.line"])
        values = self._common_values() | self._single_values() | {
            "kind": self.kind,
            "amount": self.amount,
            "partner_id": line.partner_id.id,
            "company_id": line.company_id.id,
            "currency_id": line.currency_id.id,
        }
        values["line_ids"] = [fields.Command.create(vals) for vals in items._paylink_line_values()]
        return self.env["paylink.link"].new(values)

    # === ACTIONS === #

    def action_send(self):
        """Make (or use again) the links, queue their messages, and show them."""
        self.ensure_one()
        self.lock_for_update()
        if not self.link_ids:  # a second click finds the work done
            self._check()
            self.link_ids = self._send()
        return self.link_ids._action_show()

    def _check(self):
        if not self.line_ids:
            raise UserError(self.env._("Choose invoices or customers to ask."))
        problem = self.problem
        if len(self.line_ids) > 1 and not self.ready_count:
            problem = self.line_ids[0].problem
        if problem:
            raise UserError(problem)
        if self.expires_at and self.expires_at <= fields.Datetime.now():
            raise UserError(self.env._("The expiry lies in the past: choose a later one."))

    def _send(self):
        """Make the links, send them, return them."""
        single = len(self.line_ids) == 1
        lines = self.line_ids if single else self.line_ids.filtered(lambda line: not line.problem)
        again = lines.filtered(lambda line: line.existing_link_id and (self.reuse if single else line.reuse))
        links = again.existing_link_id | self._make_links(lines - again)
        if single:
            self._apply_single(links)
        texts = {}
        if single:
            texts = {"subject": self.subject, "body": self.body, "sms_body": self.sms_body}
        links._issue()
        if self.send_email or self.send_sms:
            links._queue_messages(
                mail_template=self.template_id, sms_template=self.sms_template_id,
                attachments=self._attachments(links) if self.attach_pdf and self.send_email else None, **texts,
            )
        return links

    def _make_links(self, lines):
        """New links for ``lines``, in one batch."""
        Link = self.env["paylink.link"]
        if not lines:
            return Link
        common = self._common_values()
        if self.kind == "free":
            partner = self._sources()
            return Link._create_for_user([
                common | line._link_values() | {"partner_id": partner.id} for line in lines
            ])
        groups = self.env["paylink.send.line"]._groups(self)
        return Link._create_for_items([
            (line._link_values() | line._group_origin(groups[line.key]), groups[line.key]) for line in lines
        ], **common)

    def _common_values(self):
        """What all links of this wizard have in common."""
        return {
            "user_id": self.env.user.id,
            "send_email": self.send_email,
            "send_sms": self.send_sms,
            "expires_at": self.expires_at,
            "bank_account_id": self.bank_account_id.id,
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
        """Put on the only link what was chosen for it, and a new address on the contact."""
        values = {"email": self.email, "phone": self.phone, "lang": self.lang} | {
            key: self._common_values()[key] for key in ("send_email", "send_sms", "expires_at")
        }
        link.write(values)
        if self.is_new_address and self.save_on_contact:
            known = self.partner_id
            known.write({
                name: value for name, value in (("email", self.email), ("phone", self.phone)) if value and not known[name]
            })

    def _attachments(self, links):
        """The PDFs of each link's invoices: those stored; a few missing ones are made."""
        moves = links.sudo().line_ids.move_id.filtered(lambda move: move.is_sale_document())
        missing = moves.filtered(lambda move: not move.invoice_pdf_report_id)
        if len(missing) <= MAX_NEW_PDFS:
            for move in missing:
                self.env["account.move.send"].sudo()._generate_and_send_invoices(
                    move, sending_methods=[], allow_fallback_pdf=False
                )
        return {link.id: link.sudo().line_ids.move_id.invoice_pdf_report_id.ids for link in links}
