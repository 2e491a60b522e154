from odoo import api, fields, models
from odoo.exceptions import UserError

from ...const import LIVE_STATES
from ...models.bank.paylink_bank_match import WAITING
from ...tools.texts import said

PAYABLE = (*LIVE_STATES, "expired")
ACCOUNTANTS = "account.group_account_readonly,account.group_account_invoice"


class PaylinkBankMatchChoose(models.TransientModel):
    """Somebody knows what a bank line pays: links, invoices, or nothing yet of a customer's."""

    _name = "paylink.bank.match.choose"
    _inherit = "paylink.dialog.mixin"
    _description = "Look for What a Bank Line Pays"

    match_id = fields.Many2one("paylink.bank.match", required=True, ondelete="cascade")
    company_id = fields.Many2one(related="match_id.company_id")
    currency_id = fields.Many2one(related="match_id.currency_id")
    label = fields.Char(related="match_id.label")
    payer = fields.Char(related="match_id.payer")
    amount = fields.Monetary(related="match_id.amount")
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        compute="_compute_partner_id",
        store=True,
        readonly=False,
        help="Alone, without links and invoices: the money is an open credit of the customer.",
    )
    link_ids = fields.Many2many("paylink.link", string="Collection Links")
    invoice_ids = fields.Many2many("account.move", string="Invoices", groups=ACCOUNTANTS)
    due = fields.Monetary(compute="_compute_due", help="What is due of what you have chosen.")

    # === COMPUTE METHODS === #

    @api.depends("match_id")
    def _compute_partner_id(self):
        for dialog in self:
            dialog.partner_id = dialog.match_id.partner_id

    @api.depends("link_ids", "invoice_ids")
    def _compute_due(self):
        for dialog in self:
            links = dialog.link_ids._origin.sudo()
            due = sum(links._due_amounts().values()) if links else 0.0
            dialog.due = due + sum(dialog._items(links).mapped("amount_residual_currency"))

    def _items(self, links):
        """The open items of the invoices, besides those of the links; in sudo mode."""
        return self.sudo().invoice_ids._origin._paylink_open_items() - links.sudo().line_ids.move_line_id

    # === ACTIONS === #

    def action_match(self):
        """Reconcile the line with what was chosen."""
        self.ensure_one()
        match = self.match_id._for_decision()._in_state(*WAITING)
        for chosen in filter(None, (self.link_ids, self.sudo().invoice_ids.with_env(self.env), self.partner_id)):
            chosen.check_access("read")
        links = self.link_ids.sudo()
        items = self._items(links)
        self._check_chosen(match, links, items)
        _done, left = match._create_chosen(links, items, self.partner_id)._accept()
        for reason in left.values():
            raise UserError(said(reason, self.env))
        return {"type": "ir.actions.act_window_close"}

    def _check_chosen(self, match, links, items):
        """Whether the line can pay it: in one currency, of one company and its branches, and open."""
        if not (links or items or self.partner_id):
            raise UserError(self.env._("Choose a link, an invoice or a customer."))
        if self.sudo().invoice_ids and not items and not links:
            raise UserError(self.env._("Nothing is due of these invoices anymore."))
        if links and items:
            raise UserError(self.env._("Choose either links or invoices: a link asks for its invoices itself."))
        if links.filtered(lambda link: link.state not in PAYABLE):
            raise UserError(self.env._("These links can't be paid anymore: choose others, or their invoices."))
        if (links.currency_id | items.currency_id) - match.currency_id:
            raise UserError(
                self.env._("It is in another currency: enter the amount in that currency on the bank line first.")
            )
        if any(match.company_id not in company.parent_ids for company in links.company_id | items.company_id):
            raise UserError(self.env._("It belongs to another company."))
