from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import freeze_time, tagged

from ...wizards.reminder import paylink_reminder_preview
from .reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestReminderPreview(ReminderCommon):
    """What will go out, and why not: nothing is written by looking."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rule = cls._rule(days=(3, 10), include_link=True)
        cls.invoice = cls._due_invoice(0)

    def _preview(self, user=None):
        """The lines that the list shows."""
        Preview = self.env["paylink.reminder.preview"].with_user(user or self.manager).with_company(self.company)
        action = Preview._action_open()
        return Preview.env[action["res_model"]].search(action["domain"])

    def test_days_to_come_as_the_run_does_them(self):
        """Each day of a month ahead: what is foreseen is what is sent, day after day."""
        for number in range(5):
            self._due_invoice(number * 2 - 4, partner=(self.john, self.marie)[number % 2], amount=10.0 + number)
        self.company.paylink_reminder_gap_days = 3
        days = [TODAY + timedelta(days=n) for n in range(22)]
        with freeze_time(TODAY):
            foreseen = {day: self._foreseen(day) for day in days}
        self.assertGreater(sum(map(len, foreseen.values())), 5)
        for day in days:
            with self.subTest(day=day):
                messages = self._remind(day)
                sent = {(row.move_line_id.id, row.step_id.id) for row in messages.reminder_ids}
                self.assertEqual(sent, foreseen[day])

    def _foreseen(self, day):
        return {(pick.item_id, pick.step_id) for pick in self.rule._foresee(day)}

    def test_preview_shows_the_text_and_writes_nothing(self):
        with freeze_time(TODAY):
            lines = self._preview()
            self.assertEqual(lines.mapped("date"), [TODAY + timedelta(days=3), TODAY + timedelta(days=10)])
            self.assertEqual(set(lines.mapped("state")), {"message"})
            line = lines[0]
            self.assertEqual((line.customer_id, line.step_id.days), (self.marie, 3))
            self.assertEqual(line.recipient, "marie@example.com")
            self.assertEqual(line.display_name, self.marie.display_name)
            self.assertIn(self.invoice.name, line.body)
            self.assertIn("/pay/", line.body)
            self.assertTrue(line.subject)
        self.assertFalse(self.env["paylink.reminder"].search([]))
        self.assertFalse(self.env["paylink.link"].search([]))

    def test_preview_tells_who_is_left_out_and_why(self):
        """Once, on the day on which the rule would have reminded; not what a rule is not meant for."""
        self.rule.step_ids[1:].unlink()
        self._rule(days=(3,), name="Others", customer_mode="only", partner_ids=self.john.ids)
        promised, excluded, silent, covered = (
            self._customer(name, email=name and f"{name}@example.com".lower())
            for name in ("Promised", "Excluded", "Silent", "Covered")
        )
        silent.email = False
        self.rule.write({"customer_mode": "except", "partner_ids": [(4, excluded.id), (4, self.john.id)]})
        for partner in (promised, excluded, silent, covered, self.john):
            self._due_invoice(0, partner=partner)
        self._due_invoice(-2, partner=self.john)
        self._invoice(covered, 100.0, move_type="out_refund", invoice_date=TODAY)
        with freeze_time(TODAY):
            values = {"kind": "promise", "partner_id": promised.id, "date_until": TODAY + timedelta(days=60)}
            self.env["paylink.reminder.hold"].create(values)
            self.company.paylink_reminder_gap_days = 7
            lines = self._preview()
        day = TODAY + timedelta(days=3)
        found = {line.customer_id: line.reason for line in lines.filtered(lambda line: line.date == day)}
        sent = {customer for customer, reason in found.items() if not reason}
        self.assertEqual(sent, {self.marie, self.john})
        texts = {name: self.rule._reason_text(name) for name in ("not_promised", "customers", "covered", "waits")}
        self.assertEqual(found[promised], texts["not_promised"])
        self.assertEqual(found[excluded], texts["customers"])
        self.assertEqual(found[covered], texts["covered"])
        self.assertIn("address", found[silent])
        rest = lines.filtered(lambda line: line.date > day and line.state == "left_out")
        self.assertEqual([(line.customer_id, line.reason) for line in rest], [(self.john, texts["waits"])])

    def test_preview_is_short_of_what_is_sent(self):
        """What has gone out today is not in it any more."""
        with freeze_time(TODAY + timedelta(days=3)):
            self.assertEqual(len(self._preview()), 2)
            self._remind(TODAY + timedelta(days=3))
            self.assertEqual(self._preview().mapped("step_id.days"), [10])

    def test_preview_that_takes_long_ends_early(self):
        self.patch(paylink_reminder_preview, "PATIENCE", -1)
        with freeze_time(TODAY):
            (line,) = self._preview()
        self.assertEqual((line.date, bool(line.reason), bool(line.customer_id)), (TODAY, True, False))

    def test_preview_of_many_is_cut(self):
        self.patch(paylink_reminder_preview, "MAX_LINES", 1)
        self._due_invoice(0, partner=self.john)
        with freeze_time(TODAY):
            lines = self._preview().filtered(lambda line: line.date == TODAY + timedelta(days=3))
        self.assertEqual([bool(line.customer_id) for line in lines], [True, False])
        self.assertIn("1", lines[1].documents)

    def test_preview_is_for_who_sees_everything(self):
        seller = self._user("seller", "paylink_addon.group_paylink_user")
        with self.assertRaises(AccessError):
            self._preview(seller)

    def test_hidden_contacts_are_not_told(self):
        """Who may not read whom a message goes to sees neither it nor the address, and sends none."""
        hidden = self._customer("Heron", email="heron@example.com", parent_id=self.john.id)
        invoice = self._due_invoice(0, partner=hidden)
        self.env["ir.rule"].sudo().create(
            {
                "name": "Hidden contact",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": "[('name', '!=', 'Heron')]",
            }
        )
        with freeze_time(TODAY + timedelta(days=3)):
            self.assertEqual(self._preview().customer_id, self.marie)
            wizard = self.env["paylink.reminder.send"].with_user(self.manager).with_company(self.company)
            wizard = wizard.create({"source_model": "account.move", "source_ids": invoice.ids})
            with self.assertRaises(AccessError):
                wizard.read(["recipient"])
            with self.assertRaises(AccessError):
                wizard.action_send()

    # === WHY NOT === #

    def test_look_up_names_no_links_of_colleagues(self):
        self._rule(days=(3,), kind="link", name="Links")
        seller = self._user("seller", "paylink_addon.group_paylink_user")
        mine, theirs = self._free_link(user_id=seller.id), self._free_link(user_id=self.manager.id)
        lookup = self.env["paylink.reminder.lookup"].with_user(seller).with_company(self.company)
        lookup = lookup.create({"partner_id": self.marie.id})
        lookup.action_look_up()
        documents = lookup.line_ids.mapped("document")
        self.assertIn(mine.name, documents)
        self.assertNotIn(theirs.name, documents)

    def _reasons(self, day=TODAY, **values):
        """Whether the rule applies, the reason, and the next day, for the invoice."""
        with freeze_time(day):
            lookup = self.env["paylink.reminder.lookup"].with_user(self.manager).with_company(self.company)
            lookup = lookup.create(values or {"move_id": self.invoice.id})
            lookup.action_look_up()
            return [(line.applies, line.reason, line.date) for line in lookup.line_ids]

    def test_look_up_of_a_rule_that_applies(self):
        ((applies, reason, day),) = self._reasons()
        self.assertEqual((applies, reason, day), (True, False, TODAY + timedelta(days=3)))
        ((applies, _reason, day),) = self._reasons(partner_id=self.marie.id)
        self.assertEqual((applies, day), (True, TODAY + timedelta(days=3)))

    def test_look_up_names_what_speaks_against_it(self):
        vip = self.env["res.partner.category"].create({"name": "VIP"})
        journal = self.company_data["default_journal_sale"].copy()
        cases = {
            "off": {"active": False},
            "customers": {"customer_mode": "only", "partner_ids": self.john.ids},
            "tags": {"customer_mode": "only", "category_ids": vip.ids},
            "autopay": {"autopay": "with"},
            "memo": {"memo_mode": "include", "memo_text": "#yes"},
            "date": {"ignore_before": TODAY},
            "amount": {"amount_min": 1000},
            "journals": {"journal_ids": journal.ids},
            "salespeople": {"salesperson_ids": self.env.ref("base.user_admin").ids},
        }
        seen = set()
        for name, values in cases.items():
            with self.subTest(name), self.env.cr.savepoint() as savepoint:
                self.rule.write(values)
                ((applies, reason, day),) = self._reasons()
                self.assertEqual((applies, bool(reason), day), (False, True, False))
                seen.add(reason)
                savepoint.rollback()
                self.env.invalidate_all()
        self.assertEqual(len(seen), len(cases) - 1, "Each has its own words (customers and tags have the same)")

    def test_look_up_tells_paid_promised_and_over(self):
        (first,) = self._reasons(TODAY + timedelta(days=40))
        self.assertFalse(first[0])
        hold = self.env["paylink.reminder.hold"].create(
            {"kind": "promise", "move_id": self.invoice.id, "date_until": fields.Date.today() + timedelta(days=3000)}
        )
        (promised,) = self._reasons()
        hold.active = False
        self._pay(self._link(self.invoice))
        (paid,) = self._reasons()
        self.assertEqual(len({first[1], promised[1], paid[1]}), 3)

    def test_look_up_tells_the_customer_from_the_bank(self):
        """An objection is the customer's, a chargeback the bank's: each has its own words."""
        hold = self.env["paylink.reminder.hold"].create({"kind": "objection", "move_id": self.invoice.id})
        ((applies, reason, _day),) = self._reasons()
        self.assertEqual((applies, reason), (False, "The customer objects to it."))
        self.assertEqual((self.invoice.paylink_has_objection, self.invoice.paylink_has_chargeback), (True, False))
        hold.action_lift()
        self._chargeback(self._link(self.invoice))
        self.invoice.invalidate_recordset()
        ((applies, reason, _day),) = self._reasons()
        self.assertEqual((applies, reason), (False, "A chargeback is open, or lost: resume reminders on it."))
        self.assertEqual((self.invoice.paylink_has_objection, self.invoice.paylink_has_chargeback), (False, True))

    def test_look_up_of_a_customer_who_owes_nothing(self):
        """Each rule says why it sends nothing: it is for others, or there is nothing."""
        self._rule(name="Others", customer_mode="except", partner_ids=self.john.ids)
        self._rule(name="Off", active=False)
        rows = self._reasons(partner_id=self.john.id)
        self.assertEqual({(applies, bool(reason), day) for applies, reason, day in rows}, {(False, True, False)})
        self.assertEqual(len({reason for _applies, reason, _day in rows}), 3)

    def test_look_up_tells_what_credits_cover(self):
        self._invoice(amount=100, move_type="out_refund", invoice_date=TODAY)
        ((applies, reason, day),) = self._reasons()
        self.assertEqual((applies, bool(reason), day), (False, True, False))
        self.rule.grouping = "document"
        self.assertTrue(self._reasons()[0][0], "Credits are not netted in one message per invoice")

    def test_look_up_agrees_with_the_run(self):
        """The day that is named is the day on which it is sent, all through the life of an invoice."""
        for days in range(-2, 30):
            day = TODAY + timedelta(days=days)
            ((applies, _reason, next_day),) = self._reasons(day)
            with self.subTest(days=days):
                sent = bool(self._remind(day))
                self.assertEqual(sent, applies and next_day == day)
            if days == 12:  # more time: it begins anew
                self.invoice.button_draft()
                self.invoice.invoice_date_due = TODAY + timedelta(days=15)
                self.invoice.action_post()
