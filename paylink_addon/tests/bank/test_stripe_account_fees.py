from odoo import Command
from odoo.tests import tagged

from .stripe_account_common import StripeAccountCommon


@tagged("post_install", "-at_install")
class TestStripeAccountFees(StripeAccountCommon):
    """What Stripe keeps is an expense with its taxes, however it is told."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Account = cls.env["account.account"]
        cls.deductible = Account.create({"name": "44566", "code": "445660", "account_type": "asset_current"})
        waits = {"name": "44564", "code": "445640", "account_type": "asset_current", "reconcile": True}
        cls.company.sudo().tax_exigibility = True
        cls.tax = cls.env["account.tax"].create(
            {
                "name": "20 % S",
                "amount": 20,
                "type_tax_use": "purchase",
                "company_id": cls.company.id,
                "tax_exigibility": "on_payment",
                "cash_basis_transition_account_id": Account.create(waits).id,
                "invoice_repartition_line_ids": cls._repartition("+"),
                "refund_repartition_line_ids": cls._repartition("-"),
            }
        )

    @classmethod
    def _repartition(cls, sign):
        name = f"{sign}paylink fees"
        tag = cls.env["account.account.tag"].create({"name": name, "applicability": "taxes"})
        account = cls.deductible
        return [
            Command.create({"repartition_type": "base"}),
            Command.create({"repartition_type": "tax", "account_id": account.id, "tag_ids": [Command.set(tag.ids)]}),
        ]

    def taxed(self):
        return self.use_as_account(fee_tax_ids=[Command.set(self.tax.ids)])

    def split(self, line):
        """What a line has on the account of fees, and on that of the tax."""
        items = line.move_id.line_ids
        expense = items.filtered(lambda item: item.account_id == line.journal_id.paylink_balance_id.fee_account_id)
        taxes = items.filtered(lambda item: item.account_id == self.deductible)
        self.assertEqual(len(items), 1 + len(expense) + len(taxes), items.account_id.mapped("name"))
        self.assertTrue(all(taxes.mapped("tax_tag_ids")))
        return round(sum(expense.mapped("balance")), 2), round(sum(taxes.mapped("balance")), 2)

    def test_each_fee_has_its_taxes(self):
        """Kept of a payment, or a row of its own: the tax in it is due at once, for the bank line is paid."""
        balance = self.taxed()
        tx = self.paid(100)
        self.fake.adjust(-300, category="fee")
        self.fake.adjust(60, category="fee")
        self.fake.adjust(-77, category="network_cost")
        self.keep_up()
        self.assertEqual(self.split(self.moves("charge").fee_line_id), (1.46, 0.29))
        self.assertEqual([self.split(move.line_id) for move in self.moves("fee")], [(2.5, 0.5), (-0.5, -0.1)])
        self.assertEqual(self.split(self.moves("network_cost").line_id), (0.64, 0.13))
        self.assertTrue(tx.partner_id)
        self.assertFalse(self.moves().fee_line_id.partner_id, "a fee is Stripe's")
        self.assertEqual(self.moves("charge").line_id.partner_id, tx.partner_id)
        self.assert_even(balance)

    def test_taxes_that_stripe_names_are_taxes_to_the_cent(self):
        """In the details of a fee, or as a row: nothing is taken out of fees that are net of it."""
        balance = self.taxed()
        self.paid(100)
        for row in self.fake.realm().all("balance_transaction"):
            row["fee_details"] = [{"type": "stripe_fee", "amount": 150}, {"type": "tax", "amount": 25}]
        self.fake.adjust(-300, category="fee")
        self.fake.adjust(-61, category="tax")
        self.keep_up()
        self.assertEqual(self.split(self.moves("charge").fee_line_id), (1.5, 0.25))
        self.assertEqual(self.split(self.moves("fee").line_id), (3, 0))
        self.assertEqual(self.split(self.moves("tax").line_id), (0, 0.61))
        self.assert_even(balance)

    def test_locked_tax_period_moves_fees_only(self):
        """The tax period is locked, the day is not: Stripe's balance on that day is what has moved."""
        balance = self.taxed()
        self.paid(100)
        today = self.company._paylink_today()
        self.company.sudo().tax_lock_date = today
        self.keep_up()
        move = self.moves("charge")
        self.assertEqual(move.line_id.date, today)
        self.assertGreater(move.fee_line_id.date, today)
        self.assertEqual(self.split(move.fee_line_id), (1.46, 0.29))
        days = self.env["paylink.balance.day"].search([("balance_id", "=", balance.id)], order="date")
        self.assertEqual(days.mapped("shifted"), [1.75, -1.75])
        self.assert_even(balance)

    def test_fees_with_taxes_come_to_what_was_kept(self):
        tax = self.env["account.tax"].create(
            {"name": "20 %", "amount": 20, "type_tax_use": "purchase", "company_id": self.company.id}
        )
        balance = self.use_as_account(fee_tax_ids=[Command.set(tax.ids)])
        self.paid(100)
        tx = self.paid(33.33)
        found = self.fake.dispute(tx.paylink_stripe_intent)
        self.deliver_and_handle()
        self.fake.close_dispute(found["id"], won=True)
        self.keep_up()
        for move in self.moves().filtered("fee"):
            items = move.fee_line_id.move_id.line_ids
            self.assertAlmostEqual(sum(items.mapped("balance")), 0)
            taxed = items.filtered("tax_line_id")
            expense = items.filtered(lambda item: item.account_id == balance.fee_account_id and item.tax_ids == tax)
            self.assertAlmostEqual(sum((taxed | expense).mapped("balance")), move.fee)
            self.assertAlmostEqual(taxed.balance, round(move.fee / 6, 2), delta=0.011)
        self.assert_even(balance)
