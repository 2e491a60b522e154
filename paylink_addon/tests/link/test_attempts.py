from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ...models.link.paylink_link_books import _logger as books_logger
from ..common import PaylinkCommon

TRANSACTIONS = "odoo.addons.payment.models.payment_transaction"


@tagged("post_install", "-at_install")
class TestAttempts(PaylinkCommon):
    """What may be paid, when, and what happens to money that comes late or twice."""

    def test_amount_is_checked(self):
        """The client chooses nothing, unless a part is allowed, and then never more than is due."""
        cases = [
            (False, 100.0, True),
            (False, 99.99, False),
            (False, 100.01, False),
            (False, 0, False),
            (False, -100, False),
            (False, None, False),
            (False, "abc", False),
            (False, float("nan"), False),
            (False, float("inf"), False),
            (True, 100.0, True),
            (True, 0.01, True),
            (True, 100.01, False),
            (True, 0.001, False),
            (True, -1, False),
        ]
        for partial, amount, allowed in cases:
            with self.subTest(partial=partial, amount=amount):
                link = self._link(self._invoice(amount=100), allow_partial=partial)
                if allowed:
                    self.assertEqual(link._checked_amount(amount), amount)
                else:
                    with self.assertRaises(UserError):
                        link._checked_amount(amount)

    def test_second_attempt_replaces_the_first(self):
        link = self._link(self._invoice())
        first = self._attempt(link)
        second = self._attempt(link)
        self.assertEqual((first.state, second.state), ("cancel", "draft"))

    def test_pending_payment_blocks_a_second(self):
        invoice = self._invoice()
        link, other = self._link(invoice), self._link(invoice)
        self._attempt(link)._set_pending()
        for candidate in (link, other):
            with self.assertRaisesRegex(UserError, "(?i)in progress|can no longer be paid"):
                self._attempt(candidate, 100)

    def test_money_that_comes_twice_is_a_credit(self):
        """Two links, both paid before we could close one: one settles, the other is a credit and somebody's task."""
        invoice = self._invoice(amount=100)
        link, other = self._link(invoice), self._link(invoice)
        first, second = self._attempt(link), self._force_attempt(other, 100)
        for transaction in (first, second):
            transaction._set_done()
            transaction._post_process()
        self.assertEqual(invoice.payment_state, "paid")
        self.assertEqual(second.payment_id._paylink_open_credit(), 100)
        self.assertEqual(first.payment_id._paylink_open_credit(), 0)
        self.assertIn("overpaid", other.activity_ids.summary)
        self.assertFalse(link.activity_ids)

    def test_rival_draft_is_closed_and_late_money_is_kept(self):
        invoice = self._invoice(amount=100)
        link, other = self._link(invoice), self._link(invoice)
        rival = self._force_attempt(other, 100)
        self._pay(link)
        self.assertEqual((rival.state, other.state), ("cancel", "paid"))
        rival._set_done()
        rival._post_process()
        self.assertEqual(rival.state, "done")
        self.assertEqual(rival.payment_id._paylink_open_credit(), 100)

    def test_manual_payment_in_between(self):
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        transaction = self._attempt(link)
        self.env["account.payment.register"].with_context(active_model="account.move", active_ids=invoice.ids).create(
            {"amount": 70}
        )._create_payments()
        transaction._set_done()
        transaction._post_process()
        self.assertEqual(invoice.payment_state, "paid")
        self.assertEqual(transaction.payment_id._paylink_open_credit(), 70)
        self.assertTrue(link.activity_ids)

    def test_pending_then_done(self):
        link = self._link(self._invoice())
        transaction = self._attempt(link)
        transaction._set_pending()
        transaction._post_process()
        self.assertEqual((link.state, bool(transaction.payment_id)), ("pending", False))
        transaction._set_done()
        transaction._post_process()
        self.assertEqual((link.state, link.line_ids.move_id.payment_state), ("paid", "paid"))

    def test_cancel_then_done(self):
        """The provider confirms what was cancelled before: the money is booked."""
        link = self._link(self._invoice())
        transaction = self._attempt(link)
        transaction._set_canceled()
        transaction._post_process()
        transaction._set_done()
        transaction._post_process()
        self.assertEqual((link.state, link.line_ids.move_id.payment_state), ("paid", "paid"))

    def test_done_after_a_cancelled_payment(self):
        """A payment cancelled while its transaction was pending does not swallow the money (odoo/odoo#253876)."""
        link = self._link(self._invoice())
        transaction = self._pay(link)
        old = transaction.payment_id
        old.action_draft()
        old.action_cancel()
        transaction._post_process()
        self.assertNotEqual(transaction.payment_id, old)
        self.assertEqual(link.line_ids.move_id.payment_state, "paid")

    def test_late_pending_of_a_failed_attempt_is_refused(self):
        transaction = self._attempt(self._link(self._invoice()))
        transaction._set_error("No")
        with mute_logger(TRANSACTIONS):
            transaction._set_pending()
        self.assertEqual(transaction.state, "error")

    def test_attempts_are_limited(self):
        self.env["ir.config_parameter"].set_param("paylink_addon.max_attempts_per_hour", "3")
        link = self._link(self._invoice())
        for _ in range(3):
            self._attempt(link)._set_error("No")
        with self.assertRaisesRegex(UserError, "Too many attempts"):
            self._attempt(link)
        with freeze_time(fields.Datetime.now() + timedelta(hours=2)):
            self.assertTrue(self._attempt(link))

    # === WHAT REVIEWERS BROKE === #

    def test_native_attempt_is_left_to_the_portal(self):
        """A payment begun in Odoo's own portal is not closed by us: its money would not be booked."""
        invoice = self._invoice()
        link = self._link(invoice)
        native = self._create_transaction("redirect", invoice_ids=[(6, 0, invoice.ids)], amount=100, reference="native")
        self._pay(link)
        self.assertEqual(native.state, "draft")
        native._set_done()
        native._post_process()
        self.assertTrue(native.payment_id)

    def test_saved_method_in_progress_blocks_a_second_charge(self):
        link = self._link(self._invoice())
        first = self._attempt(link, operation="online_token")
        first._set_pending()
        with self.assertRaises(UserError):
            self._attempt(link, 100)
        self.assertEqual(first.state, "pending")

    def test_wire_transfer_does_not_block(self):
        """A customer who announced a transfer may still pay by card."""
        link = self._link(self._invoice())
        transaction = self._attempt(link)
        self.env.cr.execute("UPDATE payment_provider SET code = 'custom' WHERE id = %s", [self.provider.id])
        self.provider.invalidate_recordset(["code"])
        transaction._set_pending()
        self.assertEqual((link.state, link._payable_amount()), ("open", 100))

    # === MONEY ON ITS WAY === #

    def _coming(self, moves):
        """What is on its way for these documents: ``{(transaction, document): (amount, confirmed, booked)}``."""
        Transaction, items = self.env["payment.transaction"], self._items(moves)
        query = SQL(
            "SELECT transaction_id, move_id, amount, is_confirmed, is_booked FROM (%s) coming",
            Transaction._paylink_coming_sql(items=items),
        )
        rows = self.env.execute_query(query)
        [(may_come,)] = self.env.execute_query(SQL("SELECT %s", Transaction._paylink_any_moving_sql(items=items)))
        self.assertLessEqual(bool(rows), may_come, "the page asks for that first")
        found = {tuple(row[:2]): tuple(row[2:]) for row in rows}
        self.assertEqual(len(found), len(rows), "each thing once")
        return found

    def test_what_is_on_its_way(self):
        states = {
            "draft": (lambda tx: None, []),
            "pending": (lambda tx: tx._set_pending(), [(100, False, False)]),
            "authorized": (lambda tx: tx._set_authorized(), [(100, False, False)]),
            "done": (lambda tx: tx._set_done(), [(100, True, False)]),
            "failed": (lambda tx: tx._set_error("Refused"), []),
            "cancelled": (lambda tx: tx._set_canceled(), []),
        }
        for name, (change, expected) in states.items():
            for place in ("link", "portal"):
                with self.subTest(name, place=place):
                    invoice = self._invoice()
                    tx = self._force_attempt(self._link(invoice), 100)
                    if place == "portal":
                        tx.paylink_id = False
                    change(tx)
                    self.assertEqual(list(self._coming(invoice).values()), expected)
                    self.assertEqual(bool(self._items(invoice)._paylink_in_flight()), bool(expected))

    def test_what_is_booked_or_no_payment_is_not_on_its_way(self):
        link = self._link(self._invoice(amount=100), allow_partial=True)
        transaction = self._pay(link, 40)
        transaction._create_child_transaction(10, is_refund=True)._set_pending()
        self._force_attempt(link, 0).write({"operation": "validation", "state": "done"})
        self.assertFalse(self._coming(link.line_ids.move_id))

    def test_rest_of_what_was_booked_by_hand_is_asked_for(self):
        """A part was confirmed, somebody has posted its payment, and what else follows from it has not been done."""
        invoice = self._invoice(amount=100)
        transaction = self._pay(self._link(invoice, allow_partial=True), 40)
        transaction.is_post_processed = False
        self.assertEqual(list(self._coming(invoice).values()), [(40, True, True)])
        self.assertFalse(self._items(invoice)._paylink_in_flight())
        wizard = self._wizard(invoice)
        self.assertEqual((wizard.problem, wizard.amount_due), (False, 60))

    def test_payment_that_is_registered_and_not_posted_is_on_its_way(self):
        """Whether its debit still runs, or was confirmed and booking has failed: the residual does not know of it.

        Once it is posted, the residual does; as long as its debit runs, nobody is to be charged all the same.
        """
        for state in ("pending", "done"):
            with self.subTest(state):
                invoice = self._invoice(amount=100)
                link = self._link(invoice, allow_partial=True)
                transaction = self._pay(self._link(invoice, allow_partial=True), 40)
                entry = transaction.payment_id.move_id
                transaction.write({"is_post_processed": False, "state": state})
                entry.line_ids.remove_move_reconcile()
                entry.button_draft()
                self.env.cr.execute(
                    "UPDATE account_payment SET state = 'in_process' WHERE id = %s", [transaction.payment_id.id]
                )
                self.env.invalidate_all()
                self.assertEqual(invoice.amount_residual, 100)
                self.assertEqual(list(self._coming(invoice).values()), [(40, state == "done", False)])
                self.assertEqual((bool(self._items(invoice)._paylink_in_flight()), link._payable_amount()), (True, 60))
                entry.action_post()
                (entry.line_ids | invoice.line_ids).filtered(
                    lambda line: line.account_id.account_type == "asset_receivable"
                ).reconcile()
                in_flight = self._items(invoice)._paylink_in_flight()
                self.assertEqual((bool(in_flight), link._payable_amount()), (state == "pending", 60))

    def test_what_is_captured_in_parts_counts_once(self):
        """Authorized, a part confirmed, a part being captured, a part voided; then booked part by part."""
        invoice, other = self._invoice(amount=100), self._invoice(amount=200)
        transaction = self._authorized(self._link(invoice))
        both = self._link(invoice + other)
        self.assertEqual(both._payable_amount(), 200)
        part = transaction._create_child_transaction(60)
        part._set_done()
        self.assertEqual({row[0] for row in self._coming(invoice).values()}, {40, 60})
        self.assertEqual(both._payable_amount(), 200)
        transaction._create_child_transaction(30)._set_pending()
        self.assertEqual(both._payable_amount(), 200)
        part._post_process()
        self.assertEqual((invoice.amount_residual, both._payable_amount()), (40, 200))
        transaction._create_child_transaction(10)._set_canceled()
        self.assertEqual(both._payable_amount(), 210)

    def test_parts_of_what_is_authorized_in_the_portal(self):
        invoice = self._invoice(amount=100)
        transaction = self._authorized(self._link(invoice))
        transaction.paylink_id = False
        part = transaction._create_child_transaction(100)
        part._set_done()
        self.assertEqual(transaction.state, "done")
        self.assertEqual(self._coming(invoice), {(part.id, invoice.id): (100, True, False)})
        self.assertEqual(self._link(invoice)._payable_amount(), 0)

    # === WHAT IS CANCELLED OR CHANGED LATER === #

    def test_payment_cancelled_later_frees_the_invoice(self):
        invoice = self._invoice()
        transaction = self._pay(self._link(invoice))
        transaction.payment_id.action_draft()
        transaction.payment_id.action_cancel()
        again = self._link(invoice)
        self.assertEqual((again.amount_due, again._payable_amount()), (100, 100))

    def test_invoice_being_changed_is_not_settled(self):
        """Reset to draft, the invoice is neither paid nor thanked for; posted again, it is due again."""
        invoice = self._invoice()
        link = self._link(invoice)
        invoice.button_draft()
        self.assertEqual((link.state, link._page_view(), link._closed_reason()), ("open", "closed", "changing"))
        invoice.action_post()
        self.assertEqual((link.state, link._page_view()), ("open", "pay"))
        invoice.button_draft()
        invoice.with_context(force_delete=True).unlink()
        self.env.invalidate_all()
        self.assertEqual(link._closed_reason(), "changing")

    def test_draft_invoice_is_not_posted_by_its_payment(self):
        invoice = self._invoice()
        link = self._link(invoice)
        transaction = self._attempt(link)
        invoice.button_draft()
        transaction._set_done()
        transaction._post_process()
        self.assertEqual(invoice.state, "draft")
        self.assertEqual(transaction.payment_id._paylink_open_credit(), 100)
        self.assertTrue(link.activity_ids)

    def test_missing_template_does_not_stop_the_books(self):
        self.env.ref("paylink_addon.mail_template_receipt").unlink()
        link = self._link(self._invoice())
        with mute_logger(books_logger.name):
            transaction = self._pay(link)
        self.assertEqual(link.line_ids.move_id.payment_state, "paid")
        self.assertTrue(transaction.payment_id)

    def test_refund_in_progress_is_not_closed(self):
        link = self._link(self._invoice(amount=100), allow_partial=True)
        refund = self._pay(link, 40)._create_child_transaction(10, is_refund=True)
        self._attempt(link)
        self.assertEqual(refund.state, "draft")

    def test_refund_is_not_asked_back(self):
        transaction = self._pay(self._link(self._invoice()))
        refund = transaction._create_child_transaction(100, is_refund=True)
        refund._set_done()
        refund._post_process()
        self.assertFalse(self.marie._paylink_open_items(self.company))

    def test_expired_link_is_not_sent(self):
        link = self._link(self._invoice())
        link.expires_at = fields.Datetime.now() - timedelta(minutes=1)
        with self.assertRaisesRegex(UserError, "expired"):
            link.action_send()
        self.assertFalse(self._customer_mails(link))
