from datetime import date, timedelta

from freezegun import freeze_time
from odoo import Command, fields
from odoo.tests import tagged

from ..tools import days as clock
from .bank.bank_common import BankMixin
from .test_days import DAY, DaysCommon, at

ZONE = "America/Toronto"
LOCKED = DAY + timedelta(days=1)
OPEN = DAY + timedelta(days=2)
LATE = DAY + timedelta(days=30)


@tagged("post_install", "-at_install")
class TestLockedDays(BankMixin, DaysCommon):
    """What is booked late is booked on its own day, or the first open one, and what follows from it likewise."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._prepare_bank()
        cls.company.country_id = cls.env.ref("base.ca")
        cls.company.paylink_tz = ZONE
        cls.company.tax_exigibility = True
        waiting = cls.company_data["default_account_tax_sale"].copy({"reconcile": True})
        cls.vat = cls.tax.copy(
            {
                "name": "VAT on payments",
                "tax_exigibility": "on_payment",
                "cash_basis_transition_account_id": waiting.id,
            }
        )

    def _confirmed(self, move):
        """Paid on :data:`DAY`, in the evening; nothing is booked yet."""
        with freeze_time(at("19:30:00", ZONE)):
            transaction = self._attempt(self._link(move))
            transaction._set_done()
        return transaction

    def _booked_late(self, transaction):
        with freeze_time(at("12:00:00", ZONE, LATE)):
            transaction._post_process()
        return transaction.payment_id

    def _taxed(self):
        line = {"name": "Work", "price_unit": 100, "tax_ids": [Command.set(self.vat.ids)]}
        return self._due_on(DAY, invoice_line_ids=[Command.create(line)])

    def _vat_entries(self, move):
        return self.env["account.move"].search([("tax_cash_basis_origin_move_id", "=", move.id)], order="id")

    def _notes(self, payment):
        return " ".join(payment.message_ids.mapped("body"))

    def test_locks(self):
        exception = {
            "company_id": self.company.id,
            "user_id": self.env.uid,
            "fiscalyear_lock_date": DAY - timedelta(days=9),
            "end_datetime": fields.Datetime.now() + timedelta(days=9),
        }
        self.env["account.move"].search([("state", "=", "draft"), ("company_id", "=", self.company.id)]).unlink()
        for field, exempted, expected in (
            ("sale_lock_date", False, DAY),
            ("tax_lock_date", False, DAY),
            ("fiscalyear_lock_date", False, OPEN),
            ("fiscalyear_lock_date", True, DAY),
            ("hard_lock_date", False, OPEN),
        ):
            with self.subTest(field, exempted=exempted):
                transaction = self._confirmed(self._due_on(DAY))
                self.company.write({"fiscalyear_lock_date": False, "sale_lock_date": False, "tax_lock_date": False})
                self.company[field] = LOCKED
                if exempted:
                    self.env["account.lock_exception"].create(exception)
                payment = self._booked_late(transaction)
                self.assertEqual((payment.date, payment.move_id.date), (expected, expected))
                self.assertEqual("That day is locked" in self._notes(payment), expected == OPEN)
                # Who pays reads when it was paid.
                link = transaction.paylink_id.with_context(lang="en_US")
                self.assertEqual(link._page_payments()[0]["date"], "03/10/2026")

    def test_vat_on_payments(self):
        """In the period of the payment; a period that is declared already is left as it is, and the payment says so."""
        for locked, expected in ((False, DAY), (LOCKED, OPEN)):
            with self.subTest(locked=locked):
                self.company.tax_lock_date = False
                move = self._taxed()
                transaction = self._confirmed(move)
                self.company.tax_lock_date = locked
                payment = self._booked_late(transaction)
                self.assertEqual((payment.date, self._vat_entries(move).mapped("date")), (DAY, [expected]))
                self.assertEqual("That tax period is locked" in self._notes(payment), bool(locked))

    def _vat(self, move):
        """The VAT on payments that each day declares, without days on which it comes to nothing."""
        lines = self._vat_entries(move).line_ids.filtered("tax_repartition_line_id")
        sums = {day: -sum(own.mapped("balance")) for day, own in lines.grouped("date").items()}
        return {day: amount for day, amount in sums.items() if self.company.currency_id.compare_amounts(amount, 0)}

    def _charged_back(self, transaction, part=1):
        with freeze_time(at("20:00:00", ZONE, LATE)):
            values = {
                "name": f"dp_{transaction.id}",
                "provider_id": self.provider.id,
                "transaction_id": transaction.id,
                "currency_id": transaction.currency_id.id,
                "amount": transaction.amount * part,
                "status": "lost",
                "withdrawn_at": at("23:00:00", ZONE, OPEN),
            }
            dispute = self.env["paylink.dispute"].sudo().create(values)
            dispute._book_withdrawal()
        return dispute

    def test_vat_of_what_goes_back(self):
        """Of the day on which the money went back, and of as much; what stays paid stays declared."""
        for part, locked in ((1, False), (0.5, False), (0.5, LOCKED)):
            with self.subTest(part=part, locked=locked):
                self.company.tax_lock_date = False
                move = self._taxed()
                transaction = self._confirmed(move)
                self._booked_late(transaction)
                vat = self._vat(move)[DAY]
                self.company.tax_lock_date = locked
                dispute = self._charged_back(transaction, part)
                self.assertEqual(dispute.withdrawal_id.date, OPEN)
                self.assertEqual(self._vat(move), {DAY: vat, OPEN: -vat * part})
                with freeze_time(at("20:00:00", ZONE, LATE)):
                    dispute.reinstated_at = at("23:00:00", ZONE, LATE)
                    dispute._book_reinstatement()
                self.assertEqual(self._vat(move), {DAY: vat, OPEN: -vat * part, LATE: vat * part})

    def test_taxes_of_transfers(self):
        """Of the day of the bank's line, however late it is matched, and matched again."""
        for locked, expected in ((False, DAY), (LOCKED, OPEN)):
            with self.subTest(locked=locked):
                self.company.tax_lock_date = False
                move = self._taxed()
                self.company.tax_lock_date = locked
                link = self._link(move)
                with freeze_time(at("12:00:00", ZONE, LATE)):
                    line = self._bank_line(link.transfer_reference, move.amount_total, date=DAY)
                    self.assertEqual(link.state, "paid")
                    vat = self._vat(move)
                    self.assertEqual(set(vat), {expected})
                    notes = " ".join(line.move_id.message_ids.mapped("body"))
                    self.assertEqual("That tax period is locked" in notes, bool(locked))
                    line.paylink_match_ids.action_undo()
                    self.assertEqual(self._vat(move), {})
                    again = self._bank_line(link.transfer_reference, move.amount_total, date=DAY)
                    self.assertTrue(again.is_reconciled)
                self.assertEqual(self._vat(move), vat)

    def test_paid_on_the_day_of_the_transfer(self):
        """Also where a discount has settled the rest."""
        link = self._link(self._discounted_until(DAY))
        with freeze_time(at("12:00:00", ZONE, LATE)):
            self._bank_line(link.transfer_reference, 980, date=DAY)
        self.assertEqual((link.state, clock.day(link.paid_at, ZONE)), ("paid", DAY))

    def test_exchange_differences(self):
        rates = [("2020-01-01", 1.0), (DAY, 2.0), (DAY + timedelta(days=1), 8.0)]
        cad = self.setup_other_currency("CAD", rates=rates)
        self.provider.available_currency_ids = [Command.link(cad.id)]
        move = self._due_on(DAY, amount=200, currency_id=cad.id)
        transaction = self._confirmed(move)
        payment = self._booked_late(transaction)
        self.assertEqual(payment._seek_for_lines()[0].balance, 100)
        difference = self._items(move).matched_credit_ids.exchange_move_id or (
            move.line_ids.matched_credit_ids.exchange_move_id
        )
        self.assertEqual(difference.date, DAY)
        known = self.env["account.move"].search([])
        self._charged_back(transaction, 0.5)
        made = self.env["account.move"].search([("id", "not in", known.ids)])
        self.assertGreater(len(made), 2)
        self.assertEqual(set(made.mapped("date")), {OPEN}, "what follows from a chargeback is of its day")

    def test_automatic_invoices(self):
        """An invoice that a payment makes is of its day, or the first that the taxes can still be declared for."""
        self._automatic_invoices()
        for locked, expected in ((False, DAY), (LOCKED, OPEN)):
            with self.subTest(locked=locked):
                with freeze_time(at("19:30:00", ZONE)):
                    transaction = self._attempt(self._deposit(self._order(validity_date=LATE), 300))
                    transaction._set_done()
                self.company.tax_lock_date = locked
                self._booked_late(transaction)
                self.assertEqual(transaction.invoice_ids.mapped("invoice_date"), [expected])
                self.assertEqual(transaction.payment_id.date, DAY)

    def test_cancelled_and_booked_again(self):
        """On the same day."""
        transaction = self._confirmed(self._due_on(DAY))
        payment = self._booked_late(transaction)
        payment.action_draft()
        payment.action_cancel()
        transaction.is_post_processed = False
        again = self._booked_late(transaction)
        self.assertNotEqual(again, payment)
        self.assertEqual(again.date, DAY)

    def test_many_days_at_once(self):
        """A batch holds payments of several days, and each is lettered and taxed on its own."""
        transactions = self.env["payment.transaction"]
        days = [date(2026, 2, 27) + timedelta(days=number) for number in range(4)]
        for day in days:
            move = self._taxed()
            with freeze_time(at("23:50:00", ZONE, day)):
                transaction = self._attempt(self._link(move))
                transaction._set_done()
                transactions |= transaction
        with freeze_time(at("12:00:00", ZONE, LATE)):
            transactions._post_process()
        self.assertEqual([tx.payment_id.date for tx in transactions], days)
        moves = [tx.paylink_id.line_ids.move_id for tx in transactions]
        self.assertEqual([self._vat_entries(move).date for move in moves], days)
