import os
from collections import defaultdict
from datetime import datetime, timedelta, timezone

from odoo import fields
from odoo.tests import tagged

from ..fake_stripe import methods, payments
from .stripe_account_common import StripeAccountCommon

# 2,000 for a long run.
LINKS = int(os.environ.get("PAYLINK_MONTH_LINKS") or 30)
DAYS = 30
OUTAGE = range(20, 25)
DAY = 86400
RATE = 1.25  # Stripe's, for pounds; in Odoo all rates are 1


@tagged("post_install", "-at_install")
class TestStripeAccountMonth(StripeAccountCommon):
    """A month of business in three currencies, day by day, with five days on which nothing was heard of Stripe."""

    def setUp(self):
        super().setUp()
        self.env["res.currency.rate"].sudo().search([]).unlink()
        self.currencies = [self.company.currency_id, self.env.ref("base.EUR"), self.env.ref("base.GBP")]
        for currency in self.currencies:
            currency.active = True
        self.fake.account.rates = {"gbp": str(RATE)}
        self.heard = 0
        self.expected = defaultdict(float)

    def test_month_closes_to_the_cent(self):
        balance = self.use_as_account(since=fields.Date.today() - timedelta(days=DAYS + 5))
        paid = []
        for day in range(DAYS):
            self.fake.world.clock.offset = (day - DAYS) * DAY
            links = [self.new_link(number) for number in range(LINKS) if number * DAYS // LINKS == day]
            paid += self.trade(links, day)
            self.complain(paid, day)
            if day % 7 == 6:
                self.pay_out(fails=day == 13)
            if day not in OUTAGE:
                self.hear()
            if day % 5 == 4:  # once in the outage: what moves is read before its payments are heard of
                self.run_job("ir_cron_paylink_balance")
                balance.sudo().read_until = datetime.fromtimestamp(self.fake.world.clock.now(), timezone.utc).replace(
                    tzinfo=None
                )
        self.fake.world.clock.offset = 0
        self.hear()
        self.run_job("ir_cron_paylink_balance")
        self.show_payouts()
        self.run_job("ir_cron_paylink_balance")
        self.assert_even(balance)
        self.assert_reconciled_or_listed(balance)
        self.assert_trial_balance(balance)

    # === WHAT HAPPENS === #

    def new_link(self, number):
        invoice = self._invoice(amount=100.0 + number, currency_id=self.currencies[number % 3].id)
        self.expected["receivable"] += invoice.amount_total
        self.expected["revenue"] -= invoice.amount_total
        return self._link(invoice)

    def trade(self, links, day):
        """Every fourth link is paid by transfer, with a label as banks write them; the transactions of the others."""
        transfers = [link for link in links if link.currency_id == self.currencies[0] and link.line_ids.move_id.id % 2]
        for link in transfers:
            words = link.transfer_reference.lower()
            label = f"VIR SEPA /REF/ {words[:6]} {words[6:9]}\n{words[9:]} MERCI"
            line = self._bank_line(label, link.amount_due, date=self.day(day))
            self.expected["receivable"] -= line.amount
            self.expected["bank"] += line.amount
        return [self.charge(link) for link in links if link not in transfers]

    def charge(self, link):
        """Charged at Stripe, without its page."""
        tx = self._force_attempt(link, link.amount_due)
        realm = self.fake.realm()
        intent = payments.new_intent(
            realm,
            amount=tx._paylink_stripe_minor(),
            currency=tx.currency_id.name.lower(),
            customer=None,
            description=None,
            metadata=tx._paylink_stripe_metadata(),
        )
        payments.attempt(realm, intent, methods.new_method(realm, "card", "succeed"), "succeed")
        tx.paylink_stripe_intent = intent["id"]
        self.moved(tx, -1)
        return tx

    def moved(self, tx, sign, amount=None):
        """The customer owes less (or more) by an amount; Stripe converts pounds at its own rate."""
        amount = tx.amount if amount is None else amount
        self.expected["receivable"] += sign * amount
        if tx.currency_id == self.currencies[2]:
            self.expected["exchange"] += sign * amount * (RATE - 1)

    def complain(self, paid, day):
        """Refunds in part and in whole, chargebacks lost and won, each of another payment; corrections."""
        acts = {
            3: self.refund_part,
            5: self.refund_all,
            8: self.dispute_lost,
            11: self.dispute_won,
            22: self.dispute_lost,
        }
        if act := acts.get(day % 24):
            act(paid.pop(0))
        if day % 10 == 9:
            self.fake.adjust(-50, category="fee")
        if day == 15:
            self.fake.top_up(5000)
            self.expected["transfer"] -= 50
            self.fake.adjust(-123)
            self.expected["suspense"] += 1.23

    def refund_part(self, tx):
        self.fake.refund(tx.paylink_stripe_intent, 1000)
        self.moved(tx, 1, 10)

    def refund_all(self, tx):
        self.fake.refund(tx.paylink_stripe_intent)
        self.moved(tx, 1)

    def dispute_lost(self, tx):
        self.fake.close_dispute(self.fake.dispute(tx.paylink_stripe_intent)["id"], won=False)
        self.moved(tx, 1)

    def dispute_won(self, tx):
        self.fake.close_dispute(self.fake.dispute(tx.paylink_stripe_intent)["id"], won=True)

    def pay_out(self, fails):
        for code in ("usd", "eur"):
            if self.fake.balance().get(code, 0) <= 0:
                continue
            payout = self.fake.payout(currency=code)
            if fails:
                self.fake.fail_payout(payout["id"])
            else:
                self.fake.pay_payout(payout["id"], trace=f"TR{payout['id'][-8:]}")

    def show_payouts(self):
        """The bank shows those in its own currency; the others are on their way."""
        for payout in self.env["paylink.payout"].search([("status", "=", "paid")]):
            if payout.currency_id == self.currencies[0]:
                self.arrived(payout, f"VIR STRIPE {payout.reference}", date=payout.arrival_date)
                self.expected["bank"] += payout.amount
            else:
                self.expected["transfer"] += payout.amount

    def hear(self):
        """All that Stripe has told since the last time, as the search for missed events finds it."""
        events = self.fake.events()
        new, self.heard = events[self.heard :], len(events)
        if new:
            self.env["paylink.event"].sudo()._receive(self.provider.id, new, is_swept=True)
        self.run_job()
        self.assertLessEqual(set(self.stored().mapped("state")), {"done", "ignored"}, self.stored().mapped("error"))

    def day(self, number):
        return fields.Date.today() - timedelta(days=DAYS - number)

    # === WHAT COMES OF IT === #

    def assert_reconciled_or_listed(self, balance):
        """Each line of the bank and of Stripe is reconciled, or listed with its reason."""
        journals = balance.journal_ids | self.bank_journal
        lines = self.env["account.bank.statement.line"].search([("journal_id", "in", journals.ids)])
        moves = self.moves()
        listed = moves.filtered(lambda move: move.is_open and move.why).line_id
        self.assertFalse(lines.filtered(lambda line: not line.is_reconciled) - listed)
        self.assertEqual(sorted(listed.mapped("amount")), [-1.23, 50], "of no one, and not at the bank")
        self.assertTrue(all(moves.filtered("payout_id").payout_id.mapped("is_composed")))
        for payout in self.env["paylink.payout"].search([("is_composed", "=", True)]):
            self.assertFalse(payout.currency_id.compare_amounts(payout.net, payout.amount))

    def assert_trial_balance(self, balance):
        """Account by account, in the company's currency."""
        self.expected["fees"] = sum(row["fee"] for row in self.fake.realm().all("balance_transaction")) / 100 + 1.5
        self.expected["stripe"] = sum(self.fake.balance().values()) / 100
        accounts = {
            "receivable": self.company_data["default_account_receivable"],
            "revenue": self.company_data["default_account_revenue"],
            "bank": self.bank_journal.default_account_id,
            "stripe": balance.journal_ids.default_account_id,
            "fees": balance.fee_account_id,
            "transfer": self.company.transfer_account_id,
            "suspense": balance.journal_ids.suspense_account_id,
            "exchange": self.company.income_currency_exchange_account_id
            | self.company.expense_currency_exchange_account_id,
            "on its way": balance.outstanding_account_id,
        }
        items = self.env["account.move.line"]._read_group(
            [("company_id", "=", self.company.id), ("parent_state", "=", "posted")], ["account_id"], ["balance:sum"]
        )
        totals = {account: total for account, total in items if round(total, 2)}
        found = {name: round(sum(totals.pop(account, 0.0) for account in of), 2) for name, of in accounts.items()}
        self.assertEqual(totals, {}, "no other account has moved")
        self.assertEqual(found, {name: round(self.expected[name], 2) for name in accounts})
        self.assertFalse(
            self.env["account.move.line"].search(
                [("account_id", "=", balance.outstanding_account_id.id), ("reconciled", "=", False)]
            )
        )
