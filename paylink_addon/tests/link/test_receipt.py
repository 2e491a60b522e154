import re

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..common import ROLES
from .pay_common import PayCommon


@tagged("post_install", "-at_install")
class TestReceipt(PayCommon):
    """What was paid, said to the customer and in Odoo: each payment by itself, what has gone back, what is left."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller, cls.colleague = (cls._user(name, ROLES["seller"]) for name in ("seller", "colleague"))
        cls.accountant = cls._user("accountant", "account.group_account_invoice")
        cls.company.vat = "FR23334175221"

    def _print(self, report, record, user=None):
        Report = self.env["ir.actions.report"].with_user(user or self.seller)
        return Report._render_qweb_html(f"paylink_addon.{report}", record.ids)[0].decode()

    def _two_payments(self):
        """A link of two invoices, paid one after the other, for two days of the company."""
        self.company.paylink_tz = "Europe/Paris"
        moves = self._invoice(amount=100) + self._invoice(amount=50, invoice_date="2026-03-01")
        link = self._link(moves, user_id=self.seller.id, allow_partial=True)
        with freeze_time("2026-03-31 22:30:00"):
            first = self._pay(link, 50)
        with freeze_time("2026-04-03 12:00:00"):
            second = self._pay(link, 100)
        return link, first, second

    def _taken_back(self, transaction, amount, status="lost"):
        """What the customer's bank takes back of a payment, in the books."""
        dispute = (
            self.env["paylink.dispute"]
            .sudo()
            .create(
                {
                    "name": f"dp_{transaction.id}",
                    "provider_id": transaction.provider_id.id,
                    "transaction_id": transaction.id,
                    "currency_id": transaction.currency_id.id,
                    "amount": amount,
                    "status": status,
                    "withdrawn_at": "2026-04-06 12:00:00",
                }
            )
        )
        dispute._book_withdrawal()
        self.env.invalidate_all()
        return dispute

    def test_each_payment_has_its_own(self):
        link, first, second = self._two_payments()
        for tx, day, amount, other in (
            (first, "01/04/2026", "50,00", "03/04/2026"),
            (second, "03/04/2026", "100,00", "01/04"),
        ):
            with self.subTest(day):
                values = link.sudo().with_context(lang="fr_FR")._receipt_values(tx)
                self.assertEqual((values["number"], len(values["rows"])), (tx.reference, 1))
                pages = [
                    self._print("receipt_transaction", tx),
                    self._print("receipt_payment", tx.payment_id, self.accountant),
                    self._get(link, f"/receipt/{tx.id}/page").text,
                    self._get(link, f"/receipt/{tx.id}").text,
                ]
                for page in pages:
                    self.assertIn(day, page)
                    self.assertIn(amount, page)
                    self.assertIn(tx.reference, page)
                    self.assertIn("FR23334175221", page)
                    self.assertNotIn(other, page)
        whole = self._get(link, "/receipt/page")
        self.assertIn(f"/receipt/{first.id}/page", whole.text)
        self._assert_nothing_leaks(whole)

    def test_what_has_gone_back_is_said(self):
        link, first, second = self._two_payments()
        with freeze_time("2026-04-05 12:00:00"):
            self._refund(second, 30)
        dispute = self._taken_back(first, 50, status="needs_response")
        values = link.sudo().with_context(lang="en_US")._receipt_values()
        found = [(change["date"], change["value"]) for change in values["changes"]]
        self.assertEqual(found, [("04/05/2026", -30), ("04/06/2026", -50)])
        self.assertIn("70", values["kept"])
        self.assertFalse(values["excess"])
        dispute.write({"status": "won", "reinstated_at": "2026-04-20 12:00:00"})
        dispute._book_reinstatement()
        self.env.invalidate_all()
        values = link.sudo()._receipt_values()
        self.assertEqual([change["value"] for change in values["changes"]], [-30, -50, 50])
        self.assertFalse(values["excess"], "what the bank has given back pays what was paid before")
        own = link.sudo()._receipt_values(second)
        self.assertEqual([change["value"] for change in own["changes"]], [-30])

    def test_of_a_captured_part_its_share_is_said(self):
        """What is refunded, and what a bank takes back, is noted on the authorization: once, over all receipts."""
        link = self._free_link(100, user_id=self.seller.id)
        whole = self._authorized(link)
        parts = [whole._create_child_transaction(amount) for amount in (60, 40)]
        for part in parts:
            part._set_done()
            part._post_process()
        self._taken_back(whole, 50)
        refund = whole._create_child_transaction(10, is_refund=True)
        refund.state = "done"
        refund.paylink_moved_at = "2026-04-07 12:00:00"
        self.env.invalidate_all()
        both = link.sudo()._receipt_values()
        self.assertEqual([change["value"] for change in both["changes"]], [-50, -10])
        for part, expected in zip(parts, ([-30, -6], [-20, -4]), strict=True):
            own = link.sudo()._receipt_values(part)
            self.assertEqual([change["value"] for change in own["changes"]], expected)
            self.assertEqual(part._paylink_standing_amount(), part.amount + expected[0])
        self.assertEqual(link.amount_taken_back, 50)

    def test_what_a_bank_gave_back_is_paid_once(self):
        """Of an authorization that was captured in parts it was taken from the first: the other has paid its own."""
        link = self._link(self._invoice(amount=100), user_id=self.seller.id)
        whole = self._authorized(link)
        parts = [whole._create_child_transaction(amount) for amount in (60, 40)]
        for part in parts:
            part._set_done()
            part._post_process()
        dispute = self._taken_back(whole, 100, status="won")
        dispute.reinstated_at = "2026-04-08 12:00:00"
        dispute._book_reinstatement()
        self.env.invalidate_all()
        own = link.sudo()
        self.assertEqual(sum(own._paid_shares().values()), 100)
        self.assertEqual([sum(own._paid_shares(part).values()) for part in parts], [60, 40])

    def test_amounts_add_up_after_a_discounted_payment_was_taken_back(self):
        """All of it, or a part: what is paid is what was kept, and what is left is what the link asks for."""
        term = self.env["account.payment.term"].create(
            {"name": "2 % 10", "early_discount": True, "discount_percentage": 2, "discount_days": 10}
        )
        for amounts, taken, expected in (
            ((100,), 98, [[98, 0, 98]]),
            ((100,), 50, [[98, 48, 50]]),
            ((100, 50), 147, [[98, 0, 98], [49, 0, 49]]),
            ((100, 50), 60, [[98, 38, 60], [49, 49, 0]]),
            ((100, 50), 120, [[98, 0, 98], [49, 27, 20]]),  # the discount of the first one, still booked, settles 2
        ):
            with self.subTest(amounts=amounts, taken=taken):
                moves = self.env["account.move"].union(
                    *(self._invoice(amount=amount, invoice_payment_term_id=term.id) for amount in amounts)
                )
                link = self._link(moves).sudo().with_context(lang="en_US")
                paid = self._pay(link)
                self.assertEqual(paid.amount, 0.98 * sum(amounts))
                self._taken_back(paid, taken)
                values = link._receipt_values()
                rows = [[self._number(row[name]) for name in ("amount", "paid", "left")] for row in values["rows"]]
                self.assertEqual(rows, expected)
                self.assertEqual(self._number(values["kept"]), sum(row[1] for row in rows))
                self.assertEqual(link._due_amounts()[link.id], sum(row[2] for row in rows))
                self.assertFalse(values["excess"])

    @staticmethod
    def _number(text):
        return float(re.sub(r"[^\d.]", "", text))

    def test_no_receipt_of_what_is_unpaid(self):
        link, other = self._link(self._invoice(), user_id=self.seller.id), self._free_link(user_id=self.colleague.id)
        paid = self._pay(other)
        attempt = self._attempt(link)
        unpaid = ((link, "receipt"), (attempt, "receipt_transaction"))
        for record, report in unpaid:
            with self.subTest(report), self.assertRaisesRegex(UserError, "no receipt"):
                self._print(report, record)
        by_hand = self.env["account.payment"].create(
            {"amount": 5, "partner_id": self.marie.id, "payment_type": "inbound"}
        )
        with self.assertRaisesRegex(UserError, "no receipt"):
            self._print("receipt_payment", by_hand, self.accountant)
        for record, report in ((other, "receipt"), (paid, "receipt_transaction"), (paid.payment_id, "receipt_payment")):
            with self.subTest(report), self.assertRaises(AccessError):
                self._print(report, record)
        strangers = (
            self.env["payment.transaction"]
            .sudo()
            .create({**attempt.copy_data({"paylink_id": False, "reference": "Strange"})[0]})
        )
        with self.assertRaises(AccessError):
            self._print("receipt_transaction", strangers)
        for path in ("", "/page", f"/{paid.id}", f"/{paid.id}/page", f"/{attempt.id}"):
            with self.subTest(path):
                self.assertEqual(self._get(link, f"/receipt{path}").status_code, 404)
