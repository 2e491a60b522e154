from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger
from psycopg2.errors import UniqueViolation

from .common import WalletCommon


@tagged("post_install", "-at_install")
class TestWalletProgram(WalletCommon):
    """The program and its account: made, checked, kept apart by company, hidden from who keeps no books."""

    def test_set_up_twice_makes_one_of_each(self):
        self.company._paylink_set_up_wallet()
        self.assertEqual(self.company._paylink_ewallets(), self.program)
        self.assertEqual(self.account.account_type, "liability_current")
        self.assertEqual(
            self.program.reward_ids.discount_line_product_id.with_company(self.company).property_account_income_id,
            self.account,
        )

    def test_account_is_found_again(self):
        """As after the add-on was uninstalled and installed again: the products remember the account."""
        self.program.paylink_account_id = False
        self.company._paylink_set_up_wallet()
        self.assertEqual(self.program.paylink_account_id, self.account)

    def test_reward_made_later_is_booked_on_the_account(self):
        self.program.reward_ids = [
            Command.create({"discount_mode": "per_point", "discount": 1, "discount_applicability": "order"})
        ]
        products = self.program.reward_ids.discount_line_product_id.with_company(self.company)
        self.assertEqual((len(products), products.property_account_income_id), (2, self.account))

    def test_companies_have_wallets_of_their_own(self):
        other = self._other_company()
        theirs = other._paylink_wallet_program()
        self.assertNotEqual((theirs, theirs.paylink_account_id), (self.program, self.account))
        self.assertEqual(theirs.company_id, other)
        self._pay(self._wallet_link(50))
        self.assertFalse(self.env["loyalty.card"].search([("program_id", "=", theirs.id)]))
        product = self.program.reward_ids.discount_line_product_id
        self.assertNotEqual(product.with_company(other).property_account_income_id, self.account)
        with self.assertRaisesRegex(ValidationError, "can't hold wallets"), self.env.cr.savepoint():
            theirs.paylink_account_id = self.account

    def test_what_is_missing_is_said(self):
        bare = self.env["res.company"].create({"name": "Bare"})
        with self.assertRaisesRegex(UserError, "Bare has no chart of accounts"):
            bare._paylink_wallet_program()
        self.program.paylink_account_id = False
        with self.assertRaisesRegex(UserError, "has no wallet account: ask an accountant"):
            self.marie.action_paylink_top_up()

    def test_account_that_is_missing_when_the_money_comes_is_a_task_and_booked_later(self):
        link = self._wallet_link(50)
        tx = self._attempt(link)
        tx._set_done()
        self.program.paylink_account_id = False
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual((tx.is_post_processed, len(link.activity_ids)), (False, 1))
        self.assertFalse(self._card())
        self.program.paylink_account_id = self.account
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual((tx.is_post_processed, self._card().points), (True, 50))
        self._assert_wallets_match_books(50)

    def test_accounts_that_cannot_hold_wallets(self):
        income = self.company_data["default_account_revenue"]
        with self.assertRaisesRegex(ValidationError, "can't hold wallets"), self.env.cr.savepoint():
            self.program.paylink_account_id = income
        with (
            self.assertRaisesRegex(ValidationError, "it must be an eWallet and belong to one company"),
            self.env.cr.savepoint(),
        ):
            self.program.company_id = False
        second = self.company._paylink_create_ewallet()
        with self.assertRaises(UniqueViolation), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            second.paylink_account_id = self.account
            second.flush_recordset()

    def test_salesperson_asks_without_seeing_the_books(self):
        seller = self._user("wallet-seller", "sales_team.group_sale_salesman")
        action = self.marie.with_user(seller).action_paylink_top_up()
        wizard = self.env["paylink.send"].with_user(seller).with_context(**action["context"]).create({"amount": 60})
        wizard.action_send()
        self.assertEqual((wizard.link_ids.kind, wizard.link_ids.user_id), ("wallet", seller))
        with self.assertRaises(AccessError):
            self.program.with_user(seller).read(["paylink_account_balance"])
        with self.assertRaises(AccessError):
            self.env["paylink.link"].with_user(seller).create(
                {"partner_id": self.marie.id, "amount": 5, "kind": "wallet"}
            )
        employee = self._user("wallet-employee", "base.group_user")
        with self.assertRaises(AccessError):
            wizard = self.env["paylink.send"].with_user(employee).create({"kind": "wallet"})

    def test_form_shows_the_comparison(self):
        self._pay(self._wallet_link(50))
        self.env.user.group_ids |= self.env.ref("account.group_account_invoice")
        with Form(self.program) as form:
            self.assertEqual(form.paylink_difference, 0)
            self.assertEqual(form.paylink_account_balance, 50)
        action = self.program.action_paylink_journal_items()
        self.assertEqual(sum(self.env["account.move.line"].search(action["domain"]).mapped("balance")), -50)

    def test_archived_program_gets_what_is_on_its_way(self):
        """No second program takes its place: the money is where it was asked for, and somebody's task."""
        self.program.reward_ids.discount = 0.5
        self._pay(self._wallet_link(30))
        link = self._wallet_link(50)
        self.program.action_archive()
        self._pay(link)
        programs = self.env["loyalty.program"].with_context(active_test=False)
        domain = [("program_type", "=", "ewallet"), ("company_id", "=", self.company.id)]
        self.assertEqual(programs.search(domain), self.program)
        self.assertEqual((len(self._card()), self._card().points), (1, 160))
        self._assert_wallets_match_books(80)
        self.assertIn("archived", link.activity_ids.summary)
        with self.assertRaisesRegex(ValidationError, "is archived"):
            self._wallet_link(20)
        self.program.action_unarchive()
        self.assertFalse(self._pay(self._wallet_link(20)).paylink_id.activity_ids)
