from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .bank_common import BankCommon


@tagged("post_install", "-at_install")
class TestConsolidated(BankCommon):
    """A link is consolidated when a bank shows all of its money, whoever has found that, whichever way it came."""

    def _reconciled(self, line, item):
        """As people reconcile: the line's other side becomes what it settles."""
        suspense = line._seek_for_lines()[1]
        suspense.write({"account_id": item.account_id.id, "partner_id": item.partner_id.id})
        (suspense | item).reconcile()

    def _shown(self, item, journal=None, amount=None):
        """A line of a bank, some days later, that somebody has reconciled by hand."""
        values = {"date": fields.Date.today() + timedelta(days=3), "journal_id": (journal or self.bank_journal).id}
        line = self._bank_line("SOMETHING", amount or abs(item.amount_residual), **values)
        self._reconciled(line, item)
        return line

    def test_found_by_hand(self):
        """A transfer, a payment by another provider, one that was registered; taken back, it is not there anymore."""
        links = {
            name: self._link(self._invoice(amount=100)) for name in ("transfer", "provider", "registered", "parts")
        }
        lines = {name: [] for name in links}
        lines["transfer"] = [self._shown(self._items(links["transfer"].line_ids.move_id))]
        payments = {
            "provider": self._pay(links["provider"]).payment_id,
            "registered": self._registered(links["registered"].line_ids.move_id, 100),
            "parts": self._registered(links["parts"].line_ids.move_id, 60),
        }
        lines["parts"] = [self._shown(self._items(links["parts"].line_ids.move_id))]
        self.assertEqual(lines["parts"][0].amount, 40)
        for name, payment in payments.items():
            self.assertEqual((links[name].state, links[name].consolidated), ("paid", False), name)
            lines[name].append(self._shown(payment._seek_for_lines()[0]))
        for name, link in links.items():
            with self.subTest(name):
                self.assertEqual((link.state, link.consolidated), ("paid", True))
                self.assertEqual(link.consolidated_on, lines[name][0].date)
                self.assertEqual(link.transfer_line_ids, lines[name][0].union(*lines[name]))
                lines[name][-1].action_undo_reconciliation()
                self.assertEqual((link.consolidated, link.consolidated_on), (False, False))

    def test_what_no_bank_shows(self):
        """Cash, and what is credited, are on no bank account; a payment booked on the bank's own account is."""
        cash = self.company_data["default_journal_cash"]
        invoices = [self._invoice(amount=100) for _number in range(3)]
        in_cash, credited, at_once = (self._link(invoice) for invoice in invoices)
        self._shown(self._items(invoices[0]), journal=cash)
        refund = invoices[1]._reverse_moves(cancel=True)
        self.assertEqual(refund.payment_state, "paid")
        line = self.bank_journal.inbound_payment_method_line_ids[:1]
        line.payment_account_id = self.bank_journal.default_account_id
        payment = self._registered(invoices[2], 100)
        self.assertEqual([link.state for link in (in_cash, credited, at_once)], ["paid"] * 3)
        self.assertEqual([link.consolidated for link in (in_cash, credited, at_once)], [False, False, True])
        self.assertEqual(at_once.consolidated_on, payment.date)
