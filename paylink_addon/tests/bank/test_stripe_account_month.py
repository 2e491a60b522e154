import os
from collections import defaultdict
from datetime import datetime, timedelta, timezone

from odoo import Command
from odoo.tests import tagged

from ..fake_stripe import methods, payments
from ..random_runs import analyze
from .stripe_account_common import StripeAccountCommon

# 2,000 for a long run.
LINKS = int(os.environ.get("PAYLINK_MONTH_LINKS") or 30)
DAYS, TURNS = 30, 100
OUTAGE = range(20, 25)
MONTHS_END = 22
DAY = 86400
RATE = 1.25  # Stripe's, for pounds; in Odoo all rates are 1
VAT = 15


def _as_it_is(link):
    return {"payment_ref": f"VIR SEPA {link.transfer_reference}"}


def _cut(link):
    words = link.transfer_reference.lower()
    return {"payment_ref": f"VIR SEPA /REF/ {words[:6]} {words[6:9]}\n{words[9:]} MERCI"}


def _without_a_letter(link):
    return {"payment_ref": f"VIREMENT {link.transfer_reference[1:]}"}


def _by_invoice(link):
    return {"payment_ref": f"REGLT FACT {link.line_ids.move_id.name}", "partner_name": link.partner_id.name}


def _of_nobody(link):
    return {"payment_ref": "VIREMENT RECU"}


# What banks write; the last one is for a person.
LABELS = (_cut, _without_a_letter, _by_invoice, _of_nobody, _as_it_is)


@tagged("post_install", "-at_install")
class TestStripeAccountMonth(StripeAccountCommon):
    """A month of business in three currencies, day by day, with five days on which nothing was heard of Stripe: over
    the end of a month.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.tax_exigibility = True
        cls.waiting = cls.company_data["default_account_tax_sale"].copy({"reconcile": True})
        cls.vat = cls.company_data["default_tax_sale"].copy(
            {
                "name": "VAT on payments",
                "amount": VAT,
                "price_include_override": "tax_included",
                "tax_exigibility": "on_payment",
                "cash_basis_transition_account_id": cls.waiting.id,
            }
        )

    def setUp(self):
        super().setUp()
        self.env["res.currency.rate"].sudo().search([]).unlink()
        self.currencies = [self.company.currency_id, self.env.ref("base.EUR"), self.env.ref("base.GBP")]
        for currency in self.currencies:
            currency.active = True
        self.fake.account.rates = {"gbp": str(RATE)}
        self.heard = self.transfers = 0
        self.expected = defaultdict(float)
        self.taxed = defaultdict(float)
        today = self.company._paylink_today()
        months_end = today.replace(day=1) - timedelta(days=1)
        if today.day < DAYS - MONTHS_END + 2:  # all of it is over
            months_end = months_end.replace(day=1) - timedelta(days=1)
        self.shift = (months_end - today).days - MONTHS_END

    def test_month_closes_to_the_cent(self):
        balance = self.use_as_account(since=self.company._paylink_today() + timedelta(days=self.shift - 5))
        paid = []
        for day in range(DAYS):
            if day % 5 == 1:
                analyze(self.env)
            self.fake.world.clock.offset = (day + self.shift) * DAY
            links = [self.new_link(number) for number in range(LINKS) if number * DAYS // LINKS == day]
            paid += self.trade(links)
            self.complain(paid, day)
            if day % 7 == 6:
                self.pay_out(fails=day == 13)
            if day not in OUTAGE:
                self.hear()
            if day % 5 == 4:  # once in the outage: what moves is read before its payments are heard of
                self.read_balance()
                balance.sudo().read_until = datetime.fromtimestamp(self.fake.world.clock.now(), timezone.utc).replace(
                    tzinfo=None
                )
        self.fake.world.clock.offset = 0
        self.hear()
        self.read_balance()
        self.show_payouts()
        self.read_balance()
        self.assert_even(balance)
        for check in (self.assert_reconciled_or_listed, self.assert_trial_balance, self.assert_vat):
            with self.subTest(check.__name__):
                check(balance)

    # === WHAT HAPPENS === #

    @property
    def today(self):
        """The day, for the company, where Stripe's clock stands."""
        return self.day_of(self.fake.world.clock.now())

    def day_of(self, stamp):
        return self.company._paylink_day(datetime.fromtimestamp(stamp, timezone.utc).replace(tzinfo=None))

    def expect(self, name, amount, day=None):
        """Something is booked on an account, on the day on which it happens."""
        self.expected[name, day or self.today] += amount

    def new_link(self, number):
        total, tax = 100.0 + number, self.tax_in(100.0 + number)
        line = {"name": "Work", "price_unit": total, "tax_ids": [Command.set(self.vat.ids)]}
        invoice = self._invoice(
            currency_id=self.currencies[number % 3].id,
            invoice_date=self.today,
            invoice_line_ids=[Command.create(line)],
        )
        self.assertEqual(invoice.amount_total, total)
        self.expect("receivable", total)
        self.expect("revenue", tax - total)
        self.expect("vat waiting", -tax)
        return self._link(invoice)

    @staticmethod
    def tax_in(total):
        return round(total * VAT / (100 + VAT), 2)

    def tax(self, total):
        """What is paid of an invoice (or taken back) is taxed on its day."""
        amount = self.tax_in(abs(total)) * (1 if total > 0 else -1)
        self.expect("vat waiting", amount)
        self.expect("vat", -amount)
        self.taxed[self.today] += total - amount

    def trade(self, links):
        """Some links are paid by transfer, with labels as banks write them; the transactions of the others."""
        transfers = [link for link in links if link.currency_id == self.currencies[0] and link.line_ids.move_id.id % 2]
        for link in transfers:
            write = LABELS[self.transfers % len(LABELS)]
            self.transfers += 1
            line = self._bank_line("", link.amount_due, date=self.today, **write(link))
            self.expect("bank", line.amount)
            if write is _of_nobody:
                self.expect("bank suspense", -line.amount)
            else:
                self.assertTrue(line.is_reconciled, line.payment_ref)
                self.expect("receivable", -line.amount)
                self.tax(line.amount)
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
        self.tax(tx.amount)
        return tx

    def moved(self, tx, sign, amount=None):
        """The customer owes less (or more) by an amount; Stripe converts pounds at its own rate."""
        amount = tx.amount if amount is None else amount
        self.expect("receivable", sign * amount)
        if tx.currency_id == self.currencies[2]:
            self.expect("exchange", sign * amount * (RATE - 1))

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
            self.fake.adjust(-123)

    def refund_part(self, tx):
        """The tax stays declared: a credit note is what takes it back."""
        self.fake.refund(tx.paylink_stripe_intent, 1000)
        self.moved(tx, 1, 10)

    def refund_all(self, tx):
        self.fake.refund(tx.paylink_stripe_intent)
        self.moved(tx, 1)

    def dispute_lost(self, tx):
        """The invoice is due again: its tax is declared no longer."""
        self.fake.close_dispute(self.fake.dispute(tx.paylink_stripe_intent)["id"], won=False)
        self.moved(tx, 1)
        self.tax(-tx.amount)

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
                self.expect("bank", payout.amount, payout.arrival_date)
                self.expect("transfer", -payout.amount, payout.arrival_date)

    def hear(self):
        """All that Stripe has told since the last time, as the search for missed events finds it."""
        events = self.fake.events()
        new, self.heard = events[self.heard :], len(events)
        if new:
            self.env["paylink.event"].sudo()._receive(self.provider.id, new, is_swept=True)
        self.run_job()
        self.assertLessEqual(set(self.stored().mapped("state")), {"done", "ignored"}, self.stored().mapped("error"))

    def run_job(self, name="ir_cron_paylink_handle_events"):
        """Until the scheduler would not call it again at once: it stops when its time is up, however much there is."""
        runs = [("cron_id", "=", self.env.ref(f"paylink_addon.{name}").id)]
        for _turn in range(TURNS):
            super().run_job(name)
            if not self.env["ir.cron.progress"].search(runs, order="id desc", limit=1).remaining:
                return
        self.fail(f"{name} comes to no end")

    # === WHAT COMES OF IT === #

    def assert_reconciled_or_listed(self, balance):
        """Each line of the bank and of Stripe is reconciled, or listed with its reason."""
        journals = balance.journal_ids | self.bank_journal
        lines = self.env["account.bank.statement.line"].search([("journal_id", "in", journals.ids)])
        moves = self.moves()
        listed = moves.filtered(lambda move: move.is_open and move.why).line_id
        self.assertEqual(sorted(listed.mapped("amount")), [-1.23, 50], "of no one, and not at the bank")
        unknown = lines.paylink_match_ids.filtered(lambda match: match.state == "unknown" and match.why).line_id
        self.assertEqual(set(unknown.mapped("payment_ref")), {"VIREMENT RECU"})
        self.assertFalse(lines.filtered(lambda line: not line.is_reconciled) - listed - unknown)
        self.assertTrue(all(moves.filtered("payout_id").payout_id.mapped("is_composed")))
        for payout in self.env["paylink.payout"].search([("is_composed", "=", True)]):
            self.assertFalse(payout.currency_id.compare_amounts(payout.net, payout.amount))

        statuses = set(self.env["paylink.payout"].search([]).mapped("status"))
        self.assertEqual(statuses, {"paid", "failed"})

    def assert_trial_balance(self, balance):
        """Account by account and day by day, in the company's currency: what has moved at Stripe is told by Stripe."""
        for row in self.fake.realm().all("balance_transaction"):
            self.expect_row(row, row["reporting_category"], self.day_of(row["created"]))
        accounts = {
            "receivable": self.company_data["default_account_receivable"],
            "revenue": self.company_data["default_account_revenue"],
            "vat waiting": self.waiting,
            "vat": self.company_data["default_account_tax_sale"],
            "bank": self.bank_journal.default_account_id,
            "bank suspense": self.bank_journal.suspense_account_id,
            "stripe": balance.journal_ids.default_account_id,
            "fees": balance.fee_account_id,
            "transfer": self.company.transfer_account_id,
            "exchange": self.company.income_currency_exchange_account_id
            | self.company.expense_currency_exchange_account_id,
            "on its way": balance.outstanding_account_id,
        }
        names = {account: name for name, of in accounts.items() for account in of}
        found = defaultdict(float)
        posted = [("company_id", "=", self.company.id), ("parent_state", "=", "posted")]
        for account, day, total in self.env["account.move.line"]._read_group(
            posted, ["account_id", "date:day"], ["balance:sum"]
        ):
            found[names.get(account, account.display_name), day] += total
        self.assert_same(self.by_month(found), self.by_month(self.expected))
        self.assertFalse(
            self.env["account.move.line"].search(
                [("account_id", "=", balance.outstanding_account_id.id), ("reconciled", "=", False)]
            )
        )

    @staticmethod
    def by_month(sums):
        """Where differences of exchange are: Odoo books those of a past month on its last day, of this one today."""
        found = defaultdict(float)
        for (name, day), amount in sums.items():
            found[name, day.replace(day=1) if name in ("exchange", "on its way") else day] += amount
        return found

    def expect_row(self, row, category, day):
        """What a row of Stripe's is in the books."""
        amount, fee, net = (row[name] / 100 for name in ("amount", "fee", "net"))
        self.expect("stripe", net, day)
        self.expect("fees", fee, day)
        if category in ("payout", "payout_reversal", "topup"):
            self.expect("transfer", -amount, day)
        elif category in ("fee", "other_adjustment"):
            self.expect("fees" if category == "fee" else "bank suspense", -amount, day)

    def assert_vat(self, _balance):
        """The base of what is declared, day by day; its tax is in the trial balance."""
        found = defaultdict(float)
        declared = [("tax_ids", "in", self.vat.ids), ("move_id.tax_cash_basis_origin_move_id", "!=", False)]
        for item in self.env["account.move.line"].search(declared):
            found[item.date] -= item.balance
        self.assert_same(found, self.taxed)

    def assert_same(self, found, expected):
        """Sums that come to nothing say nothing."""
        found, expected = (
            {key: round(amount, 2) for key, amount in sums.items() if round(amount, 2)} for sums in (found, expected)
        )
        different = {
            key: (found.get(key, 0), expected.get(key, 0))
            for key in found.keys() | expected.keys()
            if found.get(key) != expected.get(key)
        }
        self.assertFalse(different, "found, expected")
