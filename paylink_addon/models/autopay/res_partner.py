from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ...const import IN_FLIGHT_STATES
from ...tools import days

GROUP = "paylink_addon.group_paylink_user"


class ResPartner(models.Model):
    """The customer's switch, and how much may be charged. Consent is given to one company: each has its own."""

    _inherit = "res.partner"

    paylink_autopay = fields.Boolean(
        string="Automatic payment",
        company_dependent=True,
        copy=False,
        help="The customer has agreed to be charged automatically. What is charged, and when, is said by the rules.",
    )
    paylink_autopay_has_cap = fields.Boolean(
        string="Limit each charge",
        company_dependent=True,
        copy=False,
        help="What is more is not charged automatically.",
    )
    paylink_autopay_cap = fields.Float(
        string="At most per charge", company_dependent=True, copy=False, help="In your company's currency."
    )
    paylink_autopay_has_month_cap = fields.Boolean(
        string="Limit each month", company_dependent=True, copy=False, help="What is more is not charged automatically."
    )
    paylink_autopay_month_cap = fields.Float(
        string="At most per month",
        company_dependent=True,
        copy=False,
        help="In your company's currency, in a calendar month.",
    )
    paylink_autopay_lacks_profile = fields.Boolean(
        compute="_compute_paylink_autopay_lacks_profile",
        groups=GROUP,
        help="Automatic payment is on, and nothing can be charged: no usable payment method is stored.",
    )

    # === CONSTRAINTS === #

    @api.constrains(
        *(
            "paylink_autopay_has_cap",
            "paylink_autopay_cap",
            "paylink_autopay_has_month_cap",
            "paylink_autopay_month_cap",
        )
    )
    def _check_paylink_autopay_caps(self):
        for partner in self:
            for limit, cap in (
                (partner.paylink_autopay_has_cap, partner.paylink_autopay_cap),
                (partner.paylink_autopay_has_month_cap, partner.paylink_autopay_month_cap),
            ):
                if limit and cap <= 0:
                    raise ValidationError(
                        self.env._(
                            "A limit of automatic payment must be more than zero: enter an amount, or switch the limit "
                            "or automatic payment off."
                        )
                    )

    # === COMPUTE METHODS === #

    @api.depends("paylink_autopay")
    @api.depends_context("uid", "company")
    def _compute_paylink_autopay_lacks_profile(self):
        for partner in self:
            customer = partner.commercial_partner_id
            token = customer.sudo().paylink_token_id
            partner.paylink_autopay_lacks_profile = customer.paylink_autopay and not token._paylink_autopay_usable()

    # === CRUD METHODS === #

    def write(self, vals):
        """Who may ask customers for money says who is charged, and how much."""
        names = [name for name in vals if name.startswith("paylink_autopay")]
        may = self.env.su or not names or self.env.user.has_group(GROUP)
        if not may and any(partner[name] != vals[name] for partner in self for name in names):
            raise AccessError(self.env._("You need the right to send collection links: ask an administrator."))
        changed = self._paylink_charged_otherwise(vals)
        result = super().write(vals)
        rows = self.env["paylink.autopay.item"]._of_customers(changed, self.env.company)
        rows.filtered(lambda row: row.noticed_on and not row.is_charged)._forget_notice()
        return result

    def _paylink_charged_otherwise(self, vals):
        """Those that with these values are charged from now on, or no more, or by another method."""
        return self.filtered(
            lambda partner: any(
                name in vals and partner._fields[name].convert_to_write(partner.sudo()[name], partner) != vals[name]
                for name in ("paylink_autopay", "paylink_token_id")
            )
        )

    # === BUSINESS METHODS === #

    def _paylink_end_autopay(self):
        """Switch automatic payment off, in the current company."""
        customers = self.commercial_partner_id.sudo()
        for customer in customers:
            customer.paylink_autopay = False
        customers._paylink_autopay_unsent(self.env.company)._paylink_withdraw_autopay()

    def _paylink_autopay_unsent(self, company):
        """The charges by rule of these customers in ``company`` that are stored and were not sent yet."""
        return self.env["payment.transaction"].search(
            [
                *(("paylink_todo", "=", "charge"), ("paylink_sent_at", "=", False), ("paylink_autopay", "=", True)),
                *(("company_id", "=", company.id), ("partner_id.commercial_partner_id", "in", self.ids)),
            ]
        )

    def _paylink_autopay_month_left(self, date):
        """What may still be charged automatically in the month of ``date``, in the current company's currency, by id of
        customers that have such a limit. What is in progress counts.
        """
        company, limited = self.env.company, self.filtered("paylink_autopay_has_month_cap")
        since = days.beginning(date.replace(day=1), company.paylink_tz)
        left = {customer.id: customer.paylink_autopay_month_cap for customer in limited}
        if not limited:
            return left
        rows = self.env["payment.transaction"]._read_group(
            [
                *(("paylink_autopay", "=", True), ("company_id", "=", company.id)),
                *(("partner_id.commercial_partner_id", "in", limited.ids), ("create_date", ">=", since)),
                *(("state", "in", (*IN_FLIGHT_STATES, "done")), ("source_transaction_id", "=", False)),
            ],
            ["partner_id", "currency_id"],
            ["amount:sum"],
        )
        for partner, currency, amount in rows:
            left[partner.commercial_partner_id.id] -= currency._convert(amount, company.currency_id, company, date)
        return left

    # === TASKS === #

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"email", "paylink_autopay"}

    def _paylink_task_subjects(self):
        """Customers, whose contacts have addresses, and their pages."""
        customers = self.commercial_partner_id
        pages = self.env["paylink.autopay.page"].sudo().search([("partner_id", "in", customers.ids)])
        return [*super()._paylink_task_subjects(), customers, pages]

    def _paylink_done_autopay_address(self, _task):
        """Charges can be announced."""
        return bool(self.env["paylink.autopay.page"]._emails_of(self))
