from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .autopay_common import AutopayCommon


@tagged("post_install", "-at_install")
class TestAutopayInvoice(AutopayCommon):
    """What an invoice tells, and what is done there by hand; reminders and what is foreseen follow."""

    def _plan(self, move):
        move.invalidate_recordset()
        return move.with_user(self.manager).with_context(lang="en_US").paylink_autopay_plan

    def test_plan_on_the_invoice(self):
        """When it will be charged, to what, or why not; nothing, where the customer has no automatic payment."""
        invoice = self._due_invoice(late=-5)
        self.assertEqual(self._plan(invoice), "No rule charges it.")
        rule = self._rule(amount_min=500)
        self.assertIn("below the rule's minimum", self._plan(invoice))
        rule.amount_min = 0
        for text in (self._days(5).strftime("%m/%d/%Y"), "100.00", "4242"):
            self.assertIn(text, self._plan(invoice))
        self.token.paylink_refused_at = "2026-01-01"
        self.assertIn("refused it for good", self._plan(invoice))
        self.company.paylink_autopay = False
        self.assertEqual(self._plan(invoice), "Automatic payments are off.")
        self.marie.paylink_autopay = False
        self.assertFalse(self._plan(invoice))

    def test_skip_and_undo(self):
        self._rule()
        invoice = self._due_invoice()
        mine = invoice.with_user(self.manager)
        mine.action_paylink_autopay_skip()
        self.assertTrue(mine.paylink_autopay_skipped)
        self.assertFalse(self._run_rules())
        mine.action_paylink_autopay_resume()
        self.assertTrue(self._run_rules())
        employee = self._user("employee", "base.group_user")
        for user in (employee, self.env.ref("base.public_user")):
            with self.assertRaises(AccessError):
                invoice.with_user(user).action_paylink_autopay_skip()

    def test_charge_now(self):
        """Whatever the rules say, when it was seen how much, to what and what for; once, however often one clicks."""
        invoice, _other = self._due_invoice(late=-20), self._due_invoice(amount=7)
        dialog = self._charge_dialog(invoice)
        self.assertFalse(self.env["payment.transaction"].search([("token_id", "=", self.token.id)]))
        self.assertEqual((dialog.total, dialog.token_id, dialog.line_ids.name), (100, self.token, invoice.name))
        for _time in range(2):
            dialog.action_charge()
        self._run_cron("ir_cron_paylink_send")
        tx = self.env["payment.transaction"].search([("token_id", "=", self.token.id)])
        self.assertEqual((tx.state, tx.amount, tx.paylink_id.user_id), ("done", 100, self.manager))
        with self.assertRaises(UserError):
            invoice.with_user(self.manager).action_paylink_charge_now()
        self._run_cron("ir_cron_paylink_book")
        self.assertEqual(invoice.payment_state, "paid")

    def test_from_the_list(self):
        """Each automatic payment is skipped, taken up again, charged, and leads to its link: for who may do that."""
        self._rule(at_end="task", retry_other="")
        invoice = self._due_invoice()
        self._run_rules()._set_error("No.")
        row = self._row(invoice).with_user(self.manager)
        self.assertTrue(row.can_charge and row.can_open_link)
        row.action_skip()
        self.assertTrue(row.is_skipped)
        row.action_resume()
        self.assertFalse(row.is_skipped)
        self.assertEqual(row.action_open_link()["res_id"], self._row(invoice).link_id.id)
        action = row.action_charge_now()
        self.assertEqual(action["context"]["paylink_item_ids"], self._items(invoice).ids)
        employee = self._row(invoice).with_user(self._user("employee", "base.group_user"))
        for method in ("action_skip", "action_resume", "action_charge_now", "action_open_link"):
            with self.subTest(method), self.assertRaises(AccessError):
                getattr(employee, method)()

    def test_list_of_a_salesperson(self):
        """Who sees invoices of their own sees what became of those, and can charge what nobody is paying."""
        self._rule(at_end="task", retry_other="")
        seller = self._user("seller", "sales_team.group_sale_salesman,paylink_addon.group_paylink_user")
        own, others = (self._due_invoice(invoice_user_id=user.id) for user in (seller, self.manager))
        self._run_rules()._set_error("No.")
        rows = (
            self.env["paylink.autopay.item"].with_user(seller).search_read([], ["display_name", "amount", "can_charge"])
        )
        self.assertEqual([(row["display_name"], row["can_charge"]) for row in rows], [(own.name, True)])
        with self.assertRaises(AccessError):
            self._row(others).with_user(seller).action_skip()
        self._attempt(self._link(own))._set_pending()
        self.assertFalse(self._row(own).with_user(seller).can_charge)

    def test_company_of_the_invoice(self):
        """Not the one that the user works in: dialogs that charge it, or ask for a card."""
        invoice, other = self._due_invoice(), self._other_company(name="Other")
        manager = self.manager
        manager.company_ids += other
        elsewhere = invoice.with_user(manager).with_context(allowed_company_ids=[other.id, self.company.id])
        context = elsewhere.action_paylink_charge_now()["context"]
        dialog = elsewhere.env["paylink.profile.charge"].with_context(**context).create({})
        self.assertEqual((dialog.total, dialog.currency_id), (100, self.company.currency_id))
        dialog.action_charge()
        self.assertEqual(dialog.link_id.company_id, self.company)
        card = elsewhere.env["paylink.card.send"].with_context(active_model="account.move", active_ids=invoice.ids)
        self.assertEqual(card.create({}).company_id, self.company)

    def test_charge_now_is_refused(self):
        """Without the right, without a method that works, for what is on its way, disputed, or paid."""
        reader = self._user("reader", "account.group_account_readonly")
        invoice = self._due_invoice()
        with self.assertRaises(AccessError):
            invoice.with_user(reader).action_paylink_charge_now()
        johns = self._due_invoice(self.john)
        with self.assertRaisesRegex(UserError, "request a card"):
            johns.with_user(self.manager).action_paylink_charge_now()
        self._attempt(self._link(invoice))._set_pending()
        with self.assertRaisesRegex(UserError, "in progress"):
            invoice.with_user(self.manager).action_paylink_charge_now()
        self.assertFalse(self.env["payment.transaction"].search([("token_id", "!=", False)]))

    def test_reminders_follow(self):
        """What will be charged is not reminded, unless the rule says so; what could not be charged is."""
        self._rule(at_end="reminder", retry_other="")
        invoice = self._due_invoice(late=5)
        reminding = self.env["paylink.reminder.rule"].create(
            {"name": "Overdue", "include_link": False, "step_ids": [(0, 0, {"days": 3})]}
        )

        def reminded():
            return [pick.move_id for pick in reminding._pick(self.today)]

        self.assertFalse(reminded())
        reminding.remind_autopay = True
        self.assertEqual(reminded(), invoice.ids)
        reminding.remind_autopay = False
        self.company.paylink_autopay = False
        self.assertEqual(reminded(), invoice.ids)
        self.company.paylink_autopay = True
        self._run_rules()._set_error("No.")
        self.assertEqual(reminded(), invoice.ids)

    def test_two_at_once_charge_once(self):
        """Who comes second finds the wish of the first: nothing is left to charge."""
        rule, _invoice = self._rule()._of_company(self.company), self._due_invoice()
        charges, _others = rule._charges(rule._pick(self.today), self.today)
        first = rule._charge(charges)
        self.assertTrue(first)
        self.assertFalse(rule._charge(charges))

    def test_days_to_come(self):
        """Limits and credits are used up day by day; each left out has its reason."""
        rule = self._rule(grouping="document")
        self.marie.write({"paylink_autopay_has_month_cap": True, "paylink_autopay_month_cap": 160})
        moves = [self._due_invoice(amount=amount, late=-1) for amount in (100, 80)]
        self._invoice(amount=30, move_type="out_refund")
        moves.append(self._due_invoice(amount=60, late=-1))
        skipped = self._due_invoice(late=-1)
        skipped.with_user(self.manager).action_paylink_autopay_skip()
        charged, left = rule._of_company(self.company)._foresee(self.today, self._days(30))
        found = [(day, charge.total()) for day, charge in charged]
        self.assertEqual(found, [(self._days(1), 70), (self._days(1), 80)])
        reasons = {plan.due.move_id: reason for plan, reason in left}
        self.assertEqual(reasons, {moves[2].id: "month_cap", skipped.id: "not_skipped"})

    def test_later_items_are_not_looked_at(self):
        """An invoice says what is planned of it; of what else is open only what uses limits up before it matters."""
        rule = self._rule(grouping="document")._of_company(self.company)
        self.marie.write({"paylink_autopay_has_month_cap": True, "paylink_autopay_month_cap": 160})
        first, second, third = (self._due_invoice(amount=70, late=-1) for _number in range(3))
        skipped, _later = self._due_invoice(late=-2), self._due_invoice(late=-3)
        skipped.with_user(self.manager).action_paylink_autopay_skip()
        looked_at, charges = set(), type(rule)._charges

        def counted(records, dues, *args):
            looked_at.update(due.move_id for due in dues)
            return charges(records, dues, *args)

        before = {first.id, second.id, third.id}
        for move, wanted, others in (
            (second, "Planned on", before),
            (third, "limit of this month", before),
            (skipped, "said that it is not charged", set()),
        ):
            with self.subTest(wanted), patch.object(type(rule), "_charges", counted):
                looked_at.clear()
                self.assertIn(wanted, self._plan(move))
                self.assertEqual(looked_at, others)

    def test_preview(self):
        """Day by day what is charged, to what; what is left out, and why, in words; not without the right."""
        self._rule(grouping="document")
        later, skipped = self._due_invoice(late=-4), self._due_invoice(amount=80)
        skipped.with_user(self.manager).action_paylink_autopay_skip()
        Preview = self.env["paylink.autopay.preview"].with_user(self.manager).with_company(self.company)
        lines = (
            self.env["paylink.autopay.preview.line"].with_user(self.manager).search(Preview._action_open()["domain"])
        )
        charge, left = lines.sorted("state")
        self.assertEqual((charge.state, charge.date, charge.documents), ("charge", self._days(4), later.name))
        self.assertEqual((charge.customer_id, charge.method), (self.marie, self.token.display_name))
        self.assertIn("100", charge.amount_display)
        self.assertEqual((left.state, left.documents), ("left_out", skipped.name))
        self.assertIn("not charged automatically", left.reason)
        seller = self._user("seller", "paylink_addon.group_paylink_user")
        with self.assertRaises(AccessError):
            self.env["paylink.autopay.preview"].with_user(seller)._action_open()

    def test_job_goes_on(self):
        """What fails with one customer is undone and told; the others are charged."""
        self._rule()
        self._due_invoice()
        self._profile(self.john)
        self._due_invoice(self.john)
        broken, rules = self.marie, type(self.env["paylink.autopay.rule"])
        charge = rules._charge

        def failing(records, charges):
            if any(one.dues[0].customer_id == broken.id for one in charges):
                raise ValueError("broken")
            return charge(records, charges)

        with patch.object(rules, "_charge", failing), self.assertLogs("odoo.addons.paylink_addon", "ERROR"):
            self._run_cron("ir_cron_paylink_autopay")
        self.assertEqual(self.env["payment.transaction"].search([("paylink_autopay", "=", True)]).partner_id, self.john)
