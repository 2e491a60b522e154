from ..stripe.event_common import EventCommon
from .bank_common import BankMixin


class StripeAccountCommon(BankMixin, EventCommon):
    """A company that keeps its Stripe account as a bank account."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._prepare_bank()
        cls.company.sudo().paylink_fee_account_id = cls.company_data["default_account_expense"]

    def setUp(self):
        super().setUp()
        self.fake.account.currency = self.company.currency_id.name.lower()

    def use_as_account(self, provider=None, **values):
        """Set the account up, as the dialog does; the ``paylink.balance``."""
        provider = provider or self.provider
        values = {"provider_id": provider.id, "since": provider.company_id._paylink_today(), **values}
        setup = self.env["paylink.balance.setup"].sudo().with_company(provider.company_id).create(values)
        return self.env["paylink.balance"].sudo().browse(setup.action_use()["res_id"])

    def keep_up(self):
        """Hear what Stripe tells, and read the accounts."""
        self.deliver_and_handle()
        self.run_job("ir_cron_paylink_balance")

    def read_balance(self):
        """What has moved at Stripe, and nothing of what it tells by messages."""
        self.run_job("ir_cron_paylink_balance")

    def open_items(self, account):
        domain = [("account_id", "=", account.id), ("parent_state", "=", "posted"), ("reconciled", "=", False)]
        return self.env["account.move.line"].search(domain).mapped("balance")

    def paid(self, amount=100.0, method="card", **values):
        """An invoice paid by a link: the transaction."""
        tx = self.start(self._link(self._invoice(amount=amount, **values)))
        self.fake.pay(tx.paylink_stripe_session, method)
        self.deliver_and_handle()
        return tx

    def moves(self, *categories):
        domain = [("category", "in", categories)] if categories else []
        return self.env["paylink.balance.move"].search(domain, order="created_at, id")

    def arrived(self, payout, label, amount=None, **values):
        """The bank's line of a payout."""
        return self._bank_line(label, payout.amount if amount is None else amount, **values)

    def assert_even(self, balance):
        """In each currency the journal's balance is Stripe's, to the cent; and nobody has a task."""
        self.assertFalse(balance.error)
        said = {
            code.upper(): amount
            for code, amount in self.fake.balance(balance.provider_id.paylink_stripe_secret_key).items()
        }
        booked = {
            journal.paylink_said_currency_id.name: round(
                journal._paylink_booked() * 10**journal.paylink_said_currency_id.decimal_places
            )
            for journal in balance.journal_ids
        }
        self.assertEqual({c: amount for c, amount in said.items() if amount}, {c: a for c, a in booked.items() if a})
        self.assertTrue(balance.is_even)
        self.assertFalse(
            self.env["paylink.balance.day"].search([("balance_id", "=", balance.id), ("difference", "!=", 0)])
        )
