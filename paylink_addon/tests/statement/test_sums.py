from collections import Counter
from datetime import date

from odoo import Command
from odoo.tests import tagged

from ..random_runs import analyze, run_machine
from ..reminder.reminder_common import ReminderCommon
from .sums_machine import Sums

RUNS, STEPS = 20, 12
FAR = date(2099, 1, 1)


class SumsCommon(ReminderCommon):
    """What is asked of a customer, wherever we ask, and what the receivable account says."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param("paylink_addon.max_attempts_per_hour", "1000")
        cls.reminding = cls._rule()
        lines = cls.company_data["default_journal_bank"]
        for line in lines.inbound_payment_method_line_ids | lines.outbound_payment_method_line_ids:
            line.payment_account_id = cls.inbound_payment_method_line.payment_account_id

    def _refund(self, transaction, amount):
        refund = transaction._create_child_transaction(amount, is_refund=True)
        refund._set_done()
        refund._post_process()
        return refund

    def _credit_note(self, invoice, amount):
        """A credit note of ``invoice``, as Odoo's own button makes it."""
        note = invoice._reverse_moves([{"invoice_date": invoice.invoice_date}])
        note.invoice_line_ids.price_unit = amount
        note.action_post()
        return note

    def _register(self, invoice, amount, **values):
        """A payment that an accountant registers."""
        wizard = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=invoice.ids)
        return wizard.create({"amount": amount, **values})._create_payments()

    def _give_back(self, partner, amount):
        """Money that an accountant has sent the customer, without saying what for."""
        payment = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "customer",
                "partner_id": partner.id,
                "amount": amount,
                "journal_id": self.company_data["default_journal_bank"].id,
            }
        )
        payment.action_post()
        return payment

    def _entry(self, partner, amount):
        """An entry that is no invoice."""
        accounts = [self.company_data[f"default_account_{name}"] for name in ("receivable", "revenue")]
        move = self.env["account.move"].create(
            {
                "journal_id": self.company_data["default_journal_misc"].id,
                "line_ids": [
                    Command.create({"partner_id": partner.id, "account_id": account.id, "balance": balance})
                    for account, balance in zip(accounts, (amount, -amount), strict=True)
                ],
            }
        )
        move.action_post()
        return move

    def _taken_back(self, transaction, amount):
        """A chargeback whose money the bank has taken."""
        dispute = self.env["paylink.dispute"].sudo()
        dispute = dispute.create(
            {
                "name": f"dp_{dispute.search_count([])}",
                "provider_id": transaction.provider_id.id,
                "transaction_id": transaction.id,
                "currency_id": transaction.currency_id.id,
                "amount": amount,
                "status": "needs_response",
            }
        )
        dispute._book_withdrawal()
        return dispute

    def _account_lines(self, partner):
        """The lines of the customer on receivable accounts."""
        return self.env["account.move.line"].search(
            [
                ("partner_id", "=", partner.id),
                ("account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
            ]
        )

    def _receivable(self, partner):
        return round(sum(self._account_lines(partner).mapped("amount_residual")), 2)

    def _reminded(self, partner):
        """What reminders ask for, credits deducted."""
        self.env.flush_all()
        due = self.reminding._due_residuals({partner.id}, FAR).values()
        netted = self.reminding._open_credits({partner.id}).values()
        return round(sum(sum(items.values()) for items in due) + sum(netted), 2)

    def _assert_asked(self, partner, amount):
        """Everywhere the same is asked: in the account, on the statement, in the dialog, by reminders."""
        rows = self.env["paylink.account.item"]._open_account(partner)
        self.assertEqual(round(sum(rows.mapped("amount")), 2), amount, "account")
        sections = self.env["paylink.statement"]._for_customers(partner).sudo()._page_sections()
        shown = sum(row["minor"] for section in sections for row in section["rows"])
        self.assertEqual(shown, round(amount * 100), "statement")
        wizard = self._wizard(partner)
        if amount > 0:
            self.assertEqual((wizard.kind, wizard.amount), ("open_items", amount), "dialog")
        # What went back to the customer is deducted from credits; nobody is reminded of what is more than these.
        items = partner._paylink_open_items(self.company)
        netted = sum((items - items._paylink_owed()).mapped("amount_residual"))
        self.assertEqual(self._reminded(partner), round(amount - max(netted, 0), 2), "reminders")


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

    def test_what_is_given_back_is_not_reminded(self):
        """Not even where its credit note is larger: it is deducted from that."""
        invoice = self._due_invoice(3, amount=500)
        self._give_back(self.marie, 200)
        self._entry(self.marie, -300)
        message = self._remind()
        self.assertEqual(message.reminder_ids.move_id, invoice)
        self.assertIn("400", message.amount_display)


@tagged("post_install", "-at_install")
class TestSums(SumsCommon):
    """What is asked is what the receivable account says, less what waits for its credit note, to the cent."""

    def new_run(self):
        """Each run has a customer of its own."""
        self.runs += 1
        analyze(self.env)
        self.customer = self._customer(f"Customer {self.runs}", email="customer@example.com")
        self.total = 0.0
        self.invoices, self.notes = self.env["account.move"], {}
        self.transactions = self.refunds = self.env["payment.transaction"].sudo()
        self.by_hand = self.registered = self.env["account.payment"]
        self.disputes = self.env["paylink.dispute"].sudo()

    def _moved(self, name, amount):
        self.done[name] += 1
        self.total = round(self.total + amount, 2)

    # === WHAT THE MACHINE DOES === #

    def new_invoice(self, amount):
        self.invoices += self._due_invoice(10, partner=self.customer, amount=amount)
        self._moved("invoice", amount)

    def pay(self, invoice, part):
        link = self._link(invoice, allow_partial=True)
        tx = self._pay(link, self._part(link._payable_amount(), part))
        self.transactions += tx
        self._moved("payment", -tx.amount)

    def pay_free(self, amount):
        self.transactions += self._pay(self._free_link(amount, partner_id=self.customer.id))
        self._moved("free amount", -amount)

    def charge_back(self, tx, part):
        dispute = self._taken_back(tx, self._part(self._not_taken(tx), part))
        self.disputes += dispute
        self._moved("chargeback", dispute.amount)

    def win(self, dispute):
        dispute._book_reinstatement()
        dispute.status = "won"
        self._moved("chargeback won", -dispute.amount)

    def refund(self, tx, part):
        refund = self._refund(tx, self._part(self._not_refunded(tx), part))
        self.refunds += refund
        self._moved("refund", -refund.amount)
        open_notes = self._documents(tx.payment_id).reversal_move_ids.line_ids & self.credits()
        self.assertFalse(refund.payment_id._paylink_receivable_lines() and open_notes, "lettered at once")

    def undo(self, refund):
        refund._set_error("Failed", extra_allowed_states=("done",))
        refund.payment_id._paylink_undo()
        self.refunds -= refund
        self._moved("refund failed", refund.amount)

    def credit_note(self, invoice, part, by_hand):
        mine = sum(note.amount_total for note, noted in self.notes.items() if noted == invoice)
        amount = self._part(invoice.amount_total - (0 if by_hand else mine), part)
        if amount <= 0:
            return
        if by_hand:
            note = self._invoice(self.customer, amount, move_type="out_refund")
        else:
            waiting = invoice._paylink_refunds()._paylink_receivable_lines()
            note = self._credit_note(invoice, amount)
            left = note.line_ids & self.credits()
            self.assertFalse(left and waiting & self.debits(), "lettered at once")
        self.notes[note] = False if by_hand else invoice
        self._moved("credit note by hand" if by_hand else "credit note", -amount)

    def entry(self, amount):
        self._entry(self.customer, amount)
        self._moved("entry", amount)

    def register(self, invoice, part, write_off):
        residual, amount = invoice.amount_residual, self._part(invoice.amount_residual, part)
        values = {
            "payment_difference_handling": "reconcile" if write_off else "open",
            "writeoff_account_id": self.company_data["default_account_expense"].id,
        }
        self.registered += self._register(invoice, amount, **values)
        self._moved("write-off" if write_off else "registered", -(residual if write_off else amount))

    def give_back(self, amount):
        self.by_hand += self._give_back(self.customer, amount)
        self._moved("given back by hand", amount)

    def change(self, document, extra):
        before = document.amount_total_signed
        document.button_draft()
        self._moved("reset to draft", -before)
        self.check_asked()  # Odoo leaves it lettered meanwhile
        document.invoice_line_ids.price_unit += extra
        document.action_post()
        self._moved("posted again", document.amount_total_signed)

    def post_again(self, payment):
        payment.action_draft()
        payment.action_post()
        self._moved("payment posted again", 0)

    def unreconcile(self, line):
        line.remove_move_reconcile()
        self._moved("unreconciled", 0)

    def reconcile(self, debit, credit):
        (debit | credit).reconcile()
        self._moved("reconciled", 0)

    # === WHAT THERE IS === #

    def _part(self, amount, part):
        """Some cents at least, and no more than all."""
        return round(max(min(amount, 0.01), amount * part), 2)

    def _not_refunded(self, tx):
        return round(tx.amount + sum((self.refunds & tx.child_transaction_ids).mapped("amount")), 2)

    def _not_taken(self, tx):
        taken = self.disputes.filtered(lambda dispute: dispute.transaction_id == tx)
        return round(tx.amount - sum(taken.mapped("amount")), 2)

    def open_invoices(self):
        return self.invoices.filtered(lambda move: move.amount_residual > 0)

    def refundable(self):
        return self.transactions.filtered(lambda tx: self._not_refunded(tx) > 0)

    def disputable(self):
        return self.transactions.filtered(lambda tx: self._not_taken(tx) > 0)

    def standing(self):
        return self.disputes.filtered(lambda dispute: not dispute.reinstatement_id)

    def documents(self):
        return self.invoices + self.env["account.move"].union(*self.notes)

    def payments(self):
        return self.transactions.payment_id + self.refunds.payment_id + self.by_hand + self.registered

    def _open(self):
        return self._account_lines(self.customer).filtered(lambda line: not line.reconciled)

    def debits(self):
        return self._open().filtered(lambda line: line.balance > 0)

    def credits(self):
        return self._open().filtered(lambda line: line.balance < 0)

    def lettered(self):
        return self._account_lines(self.customer).filtered(
            lambda line: line.matched_debit_ids or line.matched_credit_ids
        )

    def _documents(self, payments):
        """What these payments were for, and what they settle."""
        asked = payments.payment_transaction_id.paylink_id.line_ids.move_id
        return asked | payments.move_id.line_ids.matched_debit_ids.debit_move_id.move_id

    # === AT ANY TIME === #

    def check_books(self):
        self.assertEqual(self._receivable(self.customer), self.total)

    def check_asked(self):
        asked = sum(self.customer._paylink_open_items(self.company).mapped("amount_residual"))
        self.assertEqual(round(asked, 2), self.expected())

    def expected(self):
        """What the account says, less what was given back and waits for its credit note."""
        given = self.debits().filtered(lambda line: line.payment_id in self.refunds.payment_id | self.by_hand)
        fitting = self.credits().filtered(lambda line: self.fits(line, given.payment_id)) if given else given
        left = round(sum((given | fitting).mapped("amount_residual")), 2)
        waiting = left if left > self.used_elsewhere(given.payment_id) else 0
        return round(self._receivable(self.customer) - waiting, 2)

    def used_elsewhere(self, given):
        """What of the credit notes that these refunds waited for has paid something else meanwhile."""
        sources = self.refunds.filtered(lambda tx: tx.payment_id in given).source_transaction_id.payment_id
        documents, used = self._documents(sources), 0.0
        for note in (note for note, noted in self.notes.items() if noted and noted in documents):
            for partial in note.line_ids.matched_debit_ids:
                debit = partial.debit_move_id
                if debit.move_id not in documents and debit.payment_id.payment_type != "outbound":
                    used += partial.amount
        return round(used, 2)

    def fits(self, credit, given):
        """Whether an open credit may belong to what was given back."""
        if given & self.by_hand:
            return True
        sources = self.refunds.filtered(lambda tx: tx.payment_id in given).source_transaction_id.payment_id
        if credit.payment_id:
            return credit.payment_id in sources
        noted = self.notes.get(credit.move_id)
        return not noted or noted in self._documents(sources)

    def check_everywhere(self):
        """Everywhere the same is asked; and who pays all of it owes nothing but what waits."""
        expected = self.expected()
        self._assert_asked(self.customer, expected)
        if expected > 0:
            statement = self.env["paylink.statement"]._for_customers(self.customer).sudo()
            items = self.customer._paylink_open_items(self.company)
            tx = self._pay(statement._pay_link(set(items.ids)))
            self.assertEqual((tx.amount, set(items.mapped("amount_residual"))), (expected, {0.0}))
            self.assertFalse(self.customer._paylink_open_items(self.company))

    def test_what_is_asked_is_what_the_account_says(self):
        self.runs, self.done = 0, Counter()
        run_machine(Sums, self, "SUMS", RUNS, STEPS)
        expected = {"refund", "credit note", "chargeback", "entry", "write-off", "reset to draft"}
        self.assertLessEqual(expected, set(self.done), "Random as it is, each thing that matters has happened")
