from datetime import date, timedelta

from freezegun import freeze_time
from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..common import ROLES
from .bank_common import BankCommon
from .stripe_account_common import StripeAccountCommon

DAY = date(2026, 3, 31)


@tagged("post_install", "-at_install")
class TestReceipts(BankCommon):
    """What came in, by day and method, for whoever may know."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller, cls.colleague = (cls._user(name, ROLES["seller"]) for name in ("seller", "colleague"))
        cls.accountant = cls._user("accountant", "account.group_account_readonly")
        cls.everyone = cls._user("everyone", ROLES["everyone"])

    def _paid(self, amount, user=None, day=DAY, booked_on=None, **values):
        with freeze_time(f"{day} 21:30:00"):
            move = self._invoice(amount=amount, invoice_date="2026-01-05", **values)
            tx = self._attempt(self._link(move, user_id=(user or self.seller).id))
            tx._set_done()
        with freeze_time(f"{booked_on or day} 21:40:00"):
            tx._post_process()
        return tx

    def _receipts(self, user=None, **context):
        self.env.flush_all()
        receipts = self.env["paylink.receipt"].with_user(user or self.accountant).with_context(**context)
        return receipts.search([("company_id", "=", self.company.id)], order="id")

    def test_what_came_in(self):
        """Payments and refunds of providers, chargebacks, and what was registered by hand: each once, on its day."""
        tx = self._paid(100, booked_on="2026-04-03")
        with freeze_time("2026-04-02 12:00:00"):
            refund = self._refund(tx, 30)
            by_hand = self._by_hand(self._invoice(partner=self.john, amount=50))
        with freeze_time("2026-04-05 12:00:00"):
            self._charged_back(tx)
        rows = {
            (row.date, row.kind, row.amount, row.amount_company, row.partner_id, row.link_id, row.user_id)
            for row in self._receipts()
        }
        link = tx.paylink_id
        self.assertEqual(
            rows,
            {
                (DAY, "payment", 100, 100, self.marie, link, self.seller),
                (date(2026, 4, 2), "refund", -30, -30, self.marie, link, self.seller),
                (date(2026, 4, 2), "payment", 50, 50, self.john, link.browse(), self.john.user_id),
                (date(2026, 4, 5), "taken", -70, -70, self.marie, link, self.seller),
            },
        )
        found = self._receipts()
        self.assertEqual(
            found.payment_id, tx.payment_id | refund.payment_id | by_hand | tx.paylink_dispute_ids.withdrawal_id
        )
        self.assertEqual(found.filtered("provider_id").provider_id, self.provider)

    def _by_hand(self, move):
        wizard = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=move.ids)
        return wizard.create({"journal_id": self.bank_journal.id})._create_payments()

    def _charged_back(self, tx):
        dispute = (
            self.env["paylink.dispute"]
            .sudo()
            .create(
                {
                    "name": f"dp_{tx.id}",
                    "provider_id": tx.provider_id.id,
                    "transaction_id": tx.id,
                    "currency_id": tx.currency_id.id,
                    "amount": 70,
                    "status": "lost",
                }
            )
        )
        dispute._book_withdrawal()

    def test_paid_this_month_by_method(self):
        """In the reader's language, in the company's currency."""
        cad = self.setup_other_currency("CAD", rates=[("2020-01-01", 2.0)])
        self.provider.available_currency_ids = [Command.link(cad.id), Command.link(self.company.currency_id.id)]
        visa = self.env["payment.method"].with_context(active_test=False).search([("code", "=", "visa")], limit=1)
        visa.with_context(lang="fr_FR").name = "Carte Visa"
        self._paid(100).payment_method_id = visa
        self._paid(200, currency_id=cad.id).payment_method_id = visa
        demo = self._paid(40, day=DAY - timedelta(days=1))
        self._paid(7, day=date(2026, 2, 28))
        self.env.flush_all()
        for lang, name in (("en_US", visa.with_context(lang="en_US").name), ("fr_FR", "Carte Visa")):
            receipts = self.env["paylink.receipt"].with_user(self.accountant).with_context(lang=lang)
            domain = [("company_id", "=", self.company.id), ("date", ">=", "2026-03-01"), ("date", "<", "2026-04-01")]
            found = dict(receipts._read_group(domain, ["method"], ["amount_company:sum"]))
            method = demo.payment_method_id.with_context(lang=lang).name
            self.assertEqual(found, {name: 200, method: 40})

    def test_bank_account(self):
        """Each says whether the bank has shown it, and in which line."""
        tx, other = self._paid(100), self._paid(60)
        self.assertEqual(self._receipts().mapped("is_matched"), [False, False])
        line = self._bank_line("Payout", 100, date=DAY + timedelta(days=2))
        liquidity = tx.payment_id._seek_for_lines()[0]
        suspense = line._seek_for_lines()[1]
        suspense.account_id = liquidity.account_id
        (suspense | liquidity).reconcile()
        self.env.invalidate_all()
        found = {row.transaction_id: (row.is_matched, row.bank_line_id) for row in self._receipts()}
        self.assertEqual(found, {tx: (True, line), other: (False, line.browse())})

    def test_rights(self):
        """Sellers see what their links have brought, who sees all payments those of all links, accountants all."""
        own, theirs = self._paid(100), self._paid(60, user=self.colleague)
        by_hand = self._by_hand(self._invoice(amount=50))
        abroad = self._other_company()
        for user, expected in (
            (self.seller, own),
            (self.colleague, theirs),
            (self.everyone, own | theirs),
            (self.accountant, own | theirs),
        ):
            with self.subTest(user.login):
                found = self._receipts(user)
                self.assertEqual(found.link_id.sudo().transaction_ids, expected)
                self.assertEqual(len(found), len(expected) + (user == self.accountant))
                self.assertEqual(found[0].action_open()["res_model"], self._opens(user))
        self.assertFalse(self.env["paylink.receipt"].with_company(abroad).search([("company_id", "=", abroad.id)]))
        self.assertTrue(by_hand)
        with self.assertRaises(AccessError):
            self._receipts(self._user("nobody", "base.group_user"))

    def _opens(self, user):
        return "account.payment" if user == self.accountant else "paylink.link"


@tagged("post_install", "-at_install")
class TestReceiptsOfAccount(StripeAccountCommon):
    """With the account at Stripe kept: what it has cost, and with which payout it has come to the bank."""

    def test_way_to_the_bank(self):
        self.use_as_account()
        tx = self.paid(100)
        self.fake.refund(tx.paylink_stripe_intent, 1000)
        self.deliver_and_handle()
        payout_id = self.fake.payout()["id"]
        self.fake.pay_payout(payout_id, "TRN4711X")
        self.keep_up()
        payout = self.env["paylink.payout"].search([("name", "=", payout_id)])
        self.check("payment", tx, payout, False)
        line = self.arrived(payout, "VIR SEPA STRIPE trn 4711-X RECU")
        self.run_job("ir_cron_paylink_balance")
        rows = self.check("payment", tx, payout, True)
        self.assertEqual(rows.mapped("bank_line_id"), line)
        self.assertAlmostEqual(sum(rows.mapped("net")), payout.amount)

    def test_fees_are_shown_where_they_are_known(self):
        """A total of 0.00 would say that there are none."""
        Receipt = self.env["paylink.receipt"].with_company(self.company)
        for is_kept in (False, True):
            arch = Receipt.get_view(view_type="list")["arch"]
            self.assertEqual([f'name="{name}"' in arch for name in ("fee", "net", "payout_id")], [is_kept] * 3)
            if not is_kept:
                self.use_as_account()

    def check(self, kind, tx, payout, consolidated):
        self.env.flush_all()
        self.env.invalidate_all()
        rows = self.env["paylink.receipt"].search([("link_id", "=", tx.paylink_id.id)])
        paid = rows.filtered(lambda row: row.kind == kind)
        self.assertEqual((paid.amount, paid.net), (100, 100 - paid.fee))
        self.assertGreater(paid.fee, 0)
        self.assertEqual(rows.mapped("payout_id"), payout)
        self.assertEqual(rows.mapped("is_matched"), [True, True])
        self.assertEqual(rows.mapped("is_consolidated"), [consolidated] * 2)
        return rows
