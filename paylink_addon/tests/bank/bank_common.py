from odoo import fields

from ..common import PaylinkCommon


class BankMixin:
    """Short ways to lines of the bank journal."""

    @classmethod
    def _prepare_bank(cls):
        cls.bank_journal = cls.company_data["default_journal_bank"]

    @classmethod
    def _bank_lines(cls, *rows, **common):
        """Lines of the bank journal as a file or a feed brings them, all at once.

        :param rows: ``(label, amount)`` or ``(label, amount, other values)``
        """
        values = {"journal_id": cls.bank_journal.id, "date": fields.Date.today(), **common}
        return cls.env["account.bank.statement.line"].create(
            [{**values, "payment_ref": label, "amount": amount, **dict(*more)} for label, amount, *more in rows]
        )

    @classmethod
    def _bank_line(cls, label, amount, **values):
        return cls._bank_lines((label, amount, values))

    def _registered(self, invoice, amount, journal=None):
        """A payment of an invoice that somebody has registered by hand, with an entry; the bank shows it later."""
        wizard = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=invoice.ids)
        values = {"journal_id": (journal or self.bank_journal).id, "amount": amount}
        payment = wizard.create(values)._create_payments()
        self.assertTrue(payment.move_id)
        return payment

    @classmethod
    def _iban(cls, partner, number):
        """An account of a customer's."""
        return cls.env["res.partner.bank"].create({"acc_number": number, "partner_id": partner.id})


class BankCommon(BankMixin, PaylinkCommon):
    """A company whose bank lines come to its bank journal."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._prepare_bank()
