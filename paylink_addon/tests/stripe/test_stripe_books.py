from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from .event_common import EventCommon

# Currency, amount of the invoice, what is refunded, what is disputed; and the same in Stripe's minor units.
CURRENCIES = [
    ("JPY", (1234, 200, 1000), (1234, 200, 1000)),
    ("KWD", (12.35, 1.01, 10.11), (12350, 1010, 10110)),
    ("ISK", (501, 101, 333), (50100, 10100, 33300)),
    ("UGX", (5001, 1001, 3333), (500100, 100100, 333300)),
    ("EUR", (100.29, 0.57, 33.33), (10029, 57, 3333)),
    ("CAD", (1999.99, 0.07, 1001.01), (199999, 7, 100101)),
]


@tagged("post_install", "-at_install")
class TestStripeBooks(EventCommon):
    """From Stripe's messages to every line of the books: currencies, companies, what is captured later."""

    def setUp(self):
        super().setUp()
        self.company.sudo().paylink_fee_account_id = self.company_data["default_account_expense"]

    def disputes(self, tx):
        return self.env["paylink.dispute"].sudo().search([("transaction_id", "=", tx.id)])

    def paid_lines(self, payment):
        """Of each line of a payment's entry: kind of account, amount in its currency, currency."""
        self.assertEqual(sum(payment.move_id.line_ids.mapped("balance")), 0)
        return {
            (line.account_id.account_type == "asset_receivable", line.amount_currency, line.currency_id.name)
            for line in payment.move_id.line_ids
        }

    # === CURRENCIES === #

    def test_currencies_are_exact_in_the_books(self):
        """Paid, refunded in part and disputed in part: each amount is the same at Stripe and on every line."""
        self.fake.account.rates = {name.lower(): 0.01 for name, *_rest in CURRENCIES if name != "EUR"}
        started = {}
        for name, (amount, *_others), _minor in CURRENCIES:
            currency = self.env.ref(f"base.{name}")
            currency.active = True
            started[name] = self.start(self._link(self._invoice(amount=amount, currency_id=currency.id)))
            self.fake.pay(started[name].paylink_stripe_session)
        self.deliver_and_handle()
        paid = {tx.invoice_ids.payment_state for tx in started.values()}
        self.assertEqual(paid, {"paid"}, self.stored().mapped("error"))
        for name, _amounts, minor in CURRENCIES:
            self.fake.refund(started[name].paylink_stripe_intent, minor[1])
        self.deliver_and_handle()
        for name, _amounts, minor in CURRENCIES:
            self.fake.dispute(started[name].paylink_stripe_intent, amount=minor[2])
        self.deliver_and_handle()
        for name, (amount, refunded, disputed), minor in CURRENCIES:
            with self.subTest(name):
                tx, currency = started[name], self.env.ref(f"base.{name}")
                invoice = tx.invoice_ids
                (row,) = [found for found in self.fake.ledger() if found.id == tx.paylink_stripe_intent]
                self.assertEqual((row.received, row.refunded, row.disputed), minor)
                refund, dispute = tx.child_transaction_ids.payment_id, self.disputes(tx)
                for payment, expected in (
                    (tx.payment_id, {(False, amount, name), (True, -amount, name)}),
                    (refund, {(False, -refunded, name), (True, refunded, name)}),
                    (dispute.withdrawal_id, {(False, -disputed, name), (True, disputed, name)}),
                ):
                    self.assertEqual(self.paid_lines(payment), expected)
                owed = invoice.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
                self.assertEqual(currency.compare_amounts(owed.amount_residual_currency, disputed), 0)
                self.assertEqual(set(self.stored().mapped("state")), {"done", "ignored"})

    # === COMPANIES === #

    def test_two_companies_with_two_accounts(self):
        """Equal customers, references and invoice numbers: paid, refunded and disputed, each in its own books."""
        other = self._other_company()
        other.sudo().country_id = self.env.ref("base.fr")
        second = self._stripe_provider(other)
        account = self.fake.add_account("Second Merchant")
        self._connect(second, account)
        self.listen(second)
        other.sudo().paylink_fee_account_id = self.company.paylink_fee_account_id.with_company(other).search(
            [("company_ids", "in", other.ids), ("account_type", "=", "expense")], limit=1
        )
        paid = [self.paid_by(self.company, self.provider), self.paid_by(other, second)]
        self.assertEqual(len({tx.paylink_id.line_ids.move_id.name for tx in paid}), 1, "equal numbers")
        self.assertEqual(len({tx.paylink_id.reference for tx in paid}), 1)
        for tx in paid:
            self.fake.refund(tx.paylink_stripe_intent, 1000)
            self.fake.dispute(tx.paylink_stripe_intent, amount=5000)
        self.deliver_and_handle(order="shuffle")
        for tx, provider in zip(paid, (self.provider, second), strict=True):
            company, dispute = provider.company_id, self.disputes(tx)
            payments = tx.payment_id | tx.child_transaction_ids.payment_id | dispute.withdrawal_id
            self.assertEqual(payments.mapped("amount"), [100, 10, 50])
            moves = payments.move_id | dispute.fee_move_id
            self.assertEqual(
                (len(moves), moves.company_id, moves.line_ids.account_id.company_ids), (4, company, company)
            )
            self.assertEqual(payments.journal_id, provider.journal_id)
            (row,) = self.fake.ledger(provider.sudo().paylink_stripe_secret_key)
            self.assertEqual((row.received, row.refunded, row.disputed), (10000, 1000, 5000))
        events = self.stored().sudo()
        self.assertEqual(events.mapped("provider_id"), self.provider | second)
        self.assertEqual(set(events.mapped("state")), {"done", "ignored"})
        self.assert_deaf_to_each_other(paid, second)

    def paid_by(self, company, provider):
        """An invoice of ``company``, paid at its own account; the transaction."""
        values = {"currency_id": self.currency_euro.id, "company_id": company.id}
        env = self.env(context={**self.env.context, "allowed_company_ids": company.ids})
        invoice = self._invoice(post=False, **values).with_env(env)
        invoice.name = f"INV/{invoice.date.year}/90001"
        invoice.action_post()
        (link,) = env["paylink.link"]._create_for_items([({}, invoice._paylink_open_items())], partner_id=self.marie.id)
        link.sudo().reference = "Contract 7"
        link._issue()
        with patch.object(type(self), "provider", provider):
            tx = self.start(link)
        self.fake.pay(tx.paylink_stripe_session)
        self.deliver_and_handle()
        self.assertEqual((tx.state, tx.provider_id, tx.company_id), ("done", provider, company))
        return tx

    def assert_deaf_to_each_other(self, paid, second):
        """The one account's messages, sent and signed as the other's, are about nobody's payment."""
        before = self.env["account.move"].search_count([])
        self.secret = second.paylink_stripe_webhook_secret
        objects = [self.fake.get(paid[0].paylink_stripe_session), self.fake.get(paid[0].paylink_stripe_intent)]
        for obj, event_type in zip(objects, ("checkout.session.completed", "payment_intent.succeeded"), strict=True):
            self.send(self.event(event_type, {**obj, "metadata": {}}), provider=second)
            self.run_job()
            self.assertEqual((self.stored()[-1:].state, bool(self.stored()[-1:].transaction_id)), ("ignored", False))
        self.assertEqual(self.env["account.move"].search_count([]), before)

    # === CAPTURED LATER === #

    def authorized(self):
        """An invoice of 100 €, authorized at Stripe as the messages tell."""
        self.provider.capture_manually = True
        tx = self.start(self._link(self._invoice(currency_id=self.currency_euro.id)))
        self.fake.pay(tx.paylink_stripe_session)
        self.deliver_and_handle()
        self.assertEqual((tx.state, tx.paylink_id.state, bool(self.payments(tx))), ("authorized", "pending", False))
        return tx

    def capture(self, tx, amount):
        wizard = self.env["payment.capture.wizard"].create({"transaction_ids": [Command.set(tx.ids)]})
        wizard.amount_to_capture = amount
        wizard.action_capture()
        self.send_waiting()
        self.deliver_and_handle()

    def test_captured_later_then_disputed(self):
        """All of it, or a part: booked by the capture, taken back by the dispute, given back when it is won."""
        for captured in (100, 40):
            with self.subTest(captured=captured):
                tx = self.authorized()
                self.capture(tx, captured)
                invoice = tx.paylink_id.line_ids.move_id
                payment = (tx | tx.child_transaction_ids).payment_id
                self.assertEqual((payment.amount, invoice.amount_residual), (captured, 100 - captured))
                found = self.fake.dispute(tx.paylink_stripe_intent, amount=captured * 100)
                self.deliver_and_handle()
                dispute = self.disputes(tx)
                self.assertEqual((dispute.withdrawal_id.amount, invoice.amount_residual), (captured, 100))
                self.fake.close_dispute(found["id"], True)
                self.deliver_and_handle()
                self.assertEqual((dispute.reinstatement_id.amount, invoice.amount_residual), (captured, 100 - captured))
                (row,) = [one for one in self.fake.ledger() if one.id == tx.paylink_stripe_intent]
                self.assertEqual((row.received, row.disputed), (captured * 100, 0))
                self.assertEqual(len((tx | tx.child_transaction_ids).payment_id), 1)

    # === WHAT CHANGES NOTHING === #

    def test_payouts_and_late_fees_change_nothing(self):
        """They are kept and ignored: the fee is asked for when the payment is known."""
        tx = self.pay_on_page(self._free_link(50))
        self.deliver_and_handle()
        before = self.env["account.move"].search_count([])
        payout = self.fake.payout(currency=tx.currency_id.name.lower())["id"]
        self.fake.pay_payout(payout)
        self.fake.fail_payout(payout)
        self.deliver_and_handle()
        told = self.stored("payout.created", "payout.paid", "payout.failed", "charge.updated")
        self.assertEqual(set(told.mapped("type")), {"payout.created", "payout.paid", "payout.failed", "charge.updated"})
        self.assertEqual(set(told.mapped("state")), {"ignored"})
        self.assertFalse(any(told.mapped("error")))
        self.assertEqual((self.env["account.move"].search_count([]), tx.state), (before, "done"))
