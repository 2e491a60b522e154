from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .stripe_account_common import StripeAccountCommon


@tagged("post_install", "-at_install")
class TestStripeAccount(StripeAccountCommon):
    """Stripe's account as a bank account: set up, booked, reconciled."""

    # === SET-UP === #

    def test_set_up_makes_what_is_needed(self):
        """Journal, account, an account of its own for payments on their way: no manual payment shares it."""
        shared = self.provider._paylink_payment_method_line().payment_account_id
        balance = self.use_as_account()
        journal = self.provider.journal_id
        self.assertEqual(
            (journal.type, journal.paylink_balance_id, journal.company_id), ("bank", balance, self.company)
        )
        self.assertEqual(journal.default_account_id.account_type, "asset_cash")
        line = self.provider._paylink_payment_method_line()
        self.assertEqual((line.journal_id, line.payment_account_id), (journal, balance.outstanding_account_id))
        self.assertTrue(line.payment_account_id.reconcile)
        self.assertEqual(balance.former_account_id, shared)
        lines = self.env["account.payment.method.line"].search(
            [("payment_account_id", "=", balance.outstanding_account_id.id)]
        )
        self.assertEqual(lines, line)
        tx = self.paid()
        self.assertEqual(tx.payment_id.outstanding_account_id, balance.outstanding_account_id)
        self.assertEqual(self.use_as_account(), balance, "a second time: nothing new")

    def test_french_chart(self):
        self.company.sudo().chart_template = "fr"
        balance = self.use_as_account()
        self.assertTrue(balance.journal_ids.default_account_id.with_company(self.company).code.startswith("517"))

    def test_who_may_set_it_up(self):
        for groups, may in (
            ("account.group_account_manager", True),
            ("base.group_system", False),
            ("account.group_account_invoice", False),
            ("paylink_addon.group_payment_manager", False),
        ):
            with self.subTest(groups):
                user = self._user(groups, groups)
                provider = self.provider.with_user(user)
                if may:
                    self.assertTrue(provider.action_paylink_use_as_account())
                    Setup = self.env["paylink.balance.setup"].with_user(user)
                    offered = Setup.default_get(["provider_id"]).get("provider_id")
                    self.assertEqual(offered or False, not provider.paylink_balance_id and provider.id)
                    Setup.create({"provider_id": provider.id}).action_use()
                else:
                    with self.assertRaises(AccessError):
                        provider._paylink_use_as_account({})
                    with self.assertRaises(AccessError):
                        self.env["paylink.balance.setup"].with_user(user).create({"provider_id": self.provider.id})
                    form = self._form_of_provider(user)
                    self.assertNotIn("action_paylink_use_as_account", form)
                    self.assertNotIn("paylink_balance_id", form)

    def _form_of_provider(self, user):
        """What the form of providers shows; nothing to those who may not read providers."""
        Provider = self.env["payment.provider"].with_user(user)
        view = self.env.ref("payment.payment_provider_form")
        return Provider.get_view(view.id)["arch"] if Provider.has_access("read") else ""

    def test_accountants_find_the_menus(self):
        """A menu below one that they don't have would be theirs in vain."""
        shown = ["paylink_receipt_menu", "paylink_payout_menu", "paylink_balance_day_menu"]
        shown.append("paylink_balance_menu")
        for group, names in (
            ("account.group_account_readonly", shown),
            ("account.group_account_invoice", [*shown, "paylink_bank_match_menu"]),
            ("account.group_account_manager", [*shown, "paylink_bank_match_menu", "paylink_balance_setup_menu"]),
        ):
            visible = self.env["ir.ui.menu"].with_user(self._user(f"menus of {group}", group))._visible_menu_ids()
            for name in names:
                with self.subTest(group=group, menu=name):
                    menu = self.env.ref(f"paylink_addon.{name}")
                    while menu:
                        self.assertIn(menu.id, visible)
                        menu = menu.parent_id

    def test_only_accounts_of_fees_are_changed_by_hand(self):
        balance = self.use_as_account().with_user(self._user("keeper", "account.group_account_manager"))
        balance.fee_account_id = self.company_data["default_account_expense"]
        for name, value in (
            ("since", "2020-01-01"),
            ("read_until", "2020-01-01"),
            ("is_even", False),
            ("account", "x"),
        ):
            with self.subTest(name), self.assertRaises(AccessError):
                balance.write({name: value})

    def test_another_company_can_not_keep_the_same_account(self):
        self.use_as_account()
        other = self._stripe_provider(self._other_company())
        self._connect(other, self.fake.account)
        with self.assertRaisesRegex(UserError, self.company.name):
            self.use_as_account(other, fee_account_id=self._expenses(other.company_id).id)

    def test_fees_are_booked_on_accounts_of_the_company(self):
        expenses = self._expenses(self._other_company())
        with self.assertRaisesRegex(UserError, "company"):
            self.use_as_account(fee_account_id=expenses.id)

    def _expenses(self, company):
        own = [("company_ids", "in", company.ids), ("account_type", "=", "expense")]
        return self.env["account.account"].sudo().with_company(company).search(own, limit=1)

    # === WHAT MOVES === #

    def test_all_that_moves_is_booked_and_reconciled(self):
        """Payments, fees, refunds, chargebacks with fees, corrections, Stripe's own fees, money from the bank."""
        balance = self.use_as_account()
        paid = [self.paid(100 + number) for number in range(4)]
        self.fake.refund(paid[0].paylink_stripe_intent, 1000)
        self.fake.refund(paid[1].paylink_stripe_intent)
        lost, won = (self.fake.dispute(tx.paylink_stripe_intent) for tx in paid[2:])
        self.deliver_and_handle()
        self.fake.close_dispute(lost["id"], won=False)
        self.fake.close_dispute(won["id"], won=True)
        self.fake.adjust(-300, category="fee")
        topped_up = self.fake.top_up(2000)["balance_transaction"]
        adjusted = self.fake.adjust(-77)["id"]
        self.keep_up()
        self.assert_even(balance)
        listed = self.moves().filtered("is_open")
        self.assertEqual(listed.mapped("name"), [topped_up, adjusted])
        self.assertIn("bank", listed[0].why)
        self.assertIn("account", listed[1].why)
        self.assertEqual(self.open_items(balance.outstanding_account_id), [])
        self.assertTrue(
            all(
                payment.state == "paid"
                for payment in self.env["account.payment"].search([("journal_id", "=", self.provider.journal_id.id)])
            )
        )
        fees = self.env["account.move.line"].search(
            [("account_id", "=", balance.fee_account_id.id), ("journal_id", "=", self.provider.journal_id.id)]
        )
        expected = sum(row.fee for row in self.fake.ledger()) + 300
        self.assertEqual(round(sum(fees.mapped("balance")) * 100), expected)
        self.assertFalse(self.env["paylink.dispute"].search([]).fee_move_id)
        before = self.env["account.move"].search_count([])
        self.keep_up()
        self.assertEqual(self.env["account.move"].search_count([]), before, "once")

    def test_money_before_its_payment(self):
        """A debit is on Stripe's balance before it is a payment in the books; one that fails never is."""
        balance = self.use_as_account()
        self.currency_euro.active = True
        values = {"currency_id": self.currency_euro.id}
        txs = [self.start(self._link(self._invoice(**values))) for _number in range(2)]
        for tx in txs:
            self.fake.pay(tx.paylink_stripe_session, "sepa_debit")
        self.keep_up()
        self.assertEqual(len(self.moves("charge").filtered("is_open")), 2)
        for tx, succeeds in zip(txs, (True, False), strict=True):
            self.fake.settle(self.fake.get(tx.paylink_stripe_session)["payment_intent"], succeeds)
        self.keep_up()
        self.assertFalse(self.moves().filtered("is_open"))
        self.assertEqual(self.open_items(balance.outstanding_account_id), [])
        self.assert_even(balance)
