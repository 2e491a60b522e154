from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import format_amount, groupby

# How far one can look ahead.
DAYS_AHEAD = 30
# More charges, or more that is left out, than that are counted, not listed.
MAX_LINES = 500
# How many documents are named.
MAX_NAMED = 3


class PaylinkAutopayPreview(models.TransientModel):
    """What will be charged on each of the next days, to which method; and what is left out, and why."""

    _name = "paylink.autopay.preview"
    _inherit = "paylink.dialog.mixin"
    _description = "Preview of Automatic Payments"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, readonly=True)
    line_ids = fields.One2many("paylink.autopay.preview.line", "preview_id", string="Charges", readonly=True)

    # === ACTIONS === #

    @api.model
    def _action_open(self):
        """The list of what is charged from today on, day by day."""
        preview = self.create({})
        preview._fill()
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_autopay_preview_line_action")
        return action | {"domain": [("preview_id", "=", preview.id)]}

    # === BUSINESS METHODS === #

    def _fill(self):
        """Make a line for each charge, and for each customer of whom something is left out, of those the user sees."""
        self.ensure_one()
        if not self.env.user.has_group("paylink_addon.group_paylink_all"):
            raise AccessError(self.env._("You need the “All Payments” right to preview charges: ask an administrator."))
        rules = self.env["paylink.autopay.rule"].sudo().with_company(self.company_id)
        rules = rules.search([("company_id", "=", self.company_id.id)])
        today = self.company_id._paylink_today()
        charged, left = self._readable(*rules._foresee(today, today + timedelta(days=DAYS_AHEAD)))
        shown = [due for _day, charge in charged[:MAX_LINES] for due in charge.dues]
        names = self._names(shown + [due for _key, dues in left[:MAX_LINES] for due in dues])
        lines = [self._charge_values(day, charge, names) for day, charge in charged[:MAX_LINES]]
        lines += self._more(len(charged) - MAX_LINES, "charge")
        lines += [self._left_values(rules, key, dues, names, today) for key, dues in left[:MAX_LINES]]
        lines += self._more(len(left) - MAX_LINES, "left_out")
        self.env["paylink.autopay.preview.line"].sudo().create(lines)

    def _readable(self, charged, left):
        """Those of customers that the user may read: the charges, and what is left out by customer, rule and reason."""
        people = {charge.dues[0].customer_id for _day, charge in charged}
        people |= {plan.due.customer_id for plan, _reason in left}
        people = set(self.env["res.partner"].browse(people)._filtered_access("read").ids)
        groups = groupby(
            (row for row in left if row[0].due.customer_id in people),
            lambda row: (row[0].due.customer_id, row[0].due.rule_id, row[0].due.currency_id, row[1]),
        )
        return (
            [row for row in charged if row[1].dues[0].customer_id in people],
            [(key, [plan.due for plan, _reason in rows]) for key, rows in groups],
        )

    def _charge_values(self, day, charge, names):
        due = charge.dues[0]
        currency = self.env["res.currency"].browse(due.currency_id)
        return {
            "preview_id": self.id,
            "date": day,
            "state": "charge",
            "customer_id": due.customer_id,
            "rule_id": charge.rule_id,
            "documents": self._documents(charge.dues, names),
            "amount_display": format_amount(self.env, charge.total(), currency),
            "method": self.env["payment.token"].sudo().browse(charge.token_id).display_name,
        }

    def _left_values(self, rules, key, dues, names, today):
        customer_id, rule_id, currency_id, reason = key
        total = sum(due.residual for due in dues)
        return {
            "preview_id": self.id,
            "date": max(dues[0].day or today, today),
            "state": "left_out",
            "reason": rules.browse(rule_id)._reason_text(reason),
            "customer_id": customer_id,
            "rule_id": rule_id,
            "documents": self._documents(dues, names),
            "amount_display": format_amount(self.env, total, self.env["res.currency"].browse(currency_id)),
        }

    # === HELPERS === #

    def _names(self, dues):
        """What people know each item by."""
        return self.env["account.move.line"].sudo().browse({due.item_id for due in dues})._paylink_labels()

    def _documents(self, dues, names):
        found = list(dict.fromkeys(names[due.item_id] for due in dues))
        rest = f" +{len(found) - MAX_NAMED}" if len(found) > MAX_NAMED else ""
        return ", ".join(found[:MAX_NAMED]) + rest

    def _more(self, count, state):
        """A line for what is not listed."""
        if count <= 0:
            return []
        text = self.env._("%(count)s more", count=count)
        return [{"preview_id": self.id, "state": state, "documents": text}]
