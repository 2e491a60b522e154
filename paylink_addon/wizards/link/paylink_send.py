from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools.hooks import named_hook


class PaylinkSend(models.TransientModel):
    """Makes collection links and queues their messages: for one customer with every detail, for many at once.

    What is particular to a link stands on its line. Where there is one line, the dialog shows its fields as its own:
    they are those related to ``line_ids`` (see :meth:`_line_fields`). What is asked for is read again from the selected
    records when the links are made; what the client sends back is only addresses, texts and choices.

    Hooks are found by name: a new kind of request, or of records to select, overrides nothing, but defines some of
    these. Each has a general form: ``_<hook>_general``.

    By kind (``_lines_deposit``), of the wizard:

    - ``_is_free()``: whether the sender enters the amount
    - ``_groups()``: what each link asks for, by key, read again from the selected records
    - ``_lines(groups)``: the values of the lines
    - ``_free_reference(lang)``: what the customer may know a free amount by
    - ``_make_links(lines, groups)``: the new links, in one batch

    By kind (``_amount_problem_deposit``), of the line:

    - ``_can_limit()``: whether less than what is proposed may be asked for
    - ``_amount_problem()``: why the amount can't be asked for, or ``False``
    - ``_existing_links(groups)``: the open links that ask for it already, as :class:`Existing` by key
    - ``_asked_values(group)``: what the link asks for, and of whom
    - ``_has_changed(known)``: whether what it tells is not so anymore, by the values that the line would have now
    - ``_preview_values(group)``: what else a link in memory needs to be rendered
    - ``_expires_at(link)``: until when an open link that is sent again may last

    By the model of the selected records (``_items_res_partner``), of the wizard:

    - ``_kind(sources)``: what is asked for at first
    - ``_companies(sources)``: who asks
    - ``_choices(sources)``: what is chosen in the dialog at first
    - ``_items(sources)``: the open items to ask for, in sudo mode
    - ``_in_installments(sources)``: whether of an invoice in installments only what is due now is asked for at first
    - ``_left_out(sources, items)``: of which of them nothing can be asked, as ``(name, customer, reason)``
    """

    _name = "paylink.send"
    _inherit = ["paylink.send.mixin", "paylink.expiry.mixin"]
    _description = "Send Collection Links"

    company_id = fields.Many2one("res.company", default=lambda self: self.env.company)
    kind = fields.Selection(
        [("open_items", "All that is due"), ("free", "Another amount")],
        string="Ask for",
        required=True,
        default="open_items",
    )
    is_free = fields.Boolean(compute="_compute_is_free", help="The sender enters the amount.")
    grouping = fields.Selection(
        [("partner", "One link per customer"), ("document", "One link per invoice")], default="partner", required=True
    )
    scope = fields.Selection(
        [("now", "Those due now"), ("all", "All of them")],
        string="Installments",
        required=True,
        default="now",
        help="Due now is what is overdue of an invoice in installments, or else the next one.",
    )
    has_later = fields.Boolean(compute="_compute_counts")
    line_ids = fields.One2many("paylink.send.line", "wizard_id", string="Links")
    is_single = fields.Boolean(compute="_compute_is_single")
    ready_count = fields.Integer(string="Ready", compute="_compute_counts")
    problem_count = fields.Integer(string="Impossible", compute="_compute_counts")
    warning_count = fields.Integer(string="To look at", compute="_compute_counts")
    is_one_customer = fields.Boolean(compute="_compute_is_one_customer")
    has_several_currencies = fields.Boolean(compute="_compute_counts")
    has_existing = fields.Boolean(compute="_compute_counts")
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
    expires_at = fields.Datetime(default=lambda self: self.env.company._paylink_expires_at())
    bank_account_id = fields.Many2one(
        "res.partner.bank",
        default=lambda self: self.env.company._paylink_bank_account(),
        domain="[('partner_id', '=', company_partner_id)]",
        help="Offered to customers who pay by transfer.",
    )
    company_partner_id = fields.Many2one(related="company_id.partner_id")
    beneficiary = fields.Char(compute="_compute_beneficiary")
    attach_pdf = fields.Boolean(string="Attach the invoice PDF")
    save_on_contact = fields.Boolean(
        string="Save on the contact", default=True, help="Save the addresses entered here on contacts that have none."
    )
    is_new_address = fields.Boolean(compute="_compute_is_new_address")
    link_ids = fields.Many2many("paylink.link", readonly=True)

    # === THE ONLY LINE === #
    # Of several lines these are the first one's: neither shown nor written.

    partner_id = fields.Many2one(related="line_ids.partner_id")
    currency_id = fields.Many2one(related="line_ids.currency_id", readonly=False)
    amount_due = fields.Monetary(related="line_ids.amount_due")
    amount_later = fields.Monetary(related="line_ids.amount_later")
    amount = fields.Monetary(related="line_ids.amount", readonly=False)
    can_limit = fields.Boolean(related="line_ids.can_limit")
    email = fields.Char(string="E-mail to", related="line_ids.email", readonly=False)
    phone = fields.Char(string="Mobile number", related="line_ids.phone", readonly=False)
    lang = fields.Selection(related="line_ids.lang", readonly=False)
    reference = fields.Char(related="line_ids.reference", readonly=False)
    problem = fields.Char(related="line_ids.problem")
    warning = fields.Char(related="line_ids.warning")
    is_amount_missing = fields.Boolean(related="line_ids.is_amount_missing")
    existing_link_id = fields.Many2one(related="line_ids.existing_link_id")
    existing_text = fields.Char(related="line_ids.existing_text")
    existing_cover = fields.Selection(related="line_ids.existing_cover")
    reuse = fields.Boolean(
        string="Send this link again as it is, instead of making a new one", related="line_ids.reuse", readonly=False
    )
    access_token = fields.Char(related="line_ids.access_token")
    subject = fields.Char(related="line_ids.subject", readonly=False)
    body = fields.Html(related="line_ids.body", readonly=False)
    sms_body = fields.Text(related="line_ids.sms_body", readonly=False)
    sms_count = fields.Char(related="line_ids.sms_count")
    sms_warning = fields.Char(related="line_ids.sms_warning")
    sms_problem = fields.Char(related="line_ids.sms_problem")

    # === COMPUTE METHODS === #

    @api.depends("kind")
    def _compute_is_free(self):
        for wizard in self:
            wizard.is_free = wizard._of_kind("is_free")

    @api.depends("line_ids")
    def _compute_is_single(self):
        for wizard in self:
            wizard.is_single = len(wizard.line_ids) == 1

    @api.depends("source_model", "source_ids")
    def _compute_is_one_customer(self):
        for wizard in self:
            wizard.is_one_customer = wizard.source_model == "res.partner" and len(wizard.source_ids or []) == 1

    @api.depends("line_ids.problem", "line_ids.warning", "line_ids.existing_link_id", "line_ids.amount_later")
    def _compute_counts(self):
        for wizard in self:
            wizard.has_later = any(wizard.line_ids.mapped("amount_later"))
            wizard.has_existing = bool(wizard.line_ids.existing_link_id)
            wizard.has_several_currencies = wizard._has_several_currencies()
            wizard.problem_count = len(wizard.line_ids.filtered("problem"))
            wizard.warning_count = len(wizard.line_ids.filtered(lambda line: line.warning and not line.problem))
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
            bank = wizard.bank_account_id
            is_own = bool(bank) and bank.partner_id == wizard.company_id.partner_id
            wizard.beneficiary = is_own and (bank.acc_holder_name or bank.partner_id.name)

    @api.depends("send_email", "send_sms", "line_ids.email", "line_ids.phone")
    def _compute_is_new_address(self):
        for wizard in self:
            wizard.is_new_address = any(line._contact_values() for line in wizard.line_ids)

    # === ONCHANGE METHODS === #

    @api.onchange("grouping", "kind", "scope")
    def _onchange_grouping(self):
        """A new amount is asked for by the current company."""
        values = self._company_values(self._asking_companies())
        if values["company_id"] != self.company_id.id or bool(values["template_id"]) != bool(self.template_id):
            self.update(values)
        self.line_ids = [fields.Command.clear(), *self._line_commands()]

    @api.onchange(
        *("currency_id", "amount", "email", "phone", "lang", "reference", "reuse", "subject", "body", "sms_body")
    )
    def _onchange_line(self):
        """What is changed in the dialog is changed on the only line."""
        line = self.line_ids
        if self.is_single:
            values = {name: self[name] for name in self._line_fields()}
            line.update({name: value for name, value in values.items() if value != line[name]})

    # === CRUD METHODS === #

    @api.model
    def default_get(self, fields_list):
        """Prepare the lines of the records to ask for.

        Texts, expiry and account are those of the company whose documents these are; who has a mobile number and no
        e-mail address is sent an SMS.
        """
        values = super().default_get(fields_list)
        if not values.get("source_ids"):
            return values
        values.setdefault("company_id", self.env.company.id)
        if "default_kind" not in self.env.context:
            values["kind"] = self.new(values)._default_kind()
        if "line_ids" in fields_list:
            values["line_ids"] = self.new(values)._line_commands()
        lines = values.get("line_ids") or []
        if len(lines) == 1 and self._is_reached_by_sms_only(lines[0][2]):
            values |= {"send_email": False, "send_sms": True}
        chosen = self._of_source("choices", self.new(values)._sources())
        values |= {name: value for name, value in chosen.items() if name in fields_list}
        companies = self.new(values)._asking_companies()
        if companies != self.env.company:
            own = self._company_values(companies)
            values |= {name: value for name, value in own.items() if name in fields_list}
        return values

    @api.model_create_multi
    def create(self, vals_list):
        """Prepare the lines where the caller gives none; what is given of the only link is its line's."""
        wizards = super().create([self._without_line_fields(vals) | {"line_ids": []} for vals in vals_list])
        for wizard, vals in zip(wizards, vals_list, strict=True):
            if "line_ids" in vals:
                wizard._create_lines(vals["line_ids"])
            else:
                wizard.sudo()._create_lines(wizard._line_commands())
            wizard._write_line(vals)
        return wizards

    def _create_lines(self, commands):
        """Make the lines: of many links, which nobody may look at one by one, no more than rows."""
        self._check_written({"line_ids": commands})
        if len(commands) > 1 and all(command[0] == fields.Command.CREATE for command in commands):
            self.line_ids._create_rows(self, [values for _create, _id, values in commands])
        else:
            self.line_ids = commands

    def write(self, vals):
        """What is written of the only link is its line's."""
        result = super().write(self._without_line_fields(vals))
        for wizard in self:
            wizard._write_line(vals)
        return result

    @api.model
    def _line_fields(self):
        """The fields of the only line that can be changed in the dialog; texts come last."""
        return [
            name
            for name, field in self._fields.items()
            if not field.readonly and (field.related or "").startswith("line_ids.")
        ]

    @api.model
    def _without_line_fields(self, vals):
        names = self._line_fields()
        return {name: value for name, value in vals.items() if name not in names}

    def _write_line(self, vals):
        """Write what ``vals`` say of the only link on its line: at once, so that giving one does not lose another."""
        values = {name: vals[name] for name in self._line_fields() if name in vals}
        if values and self.is_single:
            self.line_ids.write(values)

    # === ACTIONS === #

    def action_send(self):
        """Make (or use again) the links, queue their messages, and say so. A second click finds the work done."""
        self._send_once()
        return self.link_ids._action_tell_sent()

    def _check(self):
        if not self.line_ids:
            raise UserError(self.env._("Choose invoices or customers to ask."))
        is_ready = any(not line.problem for line in self.line_ids)
        problem = self.line_ids[0].problem if not is_ready else self.is_single and self.sms_problem
        if problem:
            raise UserError(problem)
        if self.expires_at and self.expires_at <= fields.Datetime.now():
            raise UserError(self.env._("The expiry date is in the past: choose a later one."))

    # === SOURCES === #

    @api.model
    def _source_models(self):
        return ["account.move", "res.partner", "paylink.link", *super()._source_models()]

    def _default_kind(self):
        return self._of_source("kind", self._sources())

    def _kind_general(self, _sources):
        return "open_items"

    def _kind_res_partner(self, partners):
        """A customer who owes nothing is asked for another amount."""
        if len(partners) != 1:
            return "open_items"
        items = partners._paylink_open_items(self.env.companies)._paylink_left()
        due = items._paylink_due()
        owed = (
            sum(due[item.id] for item in group)
            for group in items.grouped(lambda item: (item.company_id, item.currency_id)).values()
        )
        return "open_items" if any(amount > 0 for amount in owed) else "free"

    def _choices_general(self, _sources):
        return {}

    def _items_general(self, _sources):
        return self.env["account.move.line"].sudo()

    def _items_account_move(self, moves):
        return moves.filtered(lambda move: move.company_id in self.env.companies)._paylink_open_items()

    def _items_res_partner(self, partners):
        return partners._paylink_open_items(self.env.companies)

    def _in_installments_general(self, _sources):
        return True

    def _left_out_general(self, _sources, _items):
        return []

    def _left_out_account_move(self, moves, items):
        asked = set(items.move_id.ids)
        return [
            (move.display_name, move.partner_id, self._why_left_out(move)) for move in moves if move.id not in asked
        ]

    def _left_out_res_partner(self, partners, items):
        asked = set(items.partner_id.commercial_partner_id.ids)
        reason = self.env._("Nothing is due, or a payment is in progress.")
        return [
            (partner.display_name, partner, reason)
            for partner in partners
            if partner.commercial_partner_id.id not in asked
        ]

    def _why_left_out(self, move):
        if move.state != "posted":
            return self.env._("Not posted yet: confirm it first.")
        if move.move_type not in ("out_invoice", "out_refund", "out_receipt"):
            return self.env._("Not a customer invoice.")
        if move.company_id not in self.env.companies:
            return self.env._("It belongs to another company: switch to it.")
        if move._paylink_open_items():
            return self.env._("A payment is in progress.")
        return self.env._("Already paid.")

    # === WHO ASKS === #
    # The wizard speaks as the company that asks, which need not be the current one.

    def _asking_companies(self):
        """Who asks for what is selected, among the companies that the user works in."""
        if self._of_kind("is_free") or len(self.env.companies) == 1:
            return self.env.company
        return (self._of_source("companies", self._sources()) & self.env.companies) or self.env.company

    def _companies_general(self, sources):
        return sources.company_id

    def _companies_res_partner(self, partners):
        return self._items_res_partner(partners).company_id

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

    # === LINES === #

    def _of_kind(self, hook, *args):
        """What the hook of the kind answers: ``_<hook>_<kind>``, or ``_<hook>_general``."""
        return named_hook(self, hook, self.kind)(*args)

    def _line_values(self):
        """The values of the lines as we know them, by key: read again from what is selected."""
        lines = self._of_kind("lines", self._of_kind("groups"))
        # Only the one message has texts to be changed.
        texts = dict.fromkeys(("subject", "body", "sms_body"), False) if len(lines) > 1 else {}
        return {values["key"]: values | texts for values in lines}

    def _line_commands(self):
        return [fields.Command.create(values) for values in self._line_values().values()]

    def _with_known(self, lines):
        """What clients say of new lines, with what we know of each.

        :param list lines: values of lines, without what only we write
        """
        known = self._line_values()
        gone = {"blocked": self.env._("Paid in the meantime. Close this window and start again.")}
        return [known.get(values.get("key"), gone) | values for values in lines]

    def _completed(self, values):
        """The lines that are not stored yet, with what we know of them."""
        commands = values.get("line_ids") or []
        new = [command for command in commands if command[0] == fields.Command.CREATE]
        if not new:
            return values
        wizard = self.new({name: value for name, value in values.items() if name != "line_ids"}, origin=self[:1])
        known = iter(wizard._with_known([command[2] for command in new]))
        return values | {
            "line_ids": [[*command[:2], next(known)] if command in new else command for command in commands]
        }

    def _is_free_general(self):
        return True

    def _groups_general(self):
        """A free amount is asked of the selected customers."""
        sources = self._sources()
        return {f"free-{source.id}": source for source in sources if source._name == "res.partner"}

    def _lines_general(self, groups):
        origin = {"company_id": self.company_id.id, "currency_id": self.company_id.currency_id.id}
        return [
            self._partner_values(partner)
            | origin
            | {"key": key, "reference": self._of_kind("free_reference", partner._paylink_lang())}
            for key, partner in groups.items()
        ]

    def _free_reference_general(self, _lang):
        """What the customer may know a free amount by, to be changed."""
        return False

    @api.model
    def _partner_values(self, partner):
        return {
            "partner_id": partner.id,
            "email": partner.email,
            "phone": partner.phone,
            "lang": partner._paylink_lang(),
        }

    @api.model
    def _is_reached_by_sms_only(self, line):
        """:param dict line: the values of the wizard's line"""
        partner = self.env["res.partner"].browse(line["partner_id"])
        by_sms = {"email": False, "phone": line["phone"], "send_email": False, "send_sms": True}
        return not line["email"] and not self.env["paylink.link"]._recipient_problem(partner, **by_sms)

    # === SENDING === #
    # Making and sending the links, once everything is checked.

    def _send_ahead(self):
        """The links are out before their PDFs are made, which show them; what else can be wrong is found before."""
        if not (self.attach_pdf and self.send_email) or not self._hold_unsent():
            return
        if not self.link_ids:
            self._open_links()
            self.link_ids._check_recipients()
            self.env["paylink.link"]._check_templates(self.template_id, self.sms_template_id)
        self.link_ids._make_missing_pdfs()

    def _send(self):
        if not self.link_ids:
            self._open_links()
        if self.send_email or self.send_sms:
            self.link_ids._queue_messages(
                mail_template=self.template_id,
                sms_template=self.sms_template_id,
                **self.line_ids._texts(),
            )

    def _open_links(self):
        """Make the links, or use them again: their customers can pay by them."""
        self._check()
        lines = self.line_ids.filtered(lambda line: not line.problem)
        groups = self._of_kind("groups")
        if gone := lines.filtered(lambda line: line.key not in groups):
            raise UserError(
                self.env._(
                    "%(documents)s: paid in the meantime. Close this window and start again.",
                    documents=gone[0].documents,
                )
            )
        self._check_unchanged(lines)
        reused = lines._reused_links({line.key: groups[line.key] for line in lines})
        again = lines.filtered(reused.get)
        (lines - again)._check_nothing_chosen()
        for line in again:
            line._update_link(reused[line])
        links = self.env["paylink.link"].union(*(reused[line] for line in again))
        if new := lines - again:
            links |= self._of_kind("make_links", new, groups)
        if self.save_on_contact:
            lines._save_on_contacts()
        links._issue()
        self.sudo().link_ids = links

    def _check_unchanged(self, lines):
        """Refuse to send the one message, which was written when the dialog was opened, if what it tells has changed
        since. Of several each is written when it is sent.
        """
        known = self._line_values() if self.is_single and lines else {}
        if any(line._of_kind("has_changed", known[line.key]) for line in lines if line.key in known):
            raise UserError(self.env._("What is due has changed in the meantime. Close this window and start again."))

    def _make_links_general(self, lines, groups):
        """New links for ``lines``, in one batch."""
        common = self._common_values()
        return self.env["paylink.link"]._create_for_user(
            [common | line._link_values(groups[line.key]) for line in lines]
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
