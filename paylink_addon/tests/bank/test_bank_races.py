from datetime import timedelta
from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged
from psycopg2 import OperationalError

from ...models.bank.paylink_bank_match_books import PaylinkBankMatchBooks
from .bank_common import BankCommon


@tagged("post_install", "-at_install")
class TestBankRaces(BankCommon):
    """Others work on the same at the same time; something fails between two steps; many lines come at once."""

    def _deciding(self, line):
        """What is decided of a line, and not done yet."""
        return self.env["paylink.bank.match"].sudo()._create_of(line._paylink_decide())

    def _later(self, label, amount):
        """A line that is not matched as it comes."""
        with patch.object(type(self.env["account.bank.statement.line"]), "_paylink_match_new"):
            return self._bank_line(label, amount)

    def test_paid_by_card_meanwhile(self):
        """Nothing is matched on what was so; then the money is an open credit, and somebody's task."""
        invoice = self._invoice(amount=100)
        link = self._link(invoice)
        line = self._later(link.transfer_reference, 100)
        match = self._deciding(line)
        self._pay(link)
        self.assertFalse(match._accept_proven()[0])
        self.assertFalse(line.is_reconciled)
        line.action_paylink_match()
        self.assertFalse(line.is_reconciled)
        self.assertEqual(line.paylink_match_ids.reasons, "reference,paid_already")
        line.paylink_match_ids.action_accept()
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual(len(link.activity_ids), 1)

    def test_two_workers(self):
        """Whoever comes second finds the line matched."""
        link = self._link(self._invoice(amount=100))
        line = self._later(link.transfer_reference, 100)
        first, second = self._deciding(line), self._deciding(line)
        self.assertEqual(first._accept_proven()[0], first)
        self.assertFalse(second.exists() and second._accept_proven()[0])
        self.assertEqual((len(link.transaction_ids), link.amount_paid), (1, 100))

    def test_others_hold_what_is_to_be_paid(self):
        """The line comes all the same; the job matches it."""
        link = self._link(self._invoice(amount=100))
        with patch.object(type(link), "_wait_and_hold", side_effect=OperationalError("busy")):
            line = self._bank_line(link.transfer_reference, 100)
        self.assertFalse(line.is_reconciled)
        self._run_cron("ir_cron_paylink_match")
        self.assertTrue(line.is_reconciled)
        self.assertEqual(link.state, "paid")

    def test_one_that_fails_holds_up_no_other(self):
        """It stays a proposal that says why, the others are matched; it is logged once, and tried again later."""
        links = [self._link(self._invoice(amount=amount)) for amount in (10, 20, 30)]
        settle = PaylinkBankMatchBooks._settle

        def fail(match):
            if match.amount == 20:
                raise ValueError("broken")
            return settle(match)

        logger = "odoo.addons.paylink_addon.models.bank.paylink_bank_match_books"
        with patch.object(PaylinkBankMatchBooks, "_settle", fail), self.assertLogs(logger, "WARNING") as logged:
            lines = self._bank_lines(*((link.transfer_reference, link.amount) for link in links))
        self.assertEqual([line.is_reconciled for line in lines], [True, False, True])
        self.assertEqual([link.state for link in links], ["paid", "open", "paid"])
        self.assertFalse(links[1].transaction_ids)
        proposed = lines[1].paylink_match_ids
        self.assertIn("could not be booked: broken", proposed.why)
        self.assertEqual((proposed.score < 100, len(logged.output)), (True, 1))
        lines[1].action_paylink_match()
        self.assertEqual(links[1].state, "paid")

    def test_the_same_reference_twice(self):
        """Two lines of one file name one link: it is paid once; accepted, the other money is a credit."""
        link = self._link(self._invoice(amount=100))
        lines = self._bank_lines((link.transfer_reference, 100), (link.transfer_reference, 100))
        self.assertEqual(lines.mapped("is_reconciled"), [True, False])
        lines[1].paylink_match_ids.action_accept()
        self.assertEqual((link.state, link.amount_paid, len(link.transaction_ids)), ("paid", 200, 2))
        self.assertIn("paid_already", lines[1].paylink_match_ids.reasons)

    def test_link_made_after_the_line(self):
        """The job finds it; what has been proposed stays what it is."""
        invoice, other = self._invoice(amount=55), self._invoice(amount=66)
        line = self._bank_line("Virement", 55)
        proposed = self._bank_line(other.name, 66)
        before = proposed.paylink_match_ids
        link = self._link(invoice)
        line.with_context(skip_account_move_synchronization=True).payment_ref = link.transfer_reference
        self._run_cron("ir_cron_paylink_match")
        self.assertEqual((line.is_reconciled, link.state), (True, "paid"))
        self.assertEqual(proposed.paylink_match_ids, before)

    def test_receipt_and_owner(self):
        """Who pays by transfer gets a receipt, and the owner is told, once."""
        link = self._link(self._invoice(amount=100), email="marie@example.com")
        self._bank_line(link.transfer_reference, 100)
        self.assertFalse(self._customer_mails(link))
        for _run in range(2):
            self._run_cron("ir_cron_paylink_book")
        self.assertEqual(len(self._customer_mails(link)), 1)
        self.assertEqual((link.unread, link.attempt_count), (True, 1))

    def test_announced_transfer_is_likelier(self):
        """What the customer has said raises the score, and is never proof."""
        one, two = self._link(self._invoice(amount=40)), self._link(self._invoice(self.john, amount=40))
        two.sudo().write({"transfer_claim_date": two._today() - timedelta(days=1), "transfer_claim_amount": 40})
        self._iban(self.john, "DE89370400440532013000")
        self._invoice(self.john, amount=40)
        line = self._bank_line("VIR", 40, account_number="DE89 3704 0044 0532 0130 00")
        self.assertFalse(line.is_reconciled)
        best = line.paylink_match_ids.sorted("score", reverse=True)
        self.assertEqual(best[0].link_ids, two)
        self.assertGreater(best[0].score, best[1].score)
        unknown = self._bank_line("VIR", 40)
        self.assertEqual(unknown.paylink_match_ids.link_ids, two)
        self.assertNotIn(one, unknown.paylink_match_ids.link_ids)

    def test_queries_do_not_grow_with_lines(self):
        """Finding asks as often for one line as for many; reconciling takes few queries for each."""
        links = [self._link(self._invoice(amount=10 + number)) for number in range(24)]
        lines = [self._later(link.transfer_reference, link.amount) for link in links]
        lines[0]._paylink_decide()
        asked = []
        for count in (1, 20):
            some = self.env["account.bank.statement.line"].union(*lines[:count])
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(len(some._paylink_decide()), count)
            asked.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(asked[1], asked[0])
        self.assertLessEqual(asked[0], 11)

        def queries(some):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.env["account.bank.statement.line"].union(*some).sudo()._paylink_match()
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        queries(lines[:2])
        few, many = queries(lines[2:4]), queries(lines[4:])
        self.assertTrue(all(line.is_reconciled for line in lines))
        self.assertLessEqual((many - few) / 18, 14)

    def test_several_receivable_accounts(self):
        """Each item is settled on its own account, by lines of one entry."""
        other = self.company_data["default_account_receivable"].copy()
        invoices = self._invoice(amount=30), self._invoice(amount=70, post=False)
        invoices[1].line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        ).account_id = other
        invoices[1].action_post()
        link = self._link(invoices[0] | invoices[1])
        line = self._bank_line(link.transfer_reference, 100)
        self.assertEqual([invoice.payment_state for invoice in invoices], ["paid", "paid"])
        self.assertEqual(link.state, "paid")
        line.paylink_match_ids.action_undo()
        self.assertEqual([invoice.payment_state for invoice in invoices], ["not_paid", "not_paid"])

    def test_foreign_currency(self):
        """The journal's own currency, and one that the line names beside it."""
        for name, rate, amount in (("GBP", 0.8, 100), ("JPY", 120, 15000), ("KWD", 0.3, 37.125)):
            with self.subTest(name):
                currency = self.env.ref(f"base.{name}")
                currency.active = True
                currency.rate_ids = [
                    Command.create({"name": "2020-01-01", "rate": rate, "company_id": self.company.id})
                ]
                link = self._link(self._invoice(amount=amount, currency_id=currency.id))
                line = self._bank_line(
                    link.transfer_reference, 126, foreign_currency_id=currency.id, amount_currency=amount
                )
                self.assertEqual((line.is_reconciled, link.state), (True, "paid"))
                self.assertEqual(link.line_ids.move_id.payment_state, "paid")
