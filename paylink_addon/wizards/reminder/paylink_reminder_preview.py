import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import format_amount, groupby

from ...models.reminder.paylink_reminder_rule_foresee import DAYS_AHEAD

# More messages of a day, or more who are left out, than that are counted, not listed.
MAX_LINES = 200
# For how long days are gone through, in seconds: whoever waits longer is cut off by the server.
PATIENCE = 30
# How many documents are named.
MAX_NAMED = 3


class PaylinkReminderPreview(models.TransientModel):
    """What will go out in the next days: to whom, by which rule, with which text; and who is left out, and why."""

    _name = "paylink.reminder.preview"
    _inherit = "paylink.dialog.mixin"
    _description = "Preview of Reminders"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, readonly=True)
    line_ids = fields.One2many("paylink.reminder.preview.line", "preview_id", string="Messages", readonly=True)

    # === ACTIONS === #

    @api.model
    def _action_open(self):
        """The list of what goes out from today on, day by day."""
        preview = self.create({})
        preview._fill()
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_reminder_preview_line_action")
        return action | {"domain": [("preview_id", "=", preview.id)]}

    # === BUSINESS METHODS === #

    def _fill(self):
        """Make a line for each message, and for each customer who is left out."""
        self.ensure_one()
        rules = self._rules()
        last = self.company_id._paylink_today() + timedelta(days=DAYS_AHEAD)
        lines, end = [], time.monotonic() + PATIENCE
        for day in rules._foresee_days(last) if rules else ():
            lines += self._messages(day) + self._left_out(rules, day)
            if time.monotonic() > end and day.date < last:
                text = self.env._("The days after that are not listed: there is too much to go through.")
                lines.append({"preview_id": self.id, "date": day.date, "state": "left_out", "reason": text})
                break
        self.env["paylink.reminder.preview.line"].sudo().create(lines)

    def _rules(self):
        """The rules that the user may read, as the run has them."""
        rules = self.env["paylink.reminder.rule"]
        if not self.env.user.has_group("paylink_addon.group_paylink_all"):
            raise AccessError(
                self.env._("You need the “All Payments” right to preview reminders: ask an administrator.")
            )
        return rules.search([("company_id", "=", self.company_id.id)]).sudo()

    # === WHAT WILL BE SENT === #

    def _messages(self, day):
        """The values of the lines of the messages of ``day``, to contacts that the user may read."""
        customers = list(dict.fromkeys(pick.customer_id for pick in day.picks))
        shown = set(customers[:MAX_LINES])
        picks = [pick for pick in day.picks if pick.customer_id in shown]
        drafts = self.env["paylink.reminder.message"].sudo()._compose(picks, day.date) if picks else []
        people = self._readable(self.env["res.partner"].union(*(draft.people for draft in drafts)))
        lines = [self._message_values(day, draft) for draft in drafts if draft.people <= people]
        return lines + self._more(day, len(customers) - MAX_LINES)

    def _message_values(self, day, draft):
        channels = dict(self.env["paylink.reminder"]._fields["channel"]._description_selection(self.env))
        to = {"email": draft.emails, "sms": draft.phone}
        return {
            "preview_id": self.id,
            "date": day.date,
            "state": "left_out" if draft.reason else "message",
            "reason": draft.reason and self.env._("There is no address that works."),
            "is_unreachable": bool(draft.reason),
            "customer_id": draft.customer.id,
            "rule_id": draft.rule.id,
            "step_id": draft.step.id,
            "channels": ", ".join(channels[name] for name in draft.channels),
            "recipient": ", ".join(to[name] for name in draft.channels),
            "documents": draft.name,
            "amount_display": " + ".join(format_amount(self.env, part.total, part.currency) for part in draft.parts),
            "picks": [list(pick) for pick in draft.picks],
        }

    # === WHAT WILL NOT === #

    def _left_out(self, rules, day):
        """The values of the lines of who is left out on ``day``: of each customer, one for each rule and reason."""
        found = rules._left_out(day)
        customers = self._readable(self.env["res.partner"].browse({pick.customer_id for pick, _reason in found}))
        mine = [(pick, reason) for pick, reason in found if pick.customer_id in customers.ids]
        groups = groupby(mine, lambda row: (row[0].customer_id, row[0].rule_id, row[1]))
        groups = [(keys, [pick for pick, _reason in rows]) for keys, rows in groups]
        names = self._names([pick for _keys, picks in groups[:MAX_LINES] for pick in picks])
        lines = [self._left_out_values(day, keys, picks, names) for keys, picks in groups[:MAX_LINES]]
        return lines + self._more(day, len(groups) - MAX_LINES, "left_out")

    def _left_out_values(self, day, keys, picks, names):
        customer_id, rule_id, reason = keys
        amounts = {}
        for pick in picks:
            amounts[pick.currency_id] = amounts.get(pick.currency_id, 0.0) + pick.residual
        Currency, documents = self.env["res.currency"], [names[pick.item_id, pick.link_id] for pick in picks]
        rest = f" +{len(documents) - MAX_NAMED}" if len(documents) > MAX_NAMED else ""
        return {
            "preview_id": self.id,
            "date": day.date,
            "state": "left_out",
            "reason": reason,
            "customer_id": customer_id,
            "rule_id": rule_id,
            "step_id": picks[0].step_id,
            "documents": ", ".join(documents[:MAX_NAMED]) + rest,
            "amount_display": " + ".join(
                format_amount(self.env, amount, Currency.browse(id_)) for id_, amount in amounts.items()
            ),
        }

    def _names(self, picks):
        """What people know each thing by."""
        items = self.env["account.move.line"].sudo().browse({pick.item_id for pick in picks if pick.item_id})
        links = self.env["paylink.link"].sudo().browse({pick.link_id for pick in picks if pick.link_id})
        labels = items._paylink_labels()
        return {(id_, None): name for id_, name in labels.items()} | {(None, link.id): link.name for link in links}

    # === HELPERS === #

    def _readable(self, partners):
        return partners.with_env(self.env)._filtered_access("read")

    def _more(self, day, count, state="message"):
        """A line for what is not listed."""
        if count <= 0:
            return []
        values = {"preview_id": self.id, "date": day.date, "state": state}
        return [values | {"documents": self.env._("%(count)s more customers", count=count)}]
