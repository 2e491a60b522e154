from datetime import date
from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import SQL

# What is read of open items, at once.
ITEM_FIELDS = (
    *("partner_id", "move_id", "payment_id", "account_id", "company_id", "currency_id", "date", "date_maturity"),
    *("amount_residual", "amount_residual_currency", "reconciled", "parent_state", "display_type"),
    *("discount_date", "discount_amount_currency"),
)


class Owed(NamedTuple):
    """What a customer owes a company, in the company's currency, and the day from which on the oldest of it is overdue
    (``None``: nothing is).
    """

    amount: float = 0.0
    since: date | None = None


class ResPartner(models.Model):
    _inherit = "res.partner"

    paylink_usual_delay = fields.Char(
        string="Usually pays",
        compute="_compute_paylink_usual_delay",
        groups="paylink_addon.group_paylink_user",
        help="Half of the payments of the last 12 months came sooner after the due date, half later. It takes at least "
        "3 of them to tell.",
    )

    @api.depends_context("uid", "allowed_company_ids", "lang")
    def _compute_paylink_usual_delay(self):
        customers = self.commercial_partner_id
        delays = self.env["paylink.open.item"]._usual_delays(customers) if customers.ids else {}
        for partner in self:
            days, count = delays.get(partner.commercial_partner_id.id, (0, 0))
            partner.paylink_usual_delay = self._paylink_delay_text(days, count) if count else False

    @api.model
    def _paylink_delay_text(self, days, count):
        delay = self.env._("1 day") if abs(days) == 1 else self.env._("%s days", abs(days))
        if days > 0:
            return self.env._("%(delay)s after the due date (%(count)s payments)", delay=delay, count=count)
        if days < 0:
            return self.env._("%(delay)s before the due date (%(count)s payments)", delay=delay, count=count)
        return self.env._("on the due date (%(count)s payments)", count=count)

    def _paylink_owes(self, company):
        """What this contact's customer owes ``company``: what the customer account says, as far as the user may see it,
        less money on its way. Credits, and that money, pay what was due first.

        :rtype: Owed
        """
        items = self._paylink_owing(company)
        due = {item: _in_books(item, amount) for item, amount in zip(items, items._paylink_due().values(), strict=True)}
        debts = items.filtered(lambda item: due[item] > 0).sorted(lambda item: item._paylink_due_key())
        gone = debts._paylink_on_its_way() - sum(amount for amount in due.values() if amount < 0)
        left = {}
        for item in debts:
            paid = min(gone, due[item])
            gone -= paid
            if not company.currency_id.is_zero(due[item] - paid):
                left[item] = due[item] - paid
        late = items.filtered(lambda item: item in left and item._paylink_days_late() > 0)
        return Owed(company.currency_id.round(sum(left.values())), self._paylink_late_since(late))

    @api.model
    def _paylink_late_since(self, items):
        """Since when the oldest of these overdue items is, or the oldest part of what is paid in parts; ``None``: who
        keeps a payment plan is not late.
        """
        plans = self.env["paylink.plan"]._running_of(items) if items else self.env["paylink.plan"]
        parts = plans._all_open().filtered(lambda part: part.date_due < part.company_id._paylink_today())
        others = items - plans.link_id.line_ids.move_line_id
        days = [item.date_maturity or item.date for item in others] + parts.mapped("date_due")
        return min(days, default=None)

    def _paylink_owing(self, company):
        """The open items of the customer's account, as :meth:`_paylink_open_items` finds them, in sudo mode: in one
        query, unless money that was given back waits for its credit note.
        """
        self.ensure_one()
        self._paylink_check_asking()
        customer, readable = self.commercial_partner_id, self.with_context(active_test=False)._search([])
        items = self.env["account.move.line"].sudo()
        found = items.search_fetch(
            [
                ("partner_id.commercial_partner_id", "=", customer.id),
                ("partner_id", "in", readable),
                *("|", ("move_id.partner_id", "=", False), ("move_id.partner_id", "in", readable)),
                ("company_id", "=", company.id),
                ("parent_state", "=", "posted"),
                ("account_type", "=", "asset_receivable"),
                ("reconciled", "=", False),
                ("id", "not in", SQL("(%s)", items._paylink_kept_sql())),
            ],
            ITEM_FIELDS,
        )
        if not any(item.payment_id and item.amount_residual > 0 for item in found):
            return found
        found = self._paylink_open_items(company)
        return found.filtered(lambda item: item.partner_id.commercial_partner_id == customer)


def _in_books(item, amount):
    """``amount`` of an open item, in the currency of its company, at the rate at which the item was booked."""
    return amount * item.amount_residual / item.amount_residual_currency if item.amount_residual_currency else amount
