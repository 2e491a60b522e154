from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ...tools.stripe_errors import StripeFailure
from ..stripe.const import STRIPE_CODE

# Whose charts of accounts have a place of its own for accounts that are no bank's (*Autres organismes financiers*).
FRENCH_CHART = "fr"
FRENCH_PREFIX = "517"


class PaymentProvider(models.Model):
    """*Use Stripe as an account*: what is paid by the provider is booked on an account of its own."""

    _inherit = "payment.provider"

    paylink_balance_id = fields.Many2one(
        "paylink.balance",
        string="Account at Stripe",
        compute="_compute_paylink_balance_id",
        groups="account.group_account_manager",
    )

    paylink_former_journal_id = fields.Many2one(
        "account.journal", readonly=True, copy=False, groups="base.group_system", ondelete="set null"
    )
    paylink_former_account_id = fields.Many2one(
        "account.account", readonly=True, copy=False, groups="base.group_system", ondelete="set null"
    )

    # === COMPUTE METHODS === #

    @api.depends("code", "paylink_stripe_account", "paylink_stripe_secret_key")
    def _compute_paylink_balance_id(self):
        for provider in self:
            provider.paylink_balance_id = provider._paylink_balance()

    def _paylink_balance(self):
        """The account that the provider's payments come to, where its journal is kept here: of this account at Stripe,
        in the mode of the key.
        """
        provider = self.sudo()
        if provider.code != STRIPE_CODE or not provider.paylink_stripe_account:
            return self.env["paylink.balance"].sudo()
        return (
            self.env["paylink.balance"]
            .sudo()
            ._of(provider.paylink_stripe_account, provider.paylink_stripe_mode == "live", provider.company_id)
        )

    # === ACTIONS === #

    def action_paylink_use_as_account(self):
        """Ask from which day on, and on which accounts."""
        self._paylink_check_keeper()
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Use Stripe as an Account"),
            "res_model": "paylink.balance.setup",
            "view_mode": "form",
            "target": "new",
            "context": {"default_provider_id": self.id},
        }

    def action_paylink_view_balance(self):
        """Show what Stripe and the books say, day by day."""
        self._paylink_check_keeper()
        self.ensure_one()
        return self._paylink_balance().action_view_days()

    @api.model
    def _paylink_check_keeper(self):
        """Whoever chooses accounts and journals keeps the books: an administrator without them could not even see
        what came of it.
        """
        if not self.env.user.has_group("account.group_account_manager"):
            raise AccessError(self.env._("Only accounting administrators can do this."))

    # === BUSINESS METHODS === #

    def _paylink_use_as_account(self, values):
        """Make the journal and the accounts, and have the provider's payments booked there from now on.

        What has been booked so far stays where it is, and is found there.

        :param dict values: of the ``paylink.balance``: the day from which on it is kept, and its accounts
        :return: the ``paylink.balance``
        :raise UserError: Stripe does not answer, or another company keeps this account
        """
        self.ensure_one()
        self._paylink_check_keeper()
        provider = self.sudo().with_company(self.company_id)
        try:
            said = provider._paylink_stripe().account()
        except StripeFailure as error:
            raise provider._paylink_stripe_user_error(error) from None
        provider._paylink_note_account(said)
        balance = provider._paylink_balance() or provider._paylink_new_balance(values)
        journal = balance._journal(provider._paylink_settlement_currency(said))
        provider._paylink_book_on(journal, balance.outstanding_account_id)
        self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_balance")
        return balance

    def _paylink_book_on(self, journal, account):
        """Have payments booked in this journal, and on this account while they are on their way; where they were booked
        before that was one at Stripe is kept in mind.
        """
        line = self._paylink_payment_method_line()
        if not self.journal_id.paylink_balance_id:
            self.paylink_former_journal_id = self.journal_id
            self.paylink_former_account_id = line.payment_account_id
        self.journal_id = journal
        self._paylink_payment_method_line().payment_account_id = account

    def _paylink_stripe_connect(self):
        """Another account's or mode's payments are not those of the journal that the provider has: they are booked
        where all were before, until that account is kept, too. One that is kept gets them at once.
        """
        super()._paylink_stripe_connect()
        provider = self.sudo().with_company(self.company_id)
        balance, booked_on = provider._paylink_balance(), provider.journal_id.paylink_balance_id
        if booked_on == balance or not (booked_on or provider.paylink_former_journal_id):
            return
        if balance:
            journal = balance.journal_ids.filtered("active")[:1] or provider.journal_id
            provider._paylink_book_on(journal, balance.outstanding_account_id)
        elif booked_on:
            provider._paylink_book_where_before(booked_on)

    def _paylink_book_where_before(self, balance):
        """Have payments booked where they were before this account was kept; where that is not known, or is archived,
        in the first journal of a real bank. Where there is none, they stay: the next step says so.
        """
        if not self.paylink_former_journal_id.active:
            domain = [("type", "=", "bank"), ("paylink_balance_id", "=", False)]
            domain += self.env["account.journal"]._check_company_domain(self.company_id)
            self.paylink_former_journal_id = self.env["account.journal"].search(domain, limit=1)
            self.paylink_former_account_id = balance.former_account_id
        if self.paylink_former_journal_id:
            self._paylink_book_on(self.paylink_former_journal_id, self.paylink_former_account_id)

    def _paylink_stripe_next_step(self):
        """Where another account of this provider was kept, this one is to be, too."""
        step = super()._paylink_stripe_next_step()
        provider = self.sudo()
        kept_before = provider.paylink_former_journal_id or provider.journal_id.paylink_balance_id
        if kept_before and not self._paylink_balance():
            step += " " + self.env._("This Stripe account is not kept as an account: “Use Stripe as an account”.")
        return step

    def _paylink_note_account(self, said):
        """Whose key it is, where that was not known."""
        if self.paylink_stripe_account != said["id"]:
            self._paylink_stripe_connect()

    def _paylink_new_balance(self, values):
        Balance = self.env["paylink.balance"].sudo()
        is_live = self.paylink_stripe_mode == "live"
        others = Balance.search([("account", "=", self.paylink_stripe_account), ("is_live", "=", is_live)], limit=1)
        if others:
            raise UserError(
                self.env._(
                    "This Stripe account is kept as an account of %(company)s already: its money can be in the books "
                    "of one company only. Give each company a Stripe account of its own.",
                    company=others.company_id.display_name,
                )
            )
        return Balance.create(
            {
                "account": self.paylink_stripe_account,
                "is_live": is_live,
                "company_id": self.company_id.id,
                "provider_id": self.id,
                "former_account_id": self._paylink_former_account().id,
                "outstanding_account_id": self._paylink_new_outstanding_account().id,
                **values,
            }
        )

    def _paylink_settlement_currency(self, said):
        """That in which Stripe pays out, where it is in use here, else the company's."""
        code = (said.get("default_currency") or "").upper()
        return self.env["res.currency"].search([("name", "=", code)], limit=1) or self.company_id.currency_id

    def _paylink_former_account(self):
        """Where payments on their way were booked until now."""
        line = self._paylink_payment_method_line()
        if line.payment_account_id:
            return line.payment_account_id
        payment = self.env["account.payment"].with_company(self.company_id).new({"company_id": self.company_id.id})
        return payment._get_outstanding_account("inbound")

    def _paylink_new_outstanding_account(self):
        """Payments on their way to this account, and no others: beside the account on which all were until now."""
        former = self._paylink_former_account().with_company(self.company_id)
        code = self.env["account.account"].with_company(self.company_id)._search_new_account_code(former.code)
        env = self.company_id._paylink_env()
        return self.env["account.account"].create(
            {
                "name": env._("%(provider)s: payments on their way", provider=self.name),
                "code": code,
                "account_type": "asset_current",
                "reconcile": True,
                "company_ids": [fields.Command.link(self.company_id.id)],
            }
        )
