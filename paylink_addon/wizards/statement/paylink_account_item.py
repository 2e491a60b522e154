from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ...const import AGE_LIMITS, AGES


def age_bucket(days):
    """The age bucket of a debt that has been overdue for ``days`` (negative or 0: not due yet)."""
    return next((bucket for limit, bucket in AGE_LIMITS if days <= limit), "90_more")


class PaylinkAccountItem(models.TransientModel):
    """What one user sees of a customer's account: the open items, as they were when the account was opened.

    A salesperson may look at them without the right to read journal entries: the rows are made in sudo mode once the
    right to the customer is checked, and hold no more than what the customer knows too. Nobody else sees them.
    """

    _name = "paylink.account.item"
    _inherit = ["paylink.dialog.mixin", "paylink.customer.mixin"]
    _description = "Open Item of a Customer"
    _order = "date_due, id"

    user_id = fields.Many2one("res.users", required=True, index=True, readonly=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, readonly=True, ondelete="cascade")
    commercial_partner_id = fields.Many2one(related="partner_id.commercial_partner_id")
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    # No relation: the user may not read the journal item.
    item_id = fields.Integer(string="Journal Item", readonly=True)
    name = fields.Char(string="Document", readonly=True)
    date = fields.Date(readonly=True)
    date_due = fields.Date(string="Due Date", readonly=True)
    bucket = fields.Selection(AGES, string="Age", readonly=True)
    amount = fields.Monetary(string="Amount Due", readonly=True, help="Credits are negative.")
    in_progress = fields.Boolean(string="Payment in progress", readonly=True)

    # === ACTIONS === #

    def action_settle(self):
        """Open the wizard that asks the customer for exactly these items."""
        if not self:
            raise UserError(self.env._("Select what the customer should settle."))
        items = self._paylink_open_items()
        if gone := self.filtered(lambda row: row.item_id not in items.ids):
            raise UserError(
                self.env._(
                    "%(documents)s: paid in the meantime. Reopen the customer account.", documents=gone._names_text()
                )
            )
        busy = items._paylink_in_flight()
        if paying := self.filtered(lambda row: row.item_id in busy.ids):
            raise UserError(
                self.env._("A payment of %(documents)s is in progress: uncheck it.", documents=paying._names_text())
            )
        return self.env["paylink.send"]._action_open(self)

    # === BUSINESS METHODS === #

    @api.model
    def _open_account(self, partner):
        """The open items of a customer and of the contacts below it, for the user: earlier ones are replaced."""
        customer = partner.commercial_partner_id
        items = partner._paylink_open_items(self.env.companies).filtered(
            lambda item: item.partner_id.commercial_partner_id.id == customer.id
        )
        rows = self.sudo().with_context(active_test=False)
        rows.search([("user_id", "=", self.env.uid), ("partner_id", "=", customer.id)]).unlink()
        busy = items._paylink_in_flight()
        values = [
            {
                "user_id": self.env.uid,
                "partner_id": customer.id,
                "company_id": item.company_id.id,
                "currency_id": item.currency_id.id,
                "item_id": item.id,
                "name": line["name"] or None,
                "date": line["date"],
                "date_due": line["date_due"],
                "bucket": "credit" if line["amount"] < 0 else age_bucket(item._paylink_days_late()),
                "amount": line["amount"],
                "in_progress": item in busy,
            }
            for item, line in zip(items, items._paylink_line_values(), strict=True)
        ]
        return rows._insert(values).with_env(self.env)

    @api.model
    def _insert(self, values_list):
        """Make all rows in one query, however many: ``create`` needs one for each hundred."""
        if not values_list:
            return self.browse()
        names = [*values_list[0], "create_uid", "create_date", "write_date"]
        common = (self.env.uid, self.env.cr.now(), self.env.cr.now())
        query = SQL(
            "INSERT INTO paylink_account_item (%s) VALUES %s RETURNING id",
            SQL(", ").join(map(SQL.identifier, names)),
            SQL(", ").join((*values.values(), *common) for values in values_list),
        )
        return self.browse(row[0] for row in self.env.execute_query(query))

    def _paylink_open_items(self):
        """The journal items of these rows that are still open, in sudo mode, their customer's right checked again."""
        items = self.env["account.move.line"].sudo()
        for partner, rows in self.grouped("partner_id").items():
            wanted = set(rows.mapped("item_id"))
            items |= partner._paylink_open_items(rows.company_id).filtered(
                lambda item, wanted=wanted: item.id in wanted
            )
        return items

    def _names_text(self):
        return ", ".join(name or "?" for name in self.mapped("name"))
