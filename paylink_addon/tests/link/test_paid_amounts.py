from unittest.mock import patch

from odoo.tests import HttpCase, tagged

from odoo.addons.account.models.account_move import AccountMove

from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestPaidAmounts(PaylinkCommon, HttpCase):
    """What is said to have been paid: for this very thing, and still there. No payment is added to another one."""

    def _page(self, link):
        return self.url_open(f"/pay/{link.access_token}").text.replace("\xa0", " ")

    def _use(self, transaction, invoice):
        """Use what is open of a payment for ``invoice``."""
        invoice.js_assign_outstanding_line(transaction.payment_id._paylink_receivable_lines().id)

    def _take_back(self, transaction):
        dispute = (
            self.env["paylink.dispute"]
            .sudo()
            .create(
                {
                    "name": f"dp_{transaction.id}",
                    "provider_id": transaction.provider_id.id,
                    "transaction_id": transaction.id,
                    "currency_id": transaction.currency_id.id,
                    "amount": transaction.amount,
                    "status": "needs_response",
                }
            )
        )
        dispute._book_withdrawal()
        return dispute

    # === TOLD TO THE OWNER === #

    def test_toast_of_the_owner(self):
        """Plain text in the owner's language, one for all that came at the same time; of who has left, and of nobody's,
        an administrator is told.
        """
        owner = self._user("camille", "paylink_addon.group_paylink_user", lang="fr_FR")
        sent = []

        def note(users, kind, message, **_options):
            sent.extend((user, kind, message) for user in users)

        self.patch(type(owner), "_bus_send", note)
        links = self._free_link(1200, user_id=owner.id) + self._free_link(30, user_id=owner.id)
        transactions = self.env["payment.transaction"].union(*(self._attempt(link) for link in links))
        transactions._set_done()
        transactions._post_process()
        toasts = [(user, message) for user, kind, message in sent if kind == "paylink_addon.news"]
        self.assertEqual([user for user, _message in toasts], [owner])
        text = toasts[0][1]["message"]
        for part in (*links.mapped("name"), "Marie Dubois", "1\u202f200,00", "30,00"):
            self.assertIn(part, text.replace("\xa0", "\u202f"))
        self.assertNotRegex(text, "<|>")
        self.assertEqual(toasts[0][1]["show"]["domain"], [("id", "in", links.ids)])
        self.assertTrue(all(links.mapped("unread")))
        sent.clear()
        owner.active = False
        left, nobodys = self._free_link(10, user_id=owner.id), self._free_link(20, user_id=False)
        transactions = self._attempt(left) + self._attempt(nobodys)
        transactions._set_done()
        transactions._post_process()
        told = [user for user, kind, _message in sent if kind == "paylink_addon.news"]
        self.assertEqual(told, [self.env["res.company"]._paylink_administrator()])
        self.assertTrue(left.unread and nobodys.unread)

    def test_credit_that_was_used_is_not_counted(self):
        """A part of a contract was paid, and used for an invoice of something else."""
        link = self._free_link(1500, partner_id=self.john.id, reference="Contract 7", allow_partial=True)
        tx = self._pay(link, 500)
        self.assertIn("$ 500.00 has already been paid", " ".join(self._page(link).split()).replace("</t>", ""))
        self._use(tx, self._invoice(self.john, amount=800))
        self.assertNotIn("already been paid", self._page(link))
        self._pay(link)
        self.assertEqual(link.state, "paid")
        page = self._page(link)
        self.assertIn("$ 1,000.00", page)
        for text in ("1,500.00", "$ 500.00"):
            self.assertNotIn(text, page)

    def test_earlier_payments_are_told_beside(self):
        link = self._link(self._invoice(self.john, amount=100), allow_partial=True)
        first, second = self._pay(link, 40), self._pay(link)
        page = self._page(link)
        total = page[page.index("pl-total") :][:60]
        self.assertIn("$ 60.00", total)
        self.assertIn("Earlier payments", page)
        self.assertIn("$ 40.00", page)
        text = self.env["ir.actions.report"]._render_qweb_html("paylink_addon.report_receipt", link.ids)[0].decode()
        for part in ("40.00", "60.00", first.reference, second.reference):
            self.assertIn(part, text)
        self.assertLess(text.index("60.00"), text.index("40.00"))

    def test_already_paid(self):
        """Of a part that was paid: what is still there."""

        def unreconcile(tx):
            tx.payment_id.move_id.line_ids.remove_move_reconcile()
            self._use(tx, self._invoice(amount=500))

        def win(tx):
            self._take_back(tx)._book_reinstatement()

        cases = {
            "there": (lambda tx: None, 40),
            "given back": (lambda tx: self._refund(tx, 40), 0),
            "given back in part": (lambda tx: self._refund(tx, 15), 25),
            "taken back": (self._take_back, 0),
            "taken back and won": (win, 40),
            "used for something else": (unreconcile, 0),
        }
        for name, (act, expected) in cases.items():
            with self.subTest(name):
                link = self._link(self._invoice(amount=100), allow_partial=True)
                act(self._pay(link, 40))
                self.assertEqual(link._paid_amount(), expected)
                self.assertEqual(bool(link._page_values()["paid"]), bool(expected))

    def test_what_was_given_back_is_not_partly_paid(self):
        link = self._link(self._invoice(amount=100), allow_partial=True)
        tx = self._pay(link, 40)
        self.assertEqual(link.status, "partly_paid")
        self._refund(tx, 15)
        self.assertEqual(link.status, "partly_paid")
        self._refund(tx, 25)
        self.assertEqual((link.state, link.status, link.amount_paid), ("open", "opened", 40))

    def test_receipts_of_two_payments_each_tell_their_own(self):
        """Also where both are told of at the same time."""
        link = self._link(self._invoice(self.john, amount=100), allow_partial=True)
        transactions = self.env["payment.transaction"].sudo()
        for amount in (40, 60):
            tx = self._attempt(link, amount)
            tx._set_done()
            tx.with_context(paylink_booked_at_once=True)._post_process()
            transactions |= tx
        transactions._paylink_tell()
        subjects = self._customer_mails(link).sorted("id").mapped("subject")
        self.assertEqual([part for part in ("40.00", "60.00") for text in subjects if part in text], ["40.00", "60.00"])

    def test_posting_credit_notes_costs_a_few_queries(self):
        """One where nothing was ever given back; else those of one for all."""

        def cost(count):
            """What Paylink adds to posting so many credit notes: Odoo's own part is left out."""
            invoices = self.env["account.move"].union(*(self._invoice(amount=100) for _number in range(count)))
            notes = invoices._reverse_moves([{}] * count)
            self.env.flush_all()
            self.env.invalidate_all()
            invoices.mapped("state"), notes.mapped("reversed_entry_id.state")
            with patch.object(AccountMove, "_reconcile_reversed_moves", lambda *_args: None):
                before = self.cr.sql_log_count
                invoices._reconcile_reversed_moves(notes, False)
                return self.cr.sql_log_count - before

        self.assertEqual((cost(1), cost(8)), (1, 1))
        tx = self._pay(self._link(self._invoice(amount=100)))
        self._refund(tx, 100)
        cost(1)  # caches are filled
        self.assertEqual(cost(8), cost(1))
