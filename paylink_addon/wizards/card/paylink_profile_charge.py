from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ...tools.locks import hold_and_touch


class PaylinkProfileCharge(models.TransientModel):
    """Charges what a customer owes to a stored method: which documents, how much, and at once.

    A collection link for them is made, and charged. If that fails, it can be sent to the customer.
    """

    _name = "paylink.profile.charge"
    _inherit = "paylink.send.mixin"
    _description = "Charge a Stored Payment Method"
    _dialog_size = "large"

    token_id = fields.Many2one("payment.token", string="Payment Profile", compute="_compute_token_id")
    partner_id = fields.Many2one("res.partner", string="Customer", compute="_compute_token_id")
    line_ids = fields.One2many("paylink.profile.charge.line", "wizard_id", string="What is due")
    currency_id = fields.Many2one("res.currency", compute="_compute_total")
    total = fields.Monetary(string="Will be charged", compute="_compute_total")
    problem = fields.Char(compute="_compute_total")
    link_id = fields.Many2one("paylink.link", readonly=True)

    # === COMPUTE METHODS === #

    @api.depends("source_model", "source_ids")
    def _compute_token_id(self):
        for wizard in self:
            wizard.token_id = wizard._sources()[:1]
            wizard.partner_id = wizard.token_id.partner_id

    @api.depends("line_ids.is_chosen", "token_id")
    def _compute_total(self):
        for wizard in self:
            chosen = wizard.line_ids.filtered("is_chosen")
            company = wizard.token_id.company_id or wizard.env.company
            currency = chosen.currency_id[:1] or wizard.line_ids.currency_id[:1] or company.currency_id
            wizard.currency_id = currency
            is_mixed = len(chosen.currency_id) > 1
            wizard.total = 0 if is_mixed else sum(chosen.mapped("amount"))
            wizard.problem = wizard._problem(chosen, is_mixed)

    def _problem(self, chosen, is_mixed):
        """Why nothing can be charged as chosen, and what to do, or ``False``."""
        if not self.token_id:
            return False
        if not self.line_ids:
            return self.env._("%(name)s owes nothing that you may charge.", name=self.partner_id.display_name)
        if is_mixed:
            return self.env._("Choose documents in one currency: each is charged by itself.")
        if chosen and self.currency_id.compare_amounts(self.total, 0) <= 0:
            return self.env._("Nothing is left to charge: the credits are as much as the rest.")
        return self.token_id._paylink_charge_problem(self.currency_id)

    # === CRUD METHODS === #

    @api.model
    def default_get(self, fields_list):
        """A line for each open item, of which the only one is chosen; from a document those of it, all chosen."""
        values = super().default_get(fields_list)
        if "line_ids" in fields_list and values.get("source_ids"):
            wizard = self.new({name: values[name] for name in ("source_model", "source_ids")})
            items, asked = wizard._items(), self.env.context.get("paylink_item_ids")
            if asked:
                items = items.filtered(lambda item: item.id in asked)
            due = items._paylink_due()
            is_chosen = bool(asked) or len(items) == 1
            values["line_ids"] = [
                Command.create({"item_id": item.id, "shown": due[item.id], "is_chosen": is_chosen}) for item in items
            ]
        return values

    # === ACTIONS === #

    def action_charge(self):
        """Charge, and show what became of it. A second click charges nothing."""
        self._send_once()
        return self.link_id._get_records_action(name=self.env._("Charged"))

    # === BUSINESS METHODS === #

    @api.model
    def _source_models(self):
        return ["payment.token", *super()._source_models()]

    def _items(self):
        """The customer's open items that the user may ask for, in the company of the method, in sudo mode."""
        token = self._sources()[:1]
        if not token:
            return self.env["account.move.line"].sudo()
        token._paylink_check_manage()
        token._paylink_check_company()
        return token.sudo().partner_id.sudo(False)._paylink_open_items(token.company_id)

    def _send(self):
        token, chosen = self.token_id, self.line_ids.filtered("is_chosen")
        items = self._items().filtered(lambda item: item.id in chosen.mapped("item_id"))
        if not items:
            raise UserError(self.env._("Choose what to charge."))
        if len(items) != len(chosen):
            raise UserError(self._changed_text())
        if self.problem:
            raise UserError(self.problem)
        hold_and_touch(items, token)
        if busy := items._paylink_in_flight():
            raise UserError(
                self.env._(
                    "A payment of %(documents)s is in progress: wait for its outcome before you charge another one.",
                    documents=", ".join(busy.move_id.mapped("name")),
                )
            )
        self._check_shown(items, chosen)
        customer = token.sudo().partner_id
        Link = self.env["paylink.link"].with_company(token.company_id)
        link = Link._create_for_items([({}, items)], partner_id=customer.id)
        link._issue()
        charge = link.sudo()._charge_stored(token.sudo())
        if charge.currency_id.compare_amounts(charge.amount, sum(chosen.mapped("shown"))):
            raise UserError(self._changed_text())
        self.sudo().link_id = link

    def _check_shown(self, items, chosen):
        """What is charged is what was seen; the items are held."""
        due, shown = items._paylink_due(), {line.item_id: line.shown for line in chosen}
        if any(item.currency_id.compare_amounts(due[item.id], shown[item.id]) for item in items):
            raise UserError(self._changed_text())

    def _changed_text(self):
        return self.env._("What is due has changed: open the dialog again.")
