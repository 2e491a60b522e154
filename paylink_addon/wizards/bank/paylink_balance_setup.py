from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date


class PaylinkBalanceSetup(models.TransientModel):
    """From which day on Stripe is kept as an account, and on which accounts its fees are booked."""

    _name = "paylink.balance.setup"
    _inherit = "paylink.dialog.mixin"
    _description = "Use Stripe as an Account"
    _check_company_auto = True

    provider_id = fields.Many2one(
        "payment.provider",
        required=True,
        ondelete="cascade",
        domain="[('code', '=', 'stripe_checkout')]",
        default=lambda self: self._default_provider_id(),
    )
    company_id = fields.Many2one(related="provider_id.company_id")
    balance_id = fields.Many2one(related="provider_id.paylink_balance_id")
    since = fields.Date(
        string="First Day",
        required=True,
        default=lambda self: self.env.company._paylink_today(),
        help="What moves at Stripe from this day on becomes lines of the new journal. What is there before is its "
        "opening balance.",
    )
    fee_account_id = fields.Many2one(
        "account.account",
        string="Account of Fees",
        compute="_compute_fee_account_id",
        store=True,
        readonly=False,
        check_company=True,
        domain="[('account_type', 'in', ('expense', 'expense_direct_cost')), ('company_ids', 'in', company_id)]",
    )
    fee_tax_ids = fields.Many2many(
        "account.tax",
        string="Taxes of Fees",
        check_company=True,
        domain="[('type_tax_use', '=', 'purchase'), ('company_id', '=', company_id)]",
        help="None where Stripe charges none and none is due. Fees are taken to include them.",
    )

    matched_count = fields.Integer(
        compute="_compute_matched_count",
        help="Payments since then that somebody has reconciled with the bank: they would be booked once more.",
    )
    named_count = fields.Integer(
        compute="_compute_named_count",
        help="Lines of the bank since then that name Stripe, and that somebody has reconciled with something else.",
    )

    # === DEFAULTS === #

    @api.model
    def _default_provider_id(self):
        """The provider of the company whose account is not kept yet, where there is only one."""
        domain = [("code", "=", "stripe_checkout"), ("company_id", "=", self.env.company.id)]
        found = self.env["payment.provider"].search(domain)
        left = found.filtered(lambda provider: not provider.paylink_balance_id)
        return left if len(left) == 1 else left.browse()

    # === COMPUTE METHODS === #

    @api.depends("provider_id")
    def _compute_fee_account_id(self):
        for setup in self:
            setup.fee_account_id = setup.company_id._paylink_fee_account() if setup.company_id else False

    @api.depends("provider_id", "since")
    def _compute_matched_count(self):
        Payment = self.env["account.payment"].sudo()
        for setup in self:
            domain = [
                ("payment_transaction_id.provider_id", "=", setup.provider_id.id),
                ("date", ">=", setup.since),
                ("is_matched", "=", True),
                ("journal_id.paylink_balance_id", "=", False),
            ]
            setup.matched_count = Payment.search_count(domain) if setup.provider_id and setup.since else 0

    @api.depends("provider_id", "since")
    def _compute_named_count(self):
        for setup in self:
            company = setup.company_id.sudo()
            setup.named_count = len(company._paylink_lines_from_stripe(setup.since)) if company and setup.since else 0

    # === ACTIONS === #

    def action_use(self):
        """Make the journal and the accounts, and show the account."""
        self.ensure_one()
        self.provider_id._paylink_check_keeper()
        if self.since > self.company_id._paylink_today():
            raise UserError(self.env._("“First Day” is in the future: choose today or an earlier day."))
        open_day = self.company_id._paylink_open_day(self.since)
        if open_day > self.since and not self.balance_id:
            raise UserError(
                self.env._(
                    "“First Day” is in a locked period: all of it would be booked on the first open day. Choose "
                    "%(day)s or a later day.",
                    day=format_date(self.env, open_day),
                )
            )
        if not self.fee_account_id:
            raise UserError(self.env._("Choose the “Account of Fees”: the expenses on which Stripe's fees are booked."))
        balance = self.provider_id._paylink_use_as_account(
            {
                "since": self.since,
                "fee_account_id": self.fee_account_id.id,
                "fee_tax_ids": [fields.Command.set(self.fee_tax_ids.ids)],
            }
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": "paylink.balance",
            "res_id": balance.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }
