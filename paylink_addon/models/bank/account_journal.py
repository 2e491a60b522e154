from odoo import api, fields, models
from odoo.exceptions import UserError

READERS = "account.group_account_readonly,account.group_account_invoice"


class AccountJournal(models.Model):
    """The journal of an account at Stripe: what Stripe has said of it."""

    _inherit = "account.journal"

    paylink_balance_id = fields.Many2one(
        "paylink.balance", string="Account at Stripe", readonly=True, copy=False, index="btree_not_null", groups=READERS
    )
    paylink_said = fields.Monetary(
        string="Balance at Stripe",
        currency_field="paylink_said_currency_id",
        readonly=True,
        copy=False,
        groups=READERS,
        help="Available and pending, as Stripe has said it last.",
    )
    paylink_said_currency_id = fields.Many2one(
        "res.currency", compute="_compute_paylink_said_currency_id", groups=READERS
    )
    paylink_said_at = fields.Datetime(string="Asked on", readonly=True, copy=False, groups=READERS)

    @api.constrains("active")
    def _check_paylink_kept(self):
        for journal in self:
            if journal.paylink_balance_id and not journal.active:
                raise UserError(
                    self.env._(
                        "What moves at Stripe is booked in “%(journal)s”: it can't be archived.", journal=journal.name
                    )
                )

    def _compute_paylink_said_currency_id(self):
        for journal in self:
            journal.paylink_said_currency_id = journal.currency_id or journal.company_id.currency_id

    def _paylink_booked(self):
        """The balance of the account of this journal, in its currency."""
        self.ensure_one()
        lines = self.env["account.move.line"].sudo()
        domain = [("account_id", "=", self.default_account_id.id), ("parent_state", "=", "posted")]
        is_foreign = self.currency_id and self.currency_id != self.company_id.currency_id
        ((total,),) = lines._read_group(domain, [], ["amount_currency:sum" if is_foreign else "balance:sum"])
        return self.paylink_said_currency_id.round(total or 0.0)
