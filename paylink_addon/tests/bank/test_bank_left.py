from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..common import ROLES
from .bank_common import BankCommon

MARIES = "FR1420041010050500013M02606"


@tagged("post_install", "-at_install")
class TestBankLeft(BankCommon):
    """What is left to people: lines for which nothing was found, and what is found beyond the line's own company."""

    def _row(self, line):
        return line.paylink_match_ids.filtered(lambda match: match.state in ("unknown", "proposed"))

    def _choose(self, line, user=None, **chosen):
        user = user or self.env.user
        action = self._row(line).with_user(user).action_choose()
        Choose = self.env["paylink.bank.match.choose"].with_user(user).with_context(**action["context"])
        return Choose.create({name: [Command.set(records.ids)] for name, records in chosen.items()})

    # === NOTHING FOUND === #

    def test_lines_for_which_nothing_was_found_are_listed(self):
        """With the reason, until they are reconciled or put away; the card of the journal says how many there are."""
        lines = self._bank_lines(("VIR INCONNU", 12.34), ("VIR AUTRE", 56.78), ("PRLV", -5))
        rows = lines.paylink_match_ids
        self.assertEqual(rows.line_id, lines[:2])
        self.assertEqual(set(rows.mapped("state")), {"unknown"})
        self.assertTrue(all("o link, invoice or customer was found" in why for why in rows.mapped("why")))
        self.assertEqual(self._to_match(), "2 transfers to match")
        self.assertIn("look for it by hand", rows[0].action_accept()["params"]["message"])
        self._run_cron("ir_cron_paylink_match")
        self.assertEqual(lines.paylink_match_ids, rows, "they stay as they are")
        self._row(lines[0]).action_reject()
        self._run_cron("ir_cron_paylink_match")
        self.assertFalse(self._row(lines[0]), "put away")
        self.assertEqual(self._to_match(), "1 transfer to match")
        action = self.bank_journal.action_paylink_to_match()
        self.assertEqual(self.env["paylink.bank.match"].search(action["domain"]), lines.paylink_match_ids)
        suspense = lines[1]._seek_for_lines()[1]
        suspense.account_id = self.company_data["default_account_revenue"]
        self.assertFalse(self._to_match(), "somebody has reconciled it in Odoo")

    def _to_match(self):
        return self.bank_journal._get_journal_dashboard_data_batched()[self.bank_journal.id].get("paylink_to_match")

    def test_a_match_takes_the_place_of_nothing(self):
        invoice = self._invoice(amount=55)
        line = self._bank_line("VIR", 55)
        link = self._link(invoice)
        line.with_context(skip_account_move_synchronization=True).payment_ref = link.transfer_reference
        self._run_cron("ir_cron_paylink_match")
        self.assertEqual(line.paylink_match_ids.mapped("state"), ["accepted"])

    def test_look_for_it_by_hand(self):
        """A link, invoices, or nothing yet of a customer's; it can be undone as any other match."""
        link = self._link(self._invoice(self.john, amount=100))
        invoices = self._invoice(amount=30) | self._invoice(amount=50)
        for name, chosen, settled in (
            ("a link", {"link_ids": link}, link.line_ids.move_id),
            ("invoices", {"invoice_ids": invoices}, invoices),
        ):
            with self.subTest(name):
                line = self._bank_line("VIR", sum(settled.mapped("amount_total")) + 7)
                dialog = self._choose(line, **chosen)
                self.assertEqual(dialog.due + 7, line.amount)
                dialog.action_match()
                self.assertTrue(line.is_reconciled)
                self.assertEqual(set(settled.mapped("payment_state")), {"paid"})
                match = line.paylink_match_ids
                self.assertEqual((match.state, match.reasons), ("accepted", "chosen,over"))
                match.action_undo()
                self.assertEqual(set(settled.mapped("payment_state")), {"not_paid"})
                self.assertFalse(line.is_reconciled)
        line = self._bank_line("VIR", 40)
        dialog = self._choose(line)
        dialog.partner_id = self.john
        dialog.action_match()
        credit = line.move_id.line_ids.filtered(lambda item: item.account_type == "asset_receivable")
        self.assertEqual((credit.partner_id, credit.balance, line.is_reconciled), (self.john, -40, True))
        line.paylink_match_ids.action_undo()
        self.assertFalse(line.is_reconciled)

    def test_what_can_not_be_chosen(self):
        """Nothing; what is paid; another currency or company; without the right to match, or to read the invoice."""
        line = self._bank_line("VIR", 40)
        paid, cancelled = self._invoice(amount=40), self._link(self._invoice(amount=40))
        self._pay(self._link(paid))
        cancelled.action_cancel()
        abroad = self._invoice(amount=40, currency_id=self._pounds().id)
        theirs = self._invoice_of(self._other_company(), 40)
        for name, chosen in (
            ("nothing", {}),
            ("paid", {"invoice_ids": paid}),
            ("cancelled", {"link_ids": cancelled}),
            ("other currency", {"invoice_ids": abroad}),
            ("other company", {"invoice_ids": theirs}),
            ("both", {"link_ids": self._link(self._invoice(amount=1)), "invoice_ids": self._invoice(amount=39)}),
        ):
            with self.subTest(name), self.assertRaises(UserError):
                self._choose(line, **chosen).action_match()
        with self.assertRaises(AccessError):
            self._row(line).with_user(self._user("seller", ROLES["seller"])).action_choose()
        manager, link = self._user("manager", ROLES["manager"]), self._link(self._invoice(amount=40))
        with self.assertRaises(AccessError):
            self._choose(line, manager, invoice_ids=paid)
        self._choose(line, manager, link_ids=link).action_match()
        self.assertEqual((line.is_reconciled, link.state), (True, "paid"))

    def _invoice_of(self, company, amount):
        invoice = (
            self.env["account.move"]
            .with_company(company)
            .create(
                {
                    "move_type": "out_invoice",
                    "partner_id": self.marie.id,
                    "invoice_date": "2026-01-05",
                    "invoice_line_ids": [Command.create({"name": "Work", "price_unit": amount, "tax_ids": []})],
                }
            )
        )
        invoice.action_post()
        return invoice

    def _pounds(self):
        gbp = self.env.ref("base.GBP")
        gbp.active = True
        return gbp

    # === BEYOND === #

    def test_another_currency_says_what_to_do(self):
        """The line of the bank is in its own currency: as soon as it says what that is in the link's, it is matched."""
        link = self._link(self._invoice(amount=100, currency_id=self._pounds().id))
        line = self._bank_line(link.transfer_reference, 126)
        row = self._row(line)
        self.assertEqual((row.state, row.link_ids), ("unknown", link))
        self.assertIn("another currency", row.why)
        line.write({"foreign_currency_id": link.currency_id.id, "amount_currency": 100})
        line.action_paylink_match()
        self.assertEqual((line.is_reconciled, link.state), (True, "paid"))

    def test_branches_are_paid_at_the_bank_of_their_company(self):
        """As Odoo reconciles them: by reference, by the customer's account, as a free amount; not the other way."""
        self.company.child_ids = [Command.create({"name": "Branch"})]
        branch = self.company.child_ids
        self.env.cr.precommit.run()  # its chart of accounts
        self.env.user.company_ids |= branch
        self.env = self.env(context={**self.env.context, "allowed_company_ids": (self.company | branch).ids})
        self._iban(self.marie, MARIES)
        by_link, by_account = (self._invoice_of(branch, amount) for amount in (100, 65))
        link, free = self._link(by_link), self._free_link(20, company_id=branch.id)
        lines = self._bank_lines(
            (link.transfer_reference, 100),
            ("VIR", 65, {"account_number": MARIES}),
            (free.transfer_reference, 20),
        )
        self.assertEqual(lines.mapped("is_reconciled"), [True] * 3, lines.paylink_match_ids.mapped("why"))
        self.assertEqual([by_link.payment_state, by_account.payment_state], ["paid", "paid"])
        self.assertEqual([link.state, free.state], ["paid", "paid"])
        self.assertEqual(link.transaction_ids.company_id, branch)
        lines.paylink_match_ids.action_undo()
        self.assertEqual([by_link.payment_state, link.state, free.state], ["not_paid", "open", "open"])
        # A branch's own bank does not pay what its head office is owed.
        journal = self.bank_journal.copy({"company_id": branch.id, "code": "BRB"})
        head = self._link(self._invoice(amount=33))
        self.assertFalse(self._bank_line(head.transfer_reference, 33, journal_id=journal.id).is_reconciled)

    # === WHAT FOLLOWS === #

    def test_invoices_without_a_link_say_what_has_paid_them(self):
        """In the language of their company."""
        self.company.partner_id.lang = "fr_FR" if self.env.ref("base.lang_fr").active else "en_US"
        self._iban(self.marie, MARIES)
        invoice = self._invoice(amount=64)
        self._bank_line("VIR 4711", 64, account_number=MARIES)
        self.assertEqual(invoice.payment_state, "paid")
        notes = [body for body in invoice.message_ids.mapped("body") if "VIR 4711" in body]
        self.assertEqual(len(notes), 1)

    def test_announced_wire_transfers_do_not_stay_pending(self):
        """Odoo's own provider notes that money will come; once it is there, nothing waits for it."""
        link = self._link(self._invoice(amount=100))
        announced = self._attempt(link)
        portal = self._invoice(amount=80)
        self.env.cr.execute("UPDATE payment_provider SET code = 'custom' WHERE id = %s", [self.provider.id])
        self.provider.invalidate_recordset(["code"])
        announced._set_pending()
        other = self._create_transaction(
            "redirect", reference="S0001", amount=80, invoice_ids=[Command.set(portal.ids)]
        )
        other._set_pending()
        self._bank_line(link.transfer_reference, 100)
        self.assertEqual((link.state, announced.state, other.state), ("paid", "cancel", "pending"))
        self._choose(self._bank_line("VIR", 80), invoice_ids=portal).action_match()
        self.assertEqual((portal.payment_state, other.state), ("paid", "cancel"))
