from datetime import timedelta

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, freeze_time, tagged

from ..reminder.reminder_common import TODAY
from .plan_common import PlanCommon


@tagged("post_install", "-at_install")
class TestPlanMake(PlanCommon):
    """Staff agree on a plan: within what customers may choose, or beyond it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._user("plan_seller", "paylink_addon.group_paylink_user,account.group_account_invoice")
        cls.everyone = cls._user("plan_all", "paylink_addon.group_paylink_all")

    def _dialog(self, record, user, **values):
        opener = getattr(record.with_user(user), "action_make_plan", None) or record.with_user(user).action_paylink_plan
        context = opener()["context"]
        return self.env["paylink.plan.make"].with_user(user).with_context(**context).create(values)

    def _parts(self, *parts):
        lines = [{"date_due": TODAY + timedelta(days=day), "amount": amount} for day, amount in parts]
        return [Command.clear(), *map(Command.create, lines)]

    def test_from_a_link_or_an_invoice(self):
        """An invoice that nobody has asked for gets a link of its own; else it is that one's plan."""
        for case in ("link", "invoice with a link", "invoice"):
            with self.subTest(case):
                invoice = self._due_invoice(10, amount=100)
                link = case != "invoice" and self._link(invoice, user_id=self.seller.id)
                record = link if case == "link" else invoice
                dialog = self._dialog(record, self.seller, count=3)
                self.assertEqual(dialog.line_ids.mapped("amount"), [33.34, 33.33, 33.33])
                self.assertEqual((dialog.amount, dialog.amount_left, dialog.problem), (100, 0, False))
                plan = self.env["paylink.plan"].browse(dialog.action_make()["res_id"])
                self.assertEqual((plan.state, plan.by_customer, plan.user_id), ("running", False, self.seller))
                self.assertEqual(plan.link_id.line_ids.move_id, invoice)
                if link:
                    self.assertEqual(plan.link_id, link)
                self.assertIn(plan.link_id.url, self._customer_mails(plan.link_id).body_html)
                self.assertEqual(len(self._time_line(plan.link_id, "plan_made")), 1)
                with self.assertRaisesRegex(UserError, "in parts already"):
                    dialog.action_make()

    def test_who_is_asked_for_the_first_part(self):
        """By the confirmation, which is an SMS where there is no e-mail address, else a colleague calls: who was not
        asked loses no plan. Who loses it is told by the same way.
        """
        for case, addresses, asked in (
            ("e-mail", {"email": "a@example.com"}, "mail"),
            ("mobile", {"email": False, "phone": "06 12 34 56 78"}, "sms"),
            ("nothing", {"email": False, "phone": False}, False),
        ):
            with self.subTest(case), self.env.cr.savepoint() as savepoint:
                partner = self._customer("Customer", **{"lang": "en_US", "email": False, "phone": False} | addresses)
                invoice = self._due_invoice(10, partner=partner, amount=100)
                plan = self.env["paylink.plan"].browse(self._dialog(invoice, self.seller).action_make()["res_id"])
                plan, first = plan.sudo(), plan.sudo().part_ids[0]
                self.assertEqual(bool(first.told_at), bool(asked))
                self.assertFalse(first._was_asked_for(), "It has not left yet")
                for _run in range(2):  # the task is given once
                    self._follow(0)
                    plan.followed_on = False
                self.assertEqual((bool(first.told_at), first._was_asked_for()), (bool(asked),) * 2)
                texts = ["payment plan agreed"] if asked == "sms" else []
                self.assertEqual(self._texts(plan), texts)
                tasks = first.link_id.activity_ids.filtered(lambda task: task.paylink_key == "plan_untold")
                self.assertEqual((len(tasks), tasks.user_id), (0 if asked else 1, tasks.user_id and self.seller))
                self._follow(6)
                self.assertEqual(plan.state, "broken" if asked else "running")
                if asked == "sms":
                    self.assertEqual(self._texts(plan), [*texts, "your payment plan has ended"])
                    self.assertIn("has been told", plan.link_id.activity_ids.note)
                if not asked:
                    partner.email = "a@example.com"
                    self.assertEqual(self._follow(7).mapped("email_to"), ["a@example.com"])
                    self.assertTrue(first.told_at)
                    self.env.cr.flush()
                    self.assertFalse(tasks.exists())
                savepoint.rollback()
                self.env.invalidate_all()

    def _texts(self, plan):
        """What an SMS has said of the page of a plan, in order."""
        texts = self.env["sms.sms"].sudo().search([("number", "=", "+33612345678")], order="id")
        return [text.body.partition(": ")[2].partition(" (")[0] for text in texts if plan.link_id.url in text.body]

    def test_what_is_registered_is_in_no_part(self):
        """Of an invoice that somebody has registered as paid nothing is proposed: it would be refused then."""
        self._journal_without_entries()
        invoices = self._due_invoice(10, amount=100) | self._due_invoice(10, amount=60)
        link = self._link(invoices, user_id=self.seller.id)
        self._register(invoices[1])
        dialog = self._dialog(link, self.seller, count=2)
        self.assertEqual((dialog.amount, dialog.warning), (100, ""))
        dialog.action_make()

    def test_what_to_know_before(self):
        """A colleague asks for it already; there is no address."""
        invoice = self._due_invoice(10)
        self._link(invoice, user_id=self.manager.id)
        self.assertIn("already asks", self._dialog(invoice, self.seller).warning)
        invoice.partner_id.write({"email": False, "phone": False})
        self.assertIn("neither", self._dialog(invoice, self.seller).warning)

    def test_parts_are_proposed_while_it_is_filled_in(self):
        context = self._link(self._due_invoice(amount=100)).action_make_plan()["context"]
        with Form(self.env["paylink.plan.make"].with_context(**context)) as form:
            self.assertEqual(len(form.line_ids), 3)
            form.count = 2
            self.assertEqual(len(form.line_ids), 2)
            with form.line_ids.edit(1) as line:
                line.amount = 40
            self.assertEqual(form.amount_left, 10)
            for count in (0, 10**6):
                form.count = count
                self.assertEqual(len(form.line_ids), 0)

    def test_who_may_agree_on_what(self):
        """(parts) → refused to all, to all but payment managers, or to nobody."""
        months = [(30 * number, 20.0) for number in range(5)]
        for case, parts, managers_only, refused in (
            ("as proposed", [(0, 50), (30, 50)], False, False),
            ("another day", [(3, 60), (40, 40)], False, False),
            ("too many", months, True, False),
            ("too small", [(0, 90), (30, 10)], True, False),
            ("too long", [(0, 50), (200, 50)], True, False),
            ("one part", [(30, 100)], False, True),
            ("too little", [(0, 50), (30, 49.99)], False, True),
            ("too much", [(0, 50), (30, 50.01)], False, True),
            ("in the past", [(-1, 50), (30, 50)], False, True),
            ("twice a day", [(5, 50), (5, 50)], False, True),
            ("in the far future", [(0, 50), (365 * 4, 50)], False, True),
            ("less than nothing", [(0, 150), (30, -50)], False, True),
        ):
            for user in (self.seller, self.manager):
                with self.subTest(case, user=user.login), self.env.cr.savepoint() as savepoint:
                    link = self._link(self._due_invoice(10), user_id=self.seller.id)
                    dialog = self._dialog(link, user, line_ids=self._parts(*parts))
                    if refused or (managers_only and user == self.seller):
                        with self.assertRaises(UserError):
                            dialog.action_make()
                        self.assertFalse(link.sudo().plan_id)
                    else:
                        dialog.action_make()
                        self.assertEqual(link.sudo().plan_id.part_ids.mapped("amount"), [own for _day, own in parts])
                    savepoint.rollback()
                    self.env.invalidate_all()

    def test_where_customers_may_choose_none(self):
        """Sales staff are told before they fill in anything."""
        self.company.paylink_plan_parts = 0
        link = self._link(self._due_invoice(10), user_id=self.seller.id)
        for user, refused in ((self.seller, True), (self.manager, False)):
            self.assertEqual(bool(self._dialog(link, user).problem), refused)

    def test_first_day_is_the_customers(self):
        """Proposed by the clock by which it is checked: for who is a day ahead, that day."""
        link = self._link(self._due_invoice(10), user_id=self.manager.id)
        link.partner_id.tz = "Pacific/Noumea"
        with freeze_time(f"{TODAY} 14:00:00"):
            dialog = self._dialog(link, self.manager)
            self.assertEqual(dialog.date_first, TODAY + timedelta(days=1))
            dialog.action_make()

    def test_links_of_others(self):
        """Only payment managers agree on plans of others' links, whatever a client names."""
        link = self._link(self._due_invoice(10), user_id=self.manager.id)
        for user in (self.everyone, self.seller):
            with self.subTest(user.login):
                with self.assertRaises(AccessError):
                    link.with_user(user).action_make_plan()
                dialog = self.env["paylink.plan.make"].with_user(user)
                with self.assertRaises(AccessError):
                    dialog.create({"source_model": "paylink.link", "source_ids": link.ids}).action_make()
        self.assertFalse(link.sudo().plan_id)
        self._dialog(link, self.manager).action_make()
        self.assertTrue(link.sudo().is_in_parts)
