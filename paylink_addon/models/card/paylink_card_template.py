from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import is_html_empty

from ..stripe.const import STRIPE_CODE, STRIPE_STORABLE

KINDS = [
    ("existing", "A customer stores a method"),
    ("update", "A customer replaces a stored method"),
    ("new", "A new customer stores a method"),
    ("generic", "Anyone, on a public page"),
]
# What customers read.
WORDING = ("title", "text", "consent")
# Of these it is told whether they were translated; a title may be the same in two languages.
SENTENCES = ("text", "consent")
LONGEST_EXPIRY = 365


class PaylinkCardTemplate(models.Model):
    """What a card request says and asks for: its words in each language, the methods it takes, how long it lasts.

    What the customer agrees to has a version, which counts up with each change of its words: a stored method keeps the
    words and the version that its owner has agreed to.
    """

    _name = "paylink.card.template"
    _inherit = ["paylink.guard.mixin", "paylink.ending.mixin"]
    _description = "Template of Card Requests"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one("res.company", index=True, help="Empty: for all companies.")
    kind = fields.Selection(KINDS, required=True, default="existing")
    title = fields.Char(required=True, translate=True, help="What the page, the e-mail and the SMS begin with.")
    text = fields.Html(translate=True, help="Why you ask for it, and what it will be used for.")
    consent = fields.Text(
        required=True,
        translate=True,
        help="What the customer agrees to, word by word. It is kept with the method, with its version.",
    )
    unsaid_in = fields.Char(
        string="Not worded in",
        compute="_compute_unsaid_in",
        help="Installed languages in which something is missing: nobody can be asked in them.",
    )
    consent_version = fields.Integer(string="Version of the consent", default=1, readonly=True, copy=False)
    method_ids = fields.Many2many(
        "payment.method",
        string="Accepted methods",
        domain=[
            *("&", ("is_primary", "=", True), "&", ("support_tokenization", "=", True)),
            *("|", ("active", "=", True), ("code", "in", list(STRIPE_STORABLE))),
        ],
        context={"active_test": False},
        help="Empty: whatever your payment providers can store.",
    )
    expiry_days = fields.Integer(string="Requests expire after", default=14, help="Days. 0: they do not expire.")
    mail_template_id = fields.Many2one(
        "mail.template", string="E-mail", domain=[("model", "=", "paylink.card.request")], ondelete="restrict"
    )
    sms_template_id = fields.Many2one(
        "sms.template", string="SMS", domain=[("model", "=", "paylink.card.request")], ondelete="restrict"
    )

    _expiry_possible = models.Constraint(
        f"CHECK(expiry_days BETWEEN 0 AND {LONGEST_EXPIRY})", "A request lasts at most a year: enter 0 to 365 days."
    )

    # === COMPUTE METHODS === #

    @api.depends(*WORDING)
    def _compute_unsaid_in(self):
        languages = self.env["res.lang"].get_installed()
        for template in self:
            unsaid = (
                [name for code, name in languages if template._origin._wording_problem(code)] if template.id else []
            )
            template.unsaid_in = ", ".join(name.rpartition(" / ")[2] for name in unsaid)

    # === CONSTRAINTS === #

    @api.constrains("mail_template_id", "sms_template_id")
    def _check_message_templates(self):
        for template in self:
            self.env["paylink.card.request"]._check_templates(template.mail_template_id, template.sms_template_id)

    @api.constrains("title", "consent")
    def _check_wording(self):
        for template in self:
            if not (template.title or "").strip() or not (template.consent or "").strip():
                raise ValidationError(self.env._("Enter a title and what the customer agrees to."))

    # === CRUD METHODS === #

    def write(self, vals):
        """Other words of what is agreed to are another version, in whatever language they are changed."""
        if "consent" not in vals:
            return super().write(vals)
        before = {template.id: template._consent_words() for template in self}
        result = super().write(vals)
        self._count_versions(before)
        return result

    def update_field_translations(self, field_name, translations, source_lang=""):
        """The dialog of translations writes here."""
        before = {template.id: template._consent_words() for template in self} if field_name == "consent" else {}
        result = super().update_field_translations(field_name, translations, source_lang)
        self._count_versions(before)
        return result

    def _count_versions(self, before):
        for template in self.sudo().browse(before):
            if template._consent_words() != before[template.id]:
                template.consent_version += 1

    def _consent_words(self):
        self.flush_recordset(["consent"])
        return self._fields["consent"]._get_stored_translations(self)

    def copy_data(self, default=None):
        """Two templates of one name would be one riddle."""
        values = super().copy_data(default)
        return [
            vals | {"name": self.env._("%s (copy)", template.name)} for template, vals in zip(self, values, strict=True)
        ]

    # === BUSINESS METHODS === #

    def _wording_problem(self, lang):
        """Why nobody can be asked in a language, and what to do, or ``False``.

        :param str lang: code of the language of the customer
        """
        self.ensure_one()
        missing = [name for name in WORDING if not is_html_empty(self[name]) and not self._is_said_in(name, lang)]
        if not missing:
            return False
        return self.env._(
            "“%(template)s” has no wording in %(language)s for “%(field)s”: translate it (the button with the language "
            "code beside the text), or choose another template.",
            template=self.name,
            language=self.env["res.lang"]._get_data(code=lang).name or lang,
            field=self._fields[missing[0]]._description_string(self.env),
        )

    def _wording_problems(self, langs):
        """Of several languages: :meth:`_wording_problem` by code."""
        return {lang: self._wording_problem(lang) for lang in langs}

    def _is_said_in(self, name, lang):
        """Odoo keeps what is written in another language as English, too: that alone makes no English of a sentence."""
        wordings = self._fields[name]._get_stored_translations(self) or {}
        if lang != "en_US":
            return lang in wordings
        others = [wording for code, wording in wordings.items() if not code.startswith("en")]
        return name not in SENTENCES or wordings.get(lang) not in others

    def _options(self, company, partner):
        """With what ``partner`` can store a method in ``company``, as asked for here.

        :return: (``payment.provider``, ``payment.method``) in sudo mode
        """
        self.ensure_one()
        providers, methods = self.env["payment.provider"]._paylink_storing(company, partner)
        # One that is not in use anymore does not open the others.
        if accepted := self.sudo().with_context(active_test=False).method_ids:
            pages = providers._paylink_storing_of(accepted, company.currency_id)
            methods &= accepted | pages.payment_method_ids
            providers -= providers.filtered(lambda p: p.code == STRIPE_CODE) - pages
            providers = providers.filtered(lambda provider: provider.payment_method_ids & methods)
        return providers, methods

    def _storing_problems(self, company, partners):
        """Why each of ``partners`` could not store a method as asked for here, and what to do, or ``False``.

        With which providers it is possible depends on the country.

        :rtype: dict
        """
        self.ensure_one()
        problems = {}
        for customers in partners.grouped("country_id").values():
            is_possible = bool(self._options(company, customers[:1])[1])
            problems |= dict.fromkeys(customers, not is_possible and self._nowhere_text(company))
        archived = partners.filtered(lambda partner: not partner.active) - company.sudo().paylink_newcomer_id
        return problems | {
            partner: self.env._("%(name)s is archived: restore the contact first.", name=partner.display_name)
            for partner in archived
        }

    def _nowhere_text(self, company):
        return self.env._(
            "No payment provider of %(company)s can store what “%(template)s” asks for: publish one that saves payment "
            "methods (Configuration → Payment Providers), or choose another template.",
            company=company.name,
            template=self.name,
        )

    def _expires_at(self):
        """When a request that is made now ends, or ``False``."""
        days = self.expiry_days
        return fields.Datetime.add(fields.Datetime.now(), days=days) if days else False
