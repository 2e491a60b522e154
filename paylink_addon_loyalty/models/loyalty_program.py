from odoo import api, fields, models
from odoo.exceptions import ValidationError

ACCOUNTANTS = "account.group_account_readonly,account.group_account_invoice"


class LoyaltyProgram(models.Model):
    """The money in wallets is owed to the customers: one liability account per program holds all of it."""

    _name = "loyalty.program"
    _inherit = ["loyalty.program", "paylink.ending.mixin"]

    paylink_account_id = fields.Many2one(
        "account.account",
        string="Wallet Account",
        domain="[('account_type', '=', 'liability_current'), ('company_ids', 'parent_of', company_id)]",
        copy=False,
        ondelete="set null",  # a company that changes its chart loses its accounts
        groups=ACCOUNTANTS,
        help="The liability that holds what is in the wallets: topping up credits it, spending debits it.",
    )
    paylink_wallet_total = fields.Monetary(
        string="In the wallets", compute="_compute_paylink_wallet", compute_sudo=True, groups=ACCOUNTANTS
    )
    paylink_account_balance = fields.Monetary(
        string="Balance of the account", compute="_compute_paylink_wallet", compute_sudo=True, groups=ACCOUNTANTS
    )
    paylink_uninvoiced = fields.Monetary(
        string="Not invoiced yet",
        compute="_compute_paylink_wallet",
        compute_sudo=True,
        groups=ACCOUNTANTS,
        help="What confirmed orders have added to the wallets or taken from them, and their invoices have yet to book.",
    )
    paylink_difference = fields.Monetary(
        string="Difference",
        compute="_compute_paylink_wallet",
        compute_sudo=True,
        groups=ACCOUNTANTS,
        help="How much more the account holds than the wallets, once everything is invoiced. It should be zero.",
    )

    # One account for two programs could not be compared with the wallets of either.
    _paylink_account_unique = models.UniqueIndex(
        "(paylink_account_id) WHERE paylink_account_id IS NOT NULL",
        "This account holds the wallets of another program: choose one of its own.",
    )

    # === CONSTRAINTS === #

    @api.constrains("paylink_account_id", "company_id", "program_type")
    def _check_paylink_account(self):
        for program in self.sudo().filtered("paylink_account_id"):
            account = program.paylink_account_id
            if program.program_type != "ewallet" or not program.company_id:
                raise ValidationError(
                    self.env._(
                        "%(program)s can't have a wallet account: it must be an eWallet and belong to one company.",
                        program=program.name,
                    )
                )
            if (
                account.account_type != "liability_current"
                or program.company_id.root_id not in account.company_ids.root_id
            ):
                raise ValidationError(
                    self.env._(
                        "%(account)s can't hold wallets: choose an account of type “Current Liabilities” of "
                        "%(company)s.",
                        account=account.display_name,
                        company=program.company_id.name,
                    )
                )

    # === COMPUTE METHODS === #

    def _compute_paylink_wallet(self):
        """Compare the wallets with the account: what the accountant has to see is the difference."""
        points = dict(
            self.env["loyalty.card"]
            .with_context(active_test=False)
            ._read_group([("program_id", "in", self.ids)], ["program_id"], ["points:sum"])
        )
        balances = dict(
            self.env["account.move.line"]._read_group(
                [("account_id", "in", self.paylink_account_id.ids), ("parent_state", "=", "posted")],
                ["account_id"],
                ["balance:sum"],
            )
        )
        for program in self:
            currency = program.currency_id
            program.paylink_wallet_total = currency.round(points.get(program, 0.0) * program._paylink_rate())
            program.paylink_account_balance = currency.round(-balances.get(program.paylink_account_id, 0.0))
            program.paylink_uninvoiced = currency.round(program._paylink_to_invoice())
            program.paylink_difference = currency.round(
                program.paylink_account_balance + program.paylink_uninvoiced - program.paylink_wallet_total
            )

    def _paylink_to_invoice(self):
        """How the invoices to come of confirmed orders will change the account."""
        self.ensure_one()
        products = self._paylink_rewards().discount_line_product_id | self._paylink_top_up_products()
        if not products or not self.paylink_account_id:
            return 0.0
        lines = self.env["sale.order.line"].search(
            [("product_id", "in", products.ids), ("state", "=", "sale"), ("company_id", "=", self.company_id.id)]
        )
        return sum(line.price_subtotal - line.untaxed_amount_invoiced for line in lines)

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """What is spent from wallets is booked on their account."""
        programs = super().create(vals_list)
        programs._paylink_apply_account()
        return programs

    def write(self, vals):
        """Likewise, when the account or the rewards change."""
        result = super().write(vals)
        if {"paylink_account_id", "reward_ids"} & set(vals):
            self._paylink_apply_account()
        return result

    # === ACTIONS === #

    def action_paylink_journal_items(self):
        """Show the journal items of the wallet account."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_account_moves_all")
        return action | {
            "domain": [("account_id", "=", self.paylink_account_id.id), ("parent_state", "=", "posted")],
            "context": {},
        }

    # === BUSINESS METHODS === #

    def _paylink_rate(self):
        """What a point is worth, in the program's currency."""
        return self._paylink_rewards()[:1].discount or 1.0

    def _paylink_rewards(self):
        """The rewards that spend from the wallets: they say what a point is worth, also archived with the program."""
        return self.reward_ids or self.with_context(active_test=False).reward_ids

    def _paylink_points(self, amount):
        """How many points ``amount`` (major units, in the program's currency) is."""
        return self.currency_id.round(amount / self._paylink_rate())

    def _paylink_top_up_products(self):
        """Odoo's own product that tops up wallets, where this program sells it."""
        product = self.env.ref("loyalty.ewallet_product_50", raise_if_not_found=False)
        return self.trigger_product_ids & product if product else self.env["product.product"]

    def _paylink_apply_account(self):
        """Book what Odoo's own orders do with the wallets on the account: the rewards, and its top-up product."""
        for program in self.sudo().filtered("paylink_account_id"):
            products = program.reward_ids.discount_line_product_id | program._paylink_top_up_products()
            products.with_company(program.company_id).property_account_income_id = program.paylink_account_id

    # === TASKS === #

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"active"}

    def _paylink_task_subjects(self):
        """The links that have topped up wallets of these."""
        moved = [("card_id.program_id", "in", self.ids), ("paylink_transaction_id", "!=", False)]
        return [self.env["loyalty.history"].search(moved).paylink_transaction_id.paylink_id]
