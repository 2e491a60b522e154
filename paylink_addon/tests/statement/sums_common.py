from datetime import date
from unittest.mock import patch

from odoo import Command

from odoo.addons.account.models.account_move import AccountMove

from ..reminder.reminder_common import ReminderCommon

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
        """Everywhere the same is asked: in the account, on the statement, in the dialog, by reminders, in figures.

        :param discount: what of it is deducted from whoever pays today, which reminders do not speak of
        """
        currency = currency or self.company.currency_id
        account = self.env["paylink.account.item"]._open_account(partner)
        rows = account.filtered(lambda row: row.currency_id == currency and not row.in_progress)
        self.assertEqual(round(sum(rows.mapped("amount")), 2), amount, "account")
        sections = self.env["paylink.statement"]._for_customers(partner).sudo()._page_sections()
        rows = [row for section in sections if section["currency"] == currency for row in section["rows"]]
        self.assertEqual(sum(row["minor"] for row in rows if not row["busy"]), round(amount * 100), "statement")
        if account.currency_id == self.company.currency_id and not any(account.mapped("in_progress")):
            self.assertEqual(partner._paylink_owes(self.company).amount, max(amount, 0), "banner")
        if amount > 0:
            lines = self._wizard(partner).line_ids.filtered(lambda line: line.currency_id == currency)
            self.assertEqual(lines.mapped("amount_due"), [amount], "dialog")
        # What went back to the customer is deducted from credits; nobody is reminded of what is more than these.
        items = partner._paylink_open_items(self.company).filtered(lambda item: item.currency_id == currency)
        items -= items._paylink_in_flight()
        netted = sum((items - items._paylink_owed()).mapped("amount_residual_currency"))
        asked = round(amount + discount - max(netted, 0), 2)
        self.assertEqual(self._reminded(partner, currency), asked, "reminders")
        if not any(item._paylink_is_returned() for item in self._account_lines(partner) if not item.reconciled):
            own = [("partner_id", "=", partner.id), ("currency_id", "=", currency.id), ("move_id", "!=", False)]
            expected = sum(self.env["paylink.open.item"].search(own).mapped("expected"))
            self.assertEqual(round(expected, 2), max(asked, 0), "figures")
