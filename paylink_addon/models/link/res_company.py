from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

SEQUENCE_CODE = "paylink.link"


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
    paylink_on_invoice_pdf = fields.Boolean(
        string="Payment link on invoices",
        help="The PDF of a customer invoice shows a QR code and the address of a link to pay it.",
    )

    _paylink_expiry_hours_positive = models.Constraint(
        "CHECK(paylink_expiry_hours >= 0)", "The time a link lasts can't be negative."
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
        existing = self.env["ir.sequence"].search([("code", "=", SEQUENCE_CODE), ("company_id", "in", self.ids)])
        self.env["ir.sequence"].create(
            [
                {
                    "name": f"Collection links ({company.name})",
                    "code": SEQUENCE_CODE,
                    "company_id": company.id,
                    "prefix": "PL/%(range_year)s/",
                    "padding": 5,
                    "use_date_range": True,
                }
                for company in self - existing.company_id
            ]
        )

    def _paylink_next_names(self, count):
        """The next ``count`` numbers of links of this company, in one query."""
        self.ensure_one()
        sequence = self.env["ir.sequence"].search([("code", "=", SEQUENCE_CODE), ("company_id", "=", self.id)], limit=1)
        today = self._paylink_today()
        date_range = sequence.date_range_ids.filtered(lambda r: r.date_from <= today <= r.date_to)[:1]
        date_range = date_range or sequence._create_date_range_seq(today)
        # As ir.sequence.date_range._next(), but for many numbers at once: one by one (ir.sequence.next_by_id) each link
        # takes two queries and 3 ms more (bench/links.py).
        relation = f"ir_sequence_{sequence.id:03d}_{date_range.id:03d}"
        numbers = self.env.execute_query(SQL("SELECT nextval(%s) FROM generate_series(1, %s)", relation, count))
        sequence = sequence.with_context(ir_sequence_date_range=date_range.date_from, tz=self.paylink_tz)
        prefix, suffix = sequence._get_prefix_suffix()
        return [f"{prefix}{number:0{sequence.padding}d}{suffix}" for (number,) in numbers]

    def _paylink_expires_at(self):
        """When a link made now expires, or ``False``."""
        hours = self.paylink_expiry_hours
        return fields.Datetime.now() + timedelta(hours=hours) if hours else False

    def _paylink_bank_account(self):
        """The account offered for transfers: the one chosen, else the company's first one."""
        company = self.sudo()
        return (
            company.paylink_bank_account_id
            or company.partner_id.bank_ids.filtered(lambda bank: not bank.company_id or bank.company_id == company)[:1]
        )

    def _paylink_can_be_paid(self):
        """Whether customers have a way to pay: an account for transfers, or a provider that is on and published."""
        self.ensure_one()
        Provider = self.env["payment.provider"].sudo()
        domain = [*Provider._check_company_domain(self), ("state", "!=", "disabled"), ("is_published", "=", True)]
        return bool(self._paylink_bank_account() or Provider.search_count(domain, limit=1))

    def _paylink_mail_template(self):
        return self.paylink_mail_template_id or self.env.ref("paylink_addon.mail_template_link")

    def _paylink_sms_template(self):
        return self.paylink_sms_template_id or self.env.ref("paylink_addon.sms_template_link")
