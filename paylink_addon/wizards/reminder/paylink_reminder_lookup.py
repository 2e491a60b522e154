from odoo import api, fields, models
from odoo.exceptions import UserError

MAX_ITEMS = 100


class PaylinkReminderLookup(models.TransientModel):
    """Which rules will remind a customer, or of an invoice, when; which not, and why."""

    _name = "paylink.reminder.lookup"
    _inherit = "paylink.dialog.mixin"
    _description = "Look-up of Reminder Rules"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer")
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        domain="[('move_type', 'in', ('out_invoice', 'out_receipt')), ('state', '=', 'posted')]",
    )
    line_ids = fields.One2many("paylink.reminder.lookup.line", "lookup_id", string="Rules", readonly=True)
    is_off = fields.Boolean(compute="_compute_is_off")

    @api.depends("company_id")
    def _compute_is_off(self):
        for lookup in self:
            lookup.is_off = not lookup.company_id.paylink_reminders

    @api.depends("partner_id", "move_id")
    def _compute_display_name(self):
        for lookup in self:
            lookup.display_name = self.env._("Which rules apply")

    @api.model
    def _action_look_up(self, **values):
        """The action that shows the result for a customer or an invoice."""
        lookup = self.create(values)
        lookup.action_look_up()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Which rules apply"),
            "res_model": self._name,
            "res_id": lookup.id,
            "view_mode": "form",
            "target": "current",
        }

    def action_look_up(self):
        """Look it up and show the result."""
        self.ensure_one()
        if not self.partner_id and not self.move_id:
            raise UserError(self.env._("Choose a customer or an invoice."))
        (self.move_id or self.partner_id).check_access("read")
        self.sudo().line_ids.unlink()
        self.env["paylink.reminder.lookup.line"].sudo().create(self._line_values())
        return True

    def _line_values(self):
        items, links = self._subjects()
        rules = self.env["paylink.reminder.rule"].with_context(active_test=False)
        rules = rules.search([("company_id", "=", self.company_id.id)]).sudo()
        today = self.company_id._paylink_today()
        found = rules._explain(today, items.ids, links.ids)
        if not self.move_id:
            idle = rules - rules.browse().union(*(row["rule"] for row in found))
            found += idle._explain_idle(today, self.partner_id)
        labels = items._paylink_labels()
        names = {link.id: link.name for link in links}
        return [
            {
                "lookup_id": self.id,
                "rule_id": row["rule"].id,
                "step_id": row["step"].id,
                "document": (names if row["rule"].kind == "link" else labels).get(row["record_id"]),
                "applies": not row["reason"],
                "reason": row["reason"],
                "date": row["date"],
            }
            for row in found
        ]

    def _subjects(self):
        """The receivable items and the links that it is about, in sudo mode: the user may read what names them.

        Links of colleagues are named to who may see them only.
        """
        Item, Link = self.env["account.move.line"].sudo(), self.env["paylink.link"]
        if self.move_id:
            items = Item.search([("move_id", "=", self.move_id.id), ("account_type", "=", "asset_receivable")])
            links = Item.env["paylink.link"].search([("line_ids.move_line_id", "in", items.ids)])
            return items, Link.search([("id", "in", links.ids)], limit=MAX_ITEMS).sudo()
        customer = self.partner_id.commercial_partner_id
        items = customer._paylink_open_items(self.company_id)._paylink_owed()
        items = items.filtered(lambda item: item.company_id == self.company_id)
        links = Link.search(
            [
                ("partner_id", "child_of", customer.id),
                ("company_id", "=", self.company_id.id),
                ("state", "in", ("open", "pending", "failed")),
            ],
            limit=MAX_ITEMS,
        )
        return items[:MAX_ITEMS], links.sudo()
