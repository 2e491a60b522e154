from collections import Counter
from datetime import date, timedelta
from unittest.mock import patch

from odoo import Command, fields
from odoo.tests import tagged

from odoo.addons.account.models.account_move import AccountMove

from ..random_runs import analyze, run_machine
from ..reminder.reminder_common import TODAY, ReminderCommon
from .sums_machine import Sums

RUNS, STEPS = 12, 12
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
        # As Odoo Enterprise sets journals up: what is registered there has no entry.
        cls.bank_without_entries = cls.company_data["default_journal_bank"].copy()
        methods = cls.bank_without_entries.inbound_payment_method_line_ids
        (methods | cls.bank_without_entries.outbound_payment_method_line_ids).payment_account_id = False

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

    def _register_without_entry(self, invoice, amount):
        """A payment that the books do not know until the bank shows it, as Odoo Enterprise has it."""
        values = {"journal_id": self.bank_without_entries.id, "payment_difference_handling": "open"}
        with patch.object(AccountMove, "_get_invoice_in_payment_state", lambda _self: "in_payment"):
            payment = self._register(invoice, amount, **values)
        self.assertFalse(payment.move_id)
        return payment

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

    def _receivable(self, partner, currency=None):
        """What the customer owes by the books, in a currency, by default the company's."""
        currency = currency or self.company.currency_id
        lines = self._account_lines(partner).filtered(lambda line: line.currency_id == currency)
        return round(sum(lines.mapped("amount_residual_currency")), 2)

    def _reminded(self, partner, currency):
        """What reminders ask for, credits deducted."""
        self.env.flush_all()
        due = self.reminding._due_residuals({partner.id}, FAR).get((partner.id, currency.id), {})
        busy = self.env["account.move.line"].browse(due)._paylink_in_flight()
        owed = sum(residual for item, residual in due.items() if item not in busy.ids)
        return round(owed + self.reminding._open_credits({partner.id}).get((partner.id, currency.id), 0.0), 2)

    def _assert_asked(self, partner, amount, currency=None, discount=0.0):
        """Everywhere the same is asked: in the account, on the statement, in the dialog, by reminders.

        :param discount: what of it is deducted from whoever pays today, which reminders do not speak of
        """
        currency = currency or self.company.currency_id
        rows = self.env["paylink.account.item"]._open_account(partner)
        rows = rows.filtered(lambda row: row.currency_id == currency and not row.in_progress)
        self.assertEqual(round(sum(rows.mapped("amount")), 2), amount, "account")
        sections = self.env["paylink.statement"]._for_customers(partner).sudo()._page_sections()
        rows = [row for section in sections if section["currency"] == currency for row in section["rows"]]
        self.assertEqual(sum(row["minor"] for row in rows if not row["busy"]), round(amount * 100), "statement")
        if amount > 0:
            lines = self._wizard(partner).line_ids.filtered(lambda line: line.currency_id == currency)
            self.assertEqual(lines.mapped("amount_due"), [amount], "dialog")
        # What went back to the customer is deducted from credits; nobody is reminded of what is more than these.
        items = partner._paylink_open_items(self.company).filtered(lambda item: item.currency_id == currency)
        items -= items._paylink_in_flight()
        netted = sum((items - items._paylink_owed()).mapped("amount_residual_currency"))
        asked = round(amount + discount - max(netted, 0), 2)
        self.assertEqual(self._reminded(partner, currency), asked, "reminders")


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


@tagged("post_install", "-at_install")
class TestSums(SumsCommon):
    """What is asked is what the receivable account says, to the cent, wherever it is asked.

    Less what waits for its credit note, which is no more than what was given back; what is on its way; and discounts
    that hold. More by what deposits have brought, which their orders keep.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch.object(AccountMove, "_get_invoice_in_payment_state", lambda _self: "in_payment"))
        cls.env.user.group_ids += cls.env.ref("sales_team.group_sale_manager")
        cls.env["ir.config_parameter"].set_param("sale.automatic_invoice", "False")
        cls.currencies = cls.company.currency_id | cls.currency_euro
        cls.env["res.currency.rate"].search([("currency_id", "=", cls.currency_euro.id)]).unlink()
        cls.env["res.currency.rate"].create(
            {"name": "2000-01-01", "rate": 1.25, "currency_id": cls.currency_euro.id, "company_id": cls.company.id}
        )
        parts = [Command.create({"value_amount": part, "nb_days": days}) for part, days in ((30, 0), (70, 30))]
        cls.terms = {
            "at once": cls.env["account.payment.term"],
            "in parts": cls.env["account.payment.term"].create({"name": "In two parts", "line_ids": parts}),
            "discount": cls.env["account.payment.term"].create(
                {
                    "name": "2 %",
                    "early_discount": True,
                    "discount_percentage": 2,
                    "discount_days": 10,
                    "line_ids": [Command.create({"value_amount": 100, "nb_days": 30})],
                }
            ),
        }
        cls.product = cls.env["product.product"].create(
            {"name": "Kitchen", "type": "service", "invoice_policy": "order", "taxes_id": []}
        )

    def new_run(self):
        """Each run has a customer of its own."""
        self.runs += 1
        analyze(self.env)
        self.customer = self._customer(f"Customer {self.runs}", email="customer@example.com")
        self.total = dict.fromkeys(self.currencies, 0.0)
        self.invoices, self.noted = self.env["account.move"], {}
        self.transactions = self.refunds = self.env["payment.transaction"].sudo()
        self.by_hand = self.registered = self.without_entry = self.env["account.payment"]
        self.disputes = self.env["paylink.dispute"].sudo()
        self.orders = self.env["sale.order"]

    def _moved(self, name, amount, currency=None):
        self.done[name] += 1
        currency = currency or self.company.currency_id
        self.total[currency] = round(self.total[currency] + amount, 2)

    # === WHAT THE MACHINE DOES === #

    def begin(self, beginning, amount, part, foreign):
        """With something that is rare otherwise."""
        self.new_invoice(amount, beginning if beginning in self.terms else "at once", foreign)
        if beginning == "discount":
            self.pay(self.invoices, 1)
        elif beginning == "deposit":
            self.pay_deposit(amount, part)
            self.invoice_order(self.orders)
        elif beginning == "without entry":
            self.register_without_entry(self.invoices, 0.37)
        elif beginning == "write-off":
            self.register(self.invoices, 0.5, write_off=True)

    def new_invoice(self, amount, terms, foreign):
        begin = fields.Date.today() if terms == "discount" else TODAY - timedelta(days=40)
        invoice = self._invoice(
            self.customer,
            amount,
            invoice_date=begin,
            invoice_payment_term_id=self.terms[terms].id,
            currency_id=self.currencies[foreign].id,
        )
        self.invoices += invoice
        self._moved(f"invoice {terms}", amount, invoice.currency_id)

    def pay(self, invoice, part):
        link, residual = self._link(invoice, allow_partial=True), invoice.amount_residual
        whole, payable = self.discount_of(invoice), link._payable_amount()
        tx = self._pay(link, self._part(payable, part))
        self.transactions += tx
        settled = residual if whole and tx.amount == payable else tx.amount
        self._moved("discount" if settled > tx.amount else "payment", -settled, tx.currency_id)

    def pay_free(self, amount, foreign):
        currency = self.currencies[foreign]
        self.transactions += self._pay(self._free_link(amount, partner_id=self.customer.id, currency_id=currency.id))
        self._moved("free amount", -amount, currency)

    def pay_deposit(self, amount, part):
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "require_signature": False,
                "order_line": [Command.create({"product_id": self.product.id, "price_unit": amount, "tax_ids": []})],
            }
        )
        self.orders += order
        link = self.env["paylink.link"]._create_deposits(
            [{"sale_order_id": order.id, "amount": self._part(amount, part)}]
        )
        link._issue()
        self.transactions += self._pay(link)
        self._moved("deposit", -link.amount)

    def invoice_order(self, order):
        """It takes what was paid for it."""
        if order.state != "sale":
            order.action_confirm()
        invoice = order._create_invoices()
        invoice.action_post()
        self.invoices += invoice
        self._moved("invoice of an order", invoice.amount_total)

    def charge_back(self, tx, part):
        dispute = self._taken_back(tx, self._part(self._not_taken(tx), part))
        self.disputes += dispute
        self._moved("chargeback", dispute.amount, tx.currency_id)

    def win(self, dispute):
        dispute._book_reinstatement()
        dispute.status = "won"
        self._moved("chargeback won", -dispute.amount, dispute.currency_id)

    def refund(self, tx, part):
        refund = self._refund(tx, self._part(self._not_refunded(tx), part))
        self.refunds += refund
        self._moved("refund", -refund.amount, tx.currency_id)
        open_notes = self._documents(tx.payment_id).reversal_move_ids.line_ids & self.credits()
        self.assertFalse(refund.payment_id._paylink_receivable_lines() and open_notes, "lettered at once")

    def undo(self, refund):
        refund._set_error("Failed", extra_allowed_states=("done",))
        refund.payment_id._paylink_undo()
        self.refunds -= refund
        self._moved("refund failed", refund.amount, refund.currency_id)

    def credit_note(self, invoice, part, by_hand):
        mine = sum(note.amount_total for note, noted in self.noted.items() if noted == invoice)
        amount = self._part(invoice.amount_total - (0 if by_hand else mine), part)
        if amount <= 0:
            return
        if by_hand:
            note = self._invoice(self.customer, amount, move_type="out_refund", currency_id=invoice.currency_id.id)
        else:
            waiting = invoice._paylink_given_back()._paylink_receivable_lines()
            note = self._credit_note(invoice, amount)
            left = note.line_ids & self.credits()
            self.assertFalse(left and waiting & self.debits(), "lettered at once")
        self.noted[note] = False if by_hand else invoice
        self._moved("credit note by hand" if by_hand else "credit note", -amount, invoice.currency_id)

    def entry(self, amount):
        self._entry(self.customer, amount)
        self._moved("entry", amount)

    def register(self, invoice, part, write_off):
        residual, amount = invoice.amount_residual, self._part(invoice.amount_residual, part)
        if len(self._items(invoice)) > 1:
            write_off = False  # Odoo's dialog writes off of the next installment alone
        values = {
            "payment_difference_handling": "reconcile" if write_off else "open",
            "writeoff_account_id": self.company_data["default_account_expense"].id,
        }
        self.registered += self._register(invoice, amount, **values)
        settled = residual if write_off else amount
        self._moved("write-off" if write_off else "registered", -settled, invoice.currency_id)

    def register_without_entry(self, invoice, part):
        """The books do not know it yet: nothing is settled."""
        amount = self._part(invoice.amount_residual - self.coming_of(invoice), part)
        self.without_entry += self._register_without_entry(invoice, amount)
        self._moved("registered without entry", 0)

    def reject(self, payment):
        """The bank never shows it."""
        payment.action_reject()
        self.without_entry -= payment
        self._moved("rejected", 0)

    def give_back(self, amount):
        self.by_hand += self._give_back(self.customer, amount)
        self._moved("given back by hand", amount)

    def change(self, document, extra):
        sign = -1 if document.move_type == "out_refund" else 1
        self._moved("reset to draft", -sign * document.amount_total, document.currency_id)
        document.button_draft()
        self.check_asked()  # Odoo leaves it lettered meanwhile
        document.invoice_line_ids.filtered("price_unit").price_unit += extra
        document.action_post()
        self._moved("posted again", sign * document.amount_total, document.currency_id)

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

    def registrable_invoices(self):
        """Not what is discounted: Odoo's dialog makes an entry of that at once."""
        return self.payable_invoices().filtered(lambda move: not self.discount_of(move))

    def payable_invoices(self):
        return self.open_invoices().filtered(lambda move: move.amount_residual > self.coming_of(move))

    def refundable(self):
        return self.transactions.filtered(lambda tx: self._not_refunded(tx) > 0)

    def disputable(self):
        return self.transactions.filtered(lambda tx: self._not_taken(tx) > 0)

    def standing(self):
        return self.disputes.filtered(lambda dispute: not dispute.reinstatement_id)

    def documents(self):
        return self.invoices + self.env["account.move"].union(*self.noted)

    def payments(self):
        return self.transactions.payment_id + self.refunds.payment_id + self.by_hand + self.registered

    def open_orders(self):
        return self.orders.filtered(lambda order: not order.invoice_ids)

    def _open(self):
        return self._account_lines(self.customer).filtered(lambda line: not line.reconciled)

    def debits(self):
        return self._open().filtered(lambda line: line.amount_currency > 0)

    def credits(self):
        return self._open().filtered(lambda line: line.amount_currency < 0)

    def pairs(self):
        """What an accountant may reconcile: not what an order keeps."""
        found = self.credits() - self.kept()
        return [(one, other) for one in self.debits() for other in found if one.currency_id == other.currency_id]

    def lettered(self):
        return self._account_lines(self.customer).filtered(
            lambda line: line.matched_debit_ids or line.matched_credit_ids
        )

    def _documents(self, payments):
        """What these payments were for, and what they settle."""
        asked = payments.payment_transaction_id.paylink_id.line_ids.move_id
        return asked | payments.move_id.line_ids.matched_debit_ids.debit_move_id.move_id

    # === WHAT MUST BE ASKED, BY WHAT HAS HAPPENED === #

    def discount_of(self, invoice):
        """What is granted to who pays an invoice today: of all of it, as long as nothing is paid."""
        is_granted = invoice.invoice_payment_term_id == self.terms["discount"] and invoice.state == "posted"
        total = invoice.amount_total
        if not is_granted or invoice.amount_residual != total or self.coming_of(invoice):
            return 0.0
        return round(total - invoice.currency_id.round(total * 0.98), 2)

    def coming_of(self, invoice):
        """What is registered of an invoice and not in the books: no more than is open of it."""
        untouched = invoice.amount_residual == invoice.amount_total
        # Odoo calls them paid when as much is reconciled: what else could it be?
        payments = self.without_entry.filtered(
            lambda payment: invoice in payment.invoice_ids and (untouched or payment.state == "in_process")
        )
        is_open = invoice.state == "posted" and invoice.amount_residual > 0
        return round(min(sum(payments.mapped("amount")), invoice.amount_residual), 2) if is_open else 0.0

    def kept(self):
        """What was paid for orders of which something is not invoiced yet."""
        orders = self.orders.filtered(lambda order: order.amount_total > self._invoiced(order))
        return orders.paylink_link_ids.transaction_ids.payment_id._paylink_receivable_lines() & self.credits()

    def _invoiced(self, order):
        return sum(move.amount_total_signed for move in order.invoice_ids if move.state == "posted")

    def bounds(self, currency):
        """What may be asked, at least and at most: the same where nothing was given back that is still open."""
        mine = self.invoices.filtered(lambda move: move.currency_id == currency)
        kept = self.kept().filtered(lambda line: line.currency_id == currency)
        most = self._receivable(self.customer, currency) - sum(kept.mapped("amount_residual_currency"))
        most -= sum(self.discount_of(move) + self.coming_of(move) for move in mine)
        given = self.refunds.payment_id | self.by_hand
        back = self.debits().filtered(lambda line: line.payment_id in given and line.currency_id == currency)
        return round(most - sum(back.mapped("amount_residual_currency")), 2), round(most, 2)

    # === AT ANY TIME === #

    def check_books(self):
        for currency, total in self.total.items():
            self.assertEqual(self._receivable(self.customer, currency), total, currency.name)

    def asked(self, currency):
        items = self.customer._paylink_open_items(self.company).filtered(lambda item: item.currency_id == currency)
        items -= items._paylink_in_flight()
        return items, round(sum(items._paylink_due().values()), 2)

    def check_asked(self):
        for currency in self.currencies:
            least, most = self.bounds(currency)
            _items, asked = self.asked(currency)
            self.assertTrue(least <= asked <= most, (currency.name, least, asked, most))

    def check_everywhere(self):
        """Everywhere the same is asked; and who pays all of it owes nothing but what waits."""
        for currency in self.currencies:
            items, asked = self.asked(currency)
            discount = sum(self.discount_of(move) for move in items.move_id & self.invoices)
            self._assert_asked(self.customer, asked, currency, discount)
            if asked > 0:
                self.pay_all(items, asked)

    def pay_all(self, items, asked):
        statement = self.env["paylink.statement"]._for_customers(self.customer).sudo()
        link = statement._pay_link(set(items.ids))
        payable = link._portal_rows()[0]["payable"]
        self.assertEqual((link._payable_amount(), payable), (asked, True))
        tx = self._pay(link)
        left, asked_again = self.asked(tx.currency_id)
        self.assertEqual((tx.amount, asked_again, left & items.filtered("reconciled")), (asked, 0.0, left.browse()))

    def test_what_is_asked_is_what_the_account_says(self):
        self.runs, self.done = 0, Counter()
        run_machine(Sums, self, "SUMS", RUNS, STEPS)
        expected = {"refund", "chargeback", "entry", "write-off", "reset to draft", "discount"}
        expected |= {"invoice in parts", "registered without entry", "deposit", "invoice of an order"}
        self.assertFalse(expected - set(self.done), "Random as it is, each thing that matters has happened")
