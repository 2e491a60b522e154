from odoo import api, fields, models
from odoo.fields import Domain

from ..stripe.const import STRIPE_CODE

ACCOUNTANTS = "account.group_account_readonly,account.group_account_invoice"
KINDS = [
    ("payment", "Payment"),
    ("refund", "Refund to customer"),
    ("returned", "Refund that came back"),
    ("taken", "Chargeback"),
    ("given", "Chargeback given back"),
    ("undone", "Transfer taken back"),
]
# Those that the reversal of an entry has booked.
REVERSED = ("returned", "undone")


class KnownMonetary(fields.Monetary):
    """An amount that is known where the fee is: where it is not, it is not exported as 0."""

    def convert_to_export(self, value, record):
        """Empty, if it is not known."""
        return super().convert_to_export(value, record) if record.is_fee_known else ""


class PaylinkReceipt(models.Model):
    """What came in from customers, and went back to them: by which method, when, and whether the bank has shown it.

    A view (``paylink_receipt_sql.py``): one row for each transaction whose money has moved, for each payment of a
    customer that is no transaction's (registered by hand, chargebacks), and for each line of the bank that is none.
    """

    _name = "paylink.receipt"
    _description = "Money received"
    _auto = False
    _order = "date desc, id desc"

    name = fields.Char(string="Reference", readonly=True)
    date = fields.Date(readonly=True, help="The day on which the money moved, for the company.")
    moved_at = fields.Datetime(string="Moved on", readonly=True, help="As far as the provider has said it.")
    booked_on = fields.Date(readonly=True, help="The day in the books: where that day is locked, the first open one.")
    kind = fields.Selection(KINDS, readonly=True)
    method = fields.Char(readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    link_id = fields.Many2one("paylink.link", string="Collection Link", readonly=True)
    transaction_id = fields.Many2one("payment.transaction", readonly=True, groups=ACCOUNTANTS)
    payment_id = fields.Many2one("account.payment", readonly=True, groups=ACCOUNTANTS)
    line_id = fields.Many2one(
        "account.bank.statement.line",
        string="Booked by",
        readonly=True,
        groups=ACCOUNTANTS,
        help="The bank's line whose own entry has booked it, without a payment.",
    )
    provider_id = fields.Many2one("payment.provider", readonly=True)
    # Who looks for one by its name need not be allowed to read it.
    provider_name = fields.Char(string="Name of the Provider", readonly=True)
    link_name = fields.Char(string="Number of the Link", readonly=True)
    journal_id = fields.Many2one("account.journal", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    company_currency_id = fields.Many2one("res.currency", string="Currency of the Company", readonly=True)
    amount = fields.Monetary(readonly=True, aggregator=None, help="As the customer has paid it.")
    amount_company = fields.Monetary(
        string="In company currency", currency_field="company_currency_id", readonly=True, aggregator="sum"
    )
    fee = KnownMonetary(
        currency_field="settled_currency_id", readonly=True, help="What Stripe, or the bank, has kept of it."
    )
    net = KnownMonetary(currency_field="settled_currency_id", readonly=True)
    settled_currency_id = fields.Many2one("res.currency", string="Currency of the Account", readonly=True)
    is_fee_known = fields.Boolean(string="Fee known", readonly=True)
    payout_id = fields.Many2one("paylink.payout", readonly=True, groups=ACCOUNTANTS)
    is_matched = fields.Boolean(
        string="Reconciled", readonly=True, help="A line of the bank, or of the account at Stripe, shows it."
    )
    is_consolidated = fields.Boolean(
        string="At the bank", readonly=True, help="It is on the bank account, with its payout if it has one."
    )
    bank_line_id = fields.Many2one(
        "account.bank.statement.line",
        string="Bank line",
        compute="_compute_bank_line_id",
        compute_sudo=True,
    )

    # === VIEWS === #

    @api.model
    def _get_view_cache_key(self, view_id=None, view_type="form", **options):
        return super()._get_view_cache_key(view_id, view_type, **options) + self._has_accounts()

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        """Where nothing is known of payouts, or of fees, there are no columns of them: they would say that all is 0."""
        arch, view = super()._get_view(view_id, view_type, **options)
        has_accounts, has_fees = self._has_accounts()
        unknown = ([] if has_accounts else ["payout_id"]) + ([] if has_fees else ["fee", "net"])
        for name in unknown:
            for node in arch.xpath(f"//field[@name='{name}']"):
                node.getparent().remove(node)
        return arch, view

    @api.model
    def _has_accounts(self):
        """Whether an account at Stripe is kept, and whether fees are known: Stripe tells them without that, too."""
        ours = Domain("company_id", "in", self.env.companies.ids)
        known = ours & Domain("code", "=", STRIPE_CODE) & Domain("state", "!=", "disabled")
        has_accounts = bool(self.env["paylink.balance"].sudo().search_count(ours, limit=1))
        has_fees = has_accounts or bool(self.env["payment.provider"].sudo().search_count(known, limit=1))
        return has_accounts, has_fees or any(self.env.companies.sudo().mapped("paylink_bank_fee_limit"))

    # === CRUD METHODS === #

    @api.model
    @api.private
    @api.readonly
    def search_fetch(self, domain, field_names=None, offset=0, limit=None, order=None):
        """Rows are chosen first: what else there is to know is asked for those alone, and not to sort all by it. What
        the rules look at is asked for with it: else all is read once more, for that.
        """
        found = super().search_fetch(domain, [], offset=offset, limit=limit, order=order)
        found.fetch(field_names and {*field_names, "company_id", "link_id"})
        return found

    # === COMPUTE METHODS === #

    @api.depends("payment_id", "payout_id", "line_id")
    @api.depends_context("uid")
    def _compute_bank_line_id(self):
        """For accountants: that of the bank, of the payout if there is one; until then that of the Stripe account."""
        may_know = self.env.user.has_groups(ACCOUNTANTS)
        for receipt in self:
            own = receipt.payment_id.reconciled_statement_line_ids[:1] or receipt.line_id
            receipt.bank_line_id = may_know and (receipt.payout_id.arrival_line_id or own)

    # === TEXTS === #

    def _unknown_text(self):
        """What is told of fees that are not known: whether the provider will still tell them."""
        if STRIPE_CODE in self.sudo().provider_id.mapped("code"):
            return self.env._("not known yet")
        return self.env._("not known")

    # === ACTIONS === #

    def action_open(self):
        """Show what has booked it, or the link to who may not see that."""
        self.check_access("read")
        self.ensure_one()
        own = self.sudo()
        for record in (own.payment_id, own.line_id.move_id, own.link_id, own.transaction_id):
            if record and record.with_env(self.env).has_access("read"):
                return record.with_env(self.env)._get_records_action()
        return False
