from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ...tools.days import LONGEST_HOURS

SEQUENCE_CODE = "paylink.link"
EXPIRY_UNITS = [("hours", "Hours"), ("days", "Days")]


class ResCompany(models.Model):
    _inherit = "res.company"

    paylink_expiry_hours = fields.Integer(
        string="Links expire after", default=24, help="Hours a customer has to pay. 0: links do not expire."
    )
    paylink_allow_partial = fields.Boolean(string="Partial payments by link")
    paylink_bank_account_id = fields.Many2one(
        "res.partner.bank",
        string="Account for transfers",
        check_company=True,
        domain="[('partner_id', '=', partner_id)]",
        help="The account offered to customers who pay by transfer. Empty: the company's first account.",
    )
    paylink_mail_template_id = fields.Many2one(
        "mail.template", string="E-mail of links", domain=[("model", "=", "paylink.link")]
    )
    paylink_sms_template_id = fields.Many2one(
        "sms.template", string="SMS of links", domain=[("model", "=", "paylink.link")]
    )
    paylink_on_invoice_mail = fields.Boolean(
        string="Collection link in invoice e-mails",
        default=True,
        help="Proposed when an invoice is sent with Odoo's own Send. The sender can decide otherwise.",
    )
    paylink_tell_refunds = fields.Boolean(
        string="Tell customers of refunds",
        default=True,
        help="A message once the provider has confirmed it. Who refunds can decide otherwise.",
    )
    paylink_on_invoice_pdf = fields.Boolean(
        string="Payment link on invoices",
        help="The PDF of a customer invoice shows a QR code and the address of a link to pay it.",
    )

    _paylink_expiry_hours_in_bounds = models.Constraint(
        f"CHECK(paylink_expiry_hours BETWEEN 0 AND {LONGEST_HOURS})",
        "A link can last from 0 hours to ten years. 0: it does not expire.",
    )

    @api.constrains("paylink_mail_template_id", "paylink_sms_template_id")
    def _check_paylink_templates(self):
        for company in self:
            self.env["paylink.link"]._check_templates(company.paylink_mail_template_id, company.paylink_sms_template_id)

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """A new company has its own sequence of links."""
        companies = super().create(vals_list)
        companies.sudo()._paylink_set_up()
        return companies

    # === BUSINESS METHODS === #

    def _paylink_set_up(self):
        """Give each company its own sequence of links, numbered anew each year."""
        existing = self._paylink_sequences().company_id
        self.env["ir.sequence"].create(
            [
                {
                    "name": company._paylink_env()._("Collection links (%(company)s)", company=company.name),
                    "code": SEQUENCE_CODE,
                    "company_id": company.id,
                    "prefix": "PL/%(range_year)s/",
                    "padding": 5,
                    "use_date_range": True,
                }
                for company in self - existing
            ]
        )

    def _paylink_sequences(self):
        """The sequences of links of these companies; one that was archived goes on: its numbers were given already."""
        domain = [("code", "=", SEQUENCE_CODE), ("company_id", "in", self.ids)]
        return self.env["ir.sequence"].with_context(active_test=False).search(domain, order="active DESC, id")

    def _paylink_next_names(self, count):
        """The next ``count`` numbers of links of this company, none of which another one has.

        Administrators may change, archive or delete the sequence: it may begin anew by that.
        """
        self.ensure_one()
        today = self._paylink_today()
        if not (sequence := self._paylink_sequences()[:1]):
            self._paylink_set_up()
            sequence = self._paylink_sequences()
        sequence = sequence.with_context(tz=self.paylink_tz)
        names = self._paylink_draw(sequence, count, today)
        if self._paylink_is_taken(names):
            part = sequence._get_current_sequence(today)
            part.number_next_actual = self._paylink_last_number(part) + 1
            names = self._paylink_draw(sequence, count, today)
        return names

    def _paylink_draw(self, sequence, count, today):
        """``count`` numbers, in one query as long as the sequence is as we made it."""
        if sequence.implementation != "standard" or not sequence.use_date_range:
            return [sequence.next_by_id(today) for _number in range(count)]
        date_range = sequence.date_range_ids.filtered(lambda r: r.date_from <= today <= r.date_to)[:1]
        date_range = date_range or sequence._create_date_range_seq(today)
        # As ir.sequence.date_range._next(), but for many numbers at once: one by one (ir.sequence.next_by_id) each link
        # takes two queries and 3 ms more (bench/links.py).
        relation = f"ir_sequence_{sequence.id:03d}_{date_range.id:03d}"
        numbers = self.env.execute_query(SQL("SELECT nextval(%s) FROM generate_series(1, %s)", relation, count))
        prefix, suffix = sequence.with_context(ir_sequence_date_range=date_range.date_from)._get_prefix_suffix()
        return [f"{prefix}{number:0{sequence.padding}d}{suffix}" for (number,) in numbers]

    def _paylink_is_taken(self, names):
        links = self.env["paylink.link"].with_context(active_test=False).sudo()
        return bool(links.search_count([("company_id", "=", self.id), ("name", "in", names)], limit=1))

    def _paylink_last_number(self, part):
        """The highest number of a link whose name begins as those of ``part`` of a sequence do."""
        sequence, begin = (part, False) if part._name == "ir.sequence" else (part.sequence_id, part.date_from)
        prefix = sequence.with_context(ir_sequence_date_range=begin, tz=self.paylink_tz)._get_prefix_suffix()[0]
        query = SQL(
            """SELECT max(substring(substr(name, %s) FROM '^[0-9]{1,9}')::integer) FROM paylink_link
                WHERE company_id = %s AND starts_with(name, %s)""",
            len(prefix) + 1,
            self.id,
            prefix,
        )
        return self.env.execute_query(query)[0][0] or 0

    def _paylink_expires_at(self):
        """When a link made now expires, or ``False``."""
        hours = self.paylink_expiry_hours
        return fields.Datetime.now() + timedelta(hours=hours) if hours else False

    def _paylink_bank_account(self):
        """The account offered for transfers: the one chosen, while it is in use, else the company's first one."""
        company = self.sudo()
        own = company.partner_id.bank_ids.filtered(lambda bank: not bank.company_id or bank.company_id == company)
        return (company.paylink_bank_account_id | own).filtered("active")[:1]

    def _paylink_can_be_paid(self):
        """Whether customers have a way to pay: an account for transfers, or a provider that is on and published."""
        self.ensure_one()
        Provider = self.env["payment.provider"].sudo()
        domain = [*Provider._check_company_domain(self), ("state", "!=", "disabled"), ("is_published", "=", True)]
        return bool(self._paylink_bank_account() or Provider.search_count(domain, limit=1))

    def _paylink_mail_template(self):
        own = self.env.ref("paylink_addon.mail_template_link", raise_if_not_found=False)
        return self.paylink_mail_template_id or own or self.env["mail.template"]

    def _paylink_sms_template(self):
        own = self.env.ref("paylink_addon.sms_template_link", raise_if_not_found=False)
        return self.paylink_sms_template_id or own or self.env["sms.template"]
