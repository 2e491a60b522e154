from odoo import api, fields, models
from odoo.exceptions import UserError

from ...const import Task
from ...tools.days import beginning
from ...tools.stripe_errors import StripeRefused
from .payment_provider import FRENCH_CHART, FRENCH_PREFIX


class PaylinkBalance(models.Model):
    """Money at Stripe, kept like a bank account: one Stripe account, in one mode, of one company.

    For each currency there is a journal. What has moved (``paylink.balance.move``) is read from Stripe page by page and
    becomes lines of these journals. What Stripe pays out (``paylink.payout``) arrives on the company's bank.
    """

    _name = "paylink.balance"
    _inherit = [
        "paylink.balance.mixin",
        "paylink.task.mixin",
        "paylink.guard.mixin",
        "mail.activity.mixin",
        "mail.thread",
    ]
    _description = "Account at Stripe"
    _rec_name = "account"
    _check_company_auto = True

    account = fields.Char(required=True, readonly=True, help="As Stripe names it.")
    is_live = fields.Boolean(string="Live", readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    provider_id = fields.Many2one(
        "payment.provider", required=True, readonly=True, ondelete="restrict", help="Whose key it is read with."
    )
    since = fields.Date(required=True, readonly=True, help="What has moved from this day on is in the journal.")
    outstanding_account_id = fields.Many2one(
        "account.account", string="Payments on their way", required=True, readonly=True, check_company=True
    )
    former_account_id = fields.Many2one(
        "account.account",
        string="Payments on their way until then",
        required=True,
        readonly=True,
        check_company=True,
        help="What was at Stripe when this began had been booked here: the opening balance is taken from it.",
    )
    fee_account_id = fields.Many2one("account.account", string="Account of Fees", required=True, check_company=True)
    fee_tax_ids = fields.Many2many(
        "account.tax", string="Taxes of Fees", check_company=True, domain="[('type_tax_use', '=', 'purchase')]"
    )
    is_tax_named = fields.Boolean(readonly=True, help="Stripe itself says what is tax in its fees.")
    journal_ids = fields.One2many(
        "account.journal", "paylink_balance_id", readonly=True, context={"active_test": False}
    )
    read_until = fields.Datetime(readonly=True, help="What had moved until then is known.")
    is_opened = fields.Boolean(readonly=True, help="What was at Stripe before the first day is known.")
    opened_at = fields.Datetime(readonly=True)
    is_even = fields.Boolean(default=True, readonly=True, help="The books say what Stripe says.")
    kept_up_at = fields.Datetime(string="Kept up with on", readonly=True)
    error = fields.Char(string="Why it is not kept up with", readonly=True)
    provider_name = fields.Char(string="Name", compute="_compute_provider_name", compute_sudo=True)
    open_count = fields.Integer(compute="_compute_open_count")

    _account_unique = models.Constraint("UNIQUE (account, is_live)", "An account at Stripe is kept once.")

    # === COMPUTE METHODS === #

    def _compute_provider_name(self):
        for balance in self:
            balance.provider_name = balance.provider_id.name

    def _compute_open_count(self):
        domain = [("balance_id", "in", self.ids), ("is_open", "=", True)]
        counts = dict(self.env["paylink.balance.move"]._read_group(domain, ["balance_id"], ["__count"]))
        for balance in self:
            balance.open_count = counts.get(balance._origin, 0)

    # === FINDING === #

    @api.model
    def _of(self, account, is_live, company):
        """The one of this account, mode and company, or none."""
        domain = [("account", "=", account), ("is_live", "=", is_live), ("company_id", "=", company.id)]
        return self.search(domain, limit=1)

    def _keyed(self):
        """The providers of the company with a key of this account and mode, as they are now."""
        self.ensure_one()
        domain = [("paylink_stripe_account", "=", self.account), ("company_id", "=", self.company_id.id)]
        providers = self.env["payment.provider"].sudo().search(domain)
        mode = "live" if self.is_live else "test"
        return providers.filtered(lambda provider: provider.paylink_stripe_mode == mode)

    def _providers(self):
        """Those whose payments may come here: also that with which this began, whatever key it has by now."""
        return self._keyed() | self.provider_id.sudo()

    def _stripe(self):
        """Stripe, with a key of this account and mode.

        :raise StripeRefused: there is none anymore
        """
        keyed = self._keyed() or self._ask_whose_key()
        if not keyed:
            raise StripeRefused(
                self.company_id._paylink_env()._("No provider has a key of this Stripe account in this mode anymore.")
            )
        return (keyed & self.provider_id.sudo() or keyed[0])._paylink_stripe()

    def _ask_whose_key(self):
        """A key may have been entered of which nobody has asked yet whose it is.

        :return: see :meth:`_keyed`
        """
        domain = [("company_id", "=", self.company_id.id), ("paylink_stripe_account", "=", False)]
        domain.append(("paylink_stripe_secret_key", "!=", False))
        for provider in self.env["payment.provider"].sudo().search(domain):
            try:
                provider._paylink_stripe_connect()
            except StripeRefused:
                continue  # the next one's may be the right one
            if keyed := self._keyed():
                return keyed
        return self._keyed()

    def _start(self):
        """The moment at which the first day begins."""
        return beginning(self.since, self.company_id.paylink_tz)

    # === JOURNALS === #

    def _journal(self, currency):
        """The journal of this currency, which is made where there is none."""
        self.ensure_one()
        journal = self.journal_ids.filtered(lambda found: found.paylink_said_currency_id == currency)[:1]
        if journal and not journal.active:
            journal.active = (
                True  # nothing can be booked in it otherwise, and a second one would have half of the balance
            )
        return journal or self._new_journal(currency)

    def _new_journal(self, currency):
        company = self.company_id
        if not currency.active:
            raise UserError(
                self.env._(
                    "There is money in %(currency)s at Stripe, and this currency is not in use: activate it under "
                    "Accounting → Configuration → Currencies.",
                    currency=currency.name,
                )
            )
        name = self._journal_name(currency)
        foreign = currency if currency != company.currency_id else currency.browse()
        books = company._paylink_in_books(self.env["account.journal"])
        account = books.env["account.account"].create(
            {
                "name": name,
                "code": self._new_code(),
                "account_type": "asset_cash",
                "currency_id": foreign.id,
                "company_ids": [fields.Command.link(company.id)],
            }
        )
        return books.create(
            {
                "name": name,
                "type": "bank",
                "code": books._get_next_journal_default_code("bank", company),
                "company_id": company.id,
                "currency_id": foreign.id,
                "default_account_id": account.id,
                "paylink_balance_id": self.id,
                "sequence": 50,  # after the real ones: Odoo takes the first as that of other providers
            }
        )

    def _journal_name(self, currency):
        name = f"{self.provider_id.sudo().name} ({currency.name})"
        return name if self.is_live else self.company_id._paylink_env()._("%(journal)s, test", journal=name)

    def _new_code(self):
        company = self.company_id
        Account = self.env["account.account"].with_company(company)
        digits = len(self.former_account_id.with_company(company).code or "") or 6
        is_french = (company.root_id.chart_template or "").startswith(FRENCH_CHART)
        prefix = FRENCH_PREFIX if is_french else company.bank_account_code_prefix or ""
        return Account._search_new_account_code(prefix.ljust(digits, "0"))

    # === ACTIONS === #

    def action_read(self):
        """Have it read as soon as possible."""
        self.check_access("read")
        self.env["payment.provider"]._paylink_check_keeper()
        self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_balance")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "success", "message": self.env._("Stripe is being asked. It takes a minute.")},
        }

    def action_read_all(self):
        """Have all of it read again since the first day: what Stripe's list has had late is found."""
        self.check_access("read")
        self.env["payment.provider"]._paylink_check_keeper()
        self.sudo().read_until = False
        return self.action_read()

    def action_view_days(self):
        """What Stripe says and what the books say, day by day."""
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_balance_day_action")
        return action | {"domain": [("balance_id", "in", self.ids)]}

    def action_view_payouts(self):
        """Show its payouts."""
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_payout_action")
        return action | {"domain": [("balance_id", "in", self.ids)]}

    def action_view_open(self):
        """Show the rows whose lines are not reconciled, and why."""
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_balance_move_action")
        return action | {"domain": [("balance_id", "in", self.ids)], "context": {"search_default_open": 1}}

    # === TASKS === #

    def _task_users(self):
        return self.company_id._paylink_managers()

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"is_even", "error"}

    def _paylink_done_balance_difference(self, _task):
        return self.is_even

    def _paylink_done_balance_unread(self, _task):
        return not self.error

    def _tell_difference(self, differences):
        """Give the payment managers a task with what explains the differences; one that is there says what is so now.

        :param dict differences: (what Stripe says, what the books say) by currency
        """

        def texts(env):
            return self.with_env(env)._difference_texts(differences)

        self.env["paylink.task.mixin"]._reword(self, Task.BALANCE_DIFFERENCE, texts)
        self._give_task(Task.BALANCE_DIFFERENCE, texts)

    def _tell_failure(self):
        """Give the payment managers a task: money moves, and the journal stands still."""

        def texts(env):
            return env._("Stripe's account is not kept up with"), env._(
                "Nothing has been read or booked for more than a day. It is tried again each hour. The reason: %(why)s",
                why=self.error,
            )

        self.env["paylink.task.mixin"]._reword(self, Task.BALANCE_UNREAD, texts)
        self._give_task(Task.BALANCE_UNREAD, texts)
