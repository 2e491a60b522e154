from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..const import STATUSES


class AccountMove(models.Model):
    """Invoices show the newest collection link that asks for them. Nothing of it is stored on them."""

    _inherit = "account.move"

    paylink_link_id = fields.Many2one(
        "paylink.link", string="Collection Link", compute="_compute_paylink", search="_search_paylink_link_id"
    )
    paylink_link_count = fields.Integer(string="Collection Links", compute="_compute_paylink")
    paylink_status = fields.Selection(
        STATUSES, string="Link Status", compute="_compute_paylink", search="_search_paylink_status"
    )
    paylink_sent_at = fields.Datetime(string="Link sent on", compute="_compute_paylink")
    paylink_amount_refunded = fields.Monetary(string="Refunded by link", compute="_compute_paylink")
    # The user may open the link: it may be a colleague's.
    paylink_is_readable = fields.Boolean(string="Link can be opened", compute="_compute_paylink")
    paylink_can_send = fields.Boolean(compute="_compute_paylink_can_send")

    # === COMPUTE METHODS === #

    def _compute_paylink(self):
        """One query for all moves; in sudo mode, as everyone who sees an invoice may know whether it was asked for."""
        lines = (
            self.env["paylink.link.line"]
            .sudo()
            .search_fetch([("move_id", "in", self.ids)], ["move_id", "link_id"], order="id")
        )
        links = {move.id: move_lines.link_id for move, move_lines in lines.grouped("move_id").items()}
        readable = set(lines.link_id.sudo(False)._filtered_access("read").ids)
        for move in self:
            found = links.get(move.id, self.env["paylink.link"].sudo()).sorted("id", reverse=True)
            newest = found[:1]
            move.paylink_link_id = newest.with_env(self.env)
            move.paylink_link_count = len(found)
            move.paylink_status = newest.status
            move.paylink_is_readable = newest.id in readable
            move.paylink_sent_at = newest.sent_at
            move.paylink_amount_refunded = sum(found.mapped("amount_refunded"))

    @api.depends("state", "move_type", "amount_residual", "payment_state")
    def _compute_paylink_can_send(self):
        for move in self:
            move.paylink_can_send = (
                move.state == "posted"
                and move.move_type in ("out_invoice", "out_receipt")
                and move.payment_state in ("not_paid", "partial")
            )

    def _search_paylink_link_id(self, operator, value):
        """By ids, or by conditions on the links that the user may see (never on others': a token could be guessed)."""
        lines = self.env["paylink.link.line"].sudo()
        if operator == "any":
            operator, value = "in", self.env["paylink.link"].search(value).ids
        if operator != "in" or not all(isinstance(link_id, int) for link_id in value):
            return NotImplemented
        domain = Domain("id", "in", lines._search([("link_id", "in", [i for i in value if i])]).subselect("move_id"))
        return domain | Domain("id", "not in", lines._search([]).subselect("move_id")) if False in value else domain

    def _search_paylink_status(self, operator, value):
        if operator != "in":
            return NotImplemented
        domain = Domain("paylink_link_id", "=", False) if False in value else Domain.FALSE
        if statuses := tuple(status for status in value if status):
            domain |= Domain(
                "id",
                "in",
                SQL(
                    "(SELECT id FROM account_move WHERE %s IN %s)",
                    self._paylink_status_sql(SQL.identifier("account_move")),
                    statuses,
                ),
            )
        return domain

    def _field_to_sql(self, alias, field_expr, query=None):
        """Let people group invoices by the status of their link, although it is not stored."""
        if field_expr == "paylink_status":
            return self._paylink_status_sql(SQL.identifier(alias))
        return super()._field_to_sql(alias, field_expr, query)

    def _paylink_status_sql(self, table):
        """The status of a move's newest link, as an SQL expression."""
        self.env["paylink.link"].flush_model(["status"])
        return SQL(
            """(SELECT link.status FROM paylink_link_line line JOIN paylink_link link ON link.id = line.link_id
                 WHERE line.move_id = %s.id ORDER BY link.id DESC LIMIT 1)""",
            table,
        )

    # === ACTIONS === #

    def action_paylink_send(self):
        """Open the wizard that sends collection links for these invoices."""
        return self.env["paylink.send"]._action_open(self)

    def action_paylink_open(self):
        """Open the newest link."""
        self.ensure_one()
        return self._paylink_newest()._get_records_action()

    def action_paylink_copy(self):
        """Copy the URL of the newest link."""
        self.ensure_one()
        return self._paylink_newest().action_copy()

    def action_paylink_view_links(self):
        """Show all links of the invoice."""
        self.ensure_one()
        links = self.env["paylink.link"].search([("line_ids.move_id", "in", self.ids)])
        return links._get_records_action(name=self.env._("Collection Links"))

    def _paylink_newest(self):
        link = self.paylink_link_id
        if not link:
            raise UserError(self.env._("No collection link has been made for %(name)s yet.", name=self.display_name))
        return link

    # === BUSINESS METHODS === #

    def _paylink_open_items(self):
        """The open receivable items of these moves, in sudo mode (only after access to the moves is checked)."""
        return (
            self.env["account.move.line"]
            .sudo()
            .search(
                [
                    ("move_id", "in", self.ids),
                    ("account_type", "=", "asset_receivable"),
                    ("parent_state", "=", "posted"),
                    ("reconciled", "=", False),
                ],
                order="date_maturity, id",
            )
        )
