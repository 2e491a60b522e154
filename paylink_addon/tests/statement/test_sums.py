from collections import Counter
from datetime import timedelta
from unittest.mock import patch

from odoo import Command, fields
from odoo.tests import tagged

from odoo.addons.account.models.account_move import AccountMove

from ..random_runs import analyze, run_machine
from ..reminder.reminder_common import TODAY
from .sums_common import SumsCommon
from .sums_machine import Sums

RUNS, STEPS = 12, 12


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
            self.check_currency(self.invoices.currency_id)
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
            items, asked = self.check_currency(currency)
            if asked > 0:
                self.pay_all(items, asked)

    def check_currency(self, currency):
        items, asked = self.asked(currency)
        discount = sum(self.discount_of(move) for move in items.move_id & self.invoices)
        self._assert_asked(self.customer, asked, currency, discount)
        return items, asked

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
