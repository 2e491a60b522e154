from odoo import Command
from odoo.tests import tagged

from .sums_common import FAR, SumsCommon


@tagged("post_install", "-at_install")
class TestRefundsAndCreditNotes(SumsCommon):
    """Money given back and its credit note belong together, whichever comes first."""

    def _paid(self, amount=1632.0):
        """An invoice that is paid by its link; the payment."""
        return self._pay(self._link(self._due_invoice(10, amount=amount)))

    def test_refund_and_credit_note_in_any_order(self):
        orders = {
            "refunds first": [("refund", 332), ("refund", 1300), ("note", 1632)],
            "credit note first": [("note", 1632), ("refund", 332), ("refund", 1300)],
            "in turn": [("refund", 332), ("note", 1000), ("refund", 1300), ("note", 632)],
        }
        for name, steps in orders.items():
            with self.subTest(name):
                self.marie = self._customer(name, email="marie@example.com")
                tx = self._pay(self._link(self._due_invoice(10, partner=self.marie, amount=1632)))
                self._due_invoice(10, partner=self.marie, amount=2000)
                for step, amount in steps:
                    if step == "refund":
                        self._refund(tx, amount)
                    else:
                        self._credit_note(tx.invoice_ids, amount)
                lines = self._account_lines(self.marie)
                self.assertEqual(lines.filtered(lambda line: not line.reconciled).mapped("amount_residual"), [2000])
                self._assert_asked(self.marie, 2000)

    def test_refund_in_the_portal_is_lettered_too(self):
        for note_first in (False, True):
            with self.subTest(note_first=note_first):
                invoice = self._due_invoice(10, amount=100)
                tx = self._create_transaction(
                    "redirect",
                    invoice_ids=[Command.set(invoice.ids)],
                    amount=100,
                    partner_id=self.marie.id,
                    reference=f"portal {note_first}",
                )
                tx._set_done()
                tx._post_process()
                steps = [lambda tx=tx: self._refund(tx, 100), lambda invoice=invoice: self._credit_note(invoice, 100)]
                for step in reversed(steps) if note_first else steps:
                    step()
                self.assertFalse(self._account_lines(self.marie).filtered(lambda line: not line.reconciled))

    def test_refund_of_a_free_amount_that_has_paid_an_invoice(self):
        tx = self._pay(self._free_link(100))
        invoice = self._due_invoice(10, amount=100)
        invoice.js_assign_outstanding_line(tx.payment_id._paylink_receivable_lines().id)
        self._refund(tx, 100)
        self._due_invoice(10, amount=70)
        self._assert_asked(self.marie, 70)
        self._credit_note(invoice, 100)
        self.assertEqual(self._receivable(self.marie), 70)
        self._assert_asked(self.marie, 70)

    def test_credit_note_takes_the_refund_before_what_is_open_again(self):
        """The bank has taken the rest back: that is owed in full."""
        tx = self._paid(100)
        self._refund(tx, 30)
        self._taken_back(tx, 100)
        self._assert_asked(self.marie, 100)
        self._credit_note(tx.invoice_ids, 30)
        self._assert_asked(self.marie, 100)

    def test_what_is_hidden_is_hidden_on_both_sides(self):
        """What may be the credit note of a refund is deducted from nothing else; what can't be is."""
        tx = self._paid(1632)
        self._refund(tx, 1632)
        self._due_invoice(10, amount=500)
        self._assert_asked(self.marie, 500)
        by_hand = self._invoice(amount=600, move_type="out_refund")
        self._assert_asked(self.marie, 500)
        self._entry(self.marie, -1032)
        self._assert_asked(self.marie, 500)
        self._entry(self.marie, -100)
        self._assert_asked(self.marie, 400)
        by_hand.button_draft()
        self._pay(self._free_link(50))
        other = self._due_invoice(10, amount=80)
        self._register(other, 80)
        self._credit_note(other, 80)
        self._assert_asked(self.marie, 370)

    def test_refund_whose_credit_note_has_paid_something_else(self):
        """The customer has used the credit, and got the money: that is owed."""
        tx = self._paid(1632)
        self._credit_note(tx.invoice_ids, 332)
        other = self._due_invoice(10, amount=500)
        self._pay(self._link(other + tx.invoice_ids.reversal_move_ids))
        self._assert_asked(self.marie, 0)
        self._refund(tx, 332)
        self._assert_asked(self.marie, 332)

    def test_given_back_by_hand(self):
        self._pay(self._free_link(100))
        self._due_invoice(10, amount=500)
        self._assert_asked(self.marie, 400)
        self._give_back(self.marie, 100)
        self._assert_asked(self.marie, 500)

    def test_invoice_that_is_changed_after_its_refund(self):
        """Meanwhile its payment is open again, and what was given back of it belongs to that."""
        tx = self._paid(100)
        invoice = tx.invoice_ids
        self._refund(tx, 100)
        self._due_invoice(10, amount=70)
        invoice.button_draft()
        self._assert_asked(self.marie, 70)
        invoice.action_post()
        self._assert_asked(self.marie, 70)
        self._credit_note(invoice, 100)
        self._assert_asked(self.marie, 70)
        self.assertEqual(self._receivable(self.marie), 70)

    def test_taken_back_after_it_was_given_back(self):
        """The customer has the money twice: it is owed, but no automaton asks for it."""
        tx = self._pay(self._free_link(50))
        self._refund(tx, 50)
        dispute = self._taken_back(tx, 50)
        items = self.marie._paylink_open_items(self.company)
        self.assertEqual((items.mapped("amount_residual"), dispute.item_ids), ([50], items))
        self.assertFalse(self._remind(FAR))
        dispute._book_reinstatement()
        self.assertFalse(self.marie._paylink_open_items(self.company))

    def test_failed_refund_that_is_taken_apart(self):
        """Its money has never gone back: what an accountant unreconciles of it is as much as before."""
        tx = self._paid(100)
        refund = self._refund(tx, 30)
        refund._set_error("Failed", extra_allowed_states=("done",))
        refund.payment_id._paylink_undo()
        self._due_invoice(10, amount=500)
        self._assert_asked(self.marie, 500)
        refund.payment_id.move_id.line_ids.remove_move_reconcile()
        self._assert_asked(self.marie, 500)

    def test_what_is_registered_in_part_is_not_asked_again(self):
        """Nobody is reminded of what that and credits cover together."""
        invoice = self._due_invoice(3, amount=100)
        self._register_without_entry(invoice, 60)
        self._assert_asked(self.marie, 40)
        self._entry(self.marie, -50)
        self._assert_asked(self.marie, -10)
        self.assertFalse(self._remind())

    def test_what_is_given_back_is_not_reminded(self):
        """Not even where its credit note is larger: it is deducted from that."""
        invoice = self._due_invoice(3, amount=500)
        self._give_back(self.marie, 200)
        self._entry(self.marie, -300)
        message = self._remind()
        self.assertEqual(message.reminder_ids.move_id, invoice)
        self.assertIn("400", message.amount_display)
