from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from ...models.reminder import paylink_reminder_message
from .reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestReminderRules(ReminderCommon):
    """Making rules, and who may."""

    def test_supplied_template_for_each_moment_and_tone(self):
        Step = self.env["paylink.reminder.step"]
        for kind in ("mail", "sms"):
            with self.subTest(kind):
                self.assertEqual(len(set(Step._supplied_templates(kind).values())), 12)

    def test_form_proposes_templates(self):
        form = Form(self.env["paylink.reminder.rule"].with_company(self.company))
        form.name = "Overdue"
        with form.step_ids.new() as step:
            step.days = 3
            self.assertEqual(step.mail_template_id, self.env.ref("paylink_addon.mail_template_reminder_after_1"))
            step.tone = "2"
            self.assertEqual(step.mail_template_id, self.env.ref("paylink_addon.mail_template_reminder_after_2"))
        form.condition = "before"
        rule = form.save()
        self.assertEqual(rule.step_ids.mail_template_id, self.env.ref("paylink_addon.mail_template_reminder_before_2"))
        self.assertEqual(rule.step_ids.offset, -3)

    def test_one_more_day_is_firmer_however_fast_it_is_added(self):
        """As the web client asks for a new row: with the rows that are there, and nothing of what they led to."""
        stored = self._rule(days=(3, 10), tones=("1", "2"))
        made = [[0, f"virtual_{days}", {"days": days, "tone": "1"}] for days in (3, 10, 30)]
        changed = [[2, stored.step_ids[0].id, 0]]
        rows = {
            "the first": ({"step_ids": []}, "1"),
            "the second": ({"step_ids": made[:1]}, "2"),
            "the third": ({"step_ids": made[:2]}, "3"),
            "none is firmer": ({"step_ids": made}, "3"),
            "of a stored rule": ({"id": stored.id}, "3"),
            "of a stored rule with one row less": ({"id": stored.id, "step_ids": changed}, "2"),
        }
        spec = {"days": {}, "tone": {}, "mail_template_id": {}}
        Step = self.env["paylink.reminder.step"].with_context(default_days=0)
        for name, (rule, tone) in rows.items():
            with self.subTest(name):
                self.env.invalidate_all()  # each is a request of its own
                values = Step.onchange({"rule_id": {"kind": "invoice", "condition": "after", **rule}}, [], spec)[
                    "value"
                ]
                self.assertEqual(values["tone"], tone)
                template = self.env.ref(f"paylink_addon.mail_template_reminder_after_{tone}")
                self.assertEqual(values["mail_template_id"], template.id)
        stored.write({"step_ids": [Command.create({"days": 20})]})
        self.assertEqual(stored.step_ids.mapped("tone"), ["1", "2", "3"])

    def test_subsidiary_has_automatic_payment_of_its_own(self):
        group = self._customer("Group", is_company=True)
        subsidiary = self._customer("Subsidiary", is_company=True, parent_id=group.id)
        admin = self.env.ref("base.user_admin")
        with Form(subsidiary.with_user(admin)) as form:
            form.paylink_autopay = True
        self.assertTrue(subsidiary.sudo().with_company(admin.company_id).paylink_autopay)
        self.assertFalse(subsidiary.sudo().with_company(self.company).paylink_autopay, "each company has its own")

    def test_own_template_stays(self):
        own = self.env.ref("paylink_addon.mail_template_reminder_after_1").copy()
        rule = self._rule(days=(3,))
        rule.step_ids.mail_template_id = own
        rule.step_ids.tone = "3"
        self.assertEqual(rule.step_ids.mail_template_id, own)

    def test_what_makes_no_sense_is_refused(self):
        cases = {
            "no day": {"days": ()},
            "no text": {"memo_mode": "include"},
            "no customers": {"customer_mode": "only"},
            "before, on the day": {"condition": "before", "days": (0,)},
            "on the day, days later": {"condition": "on", "days": (0, 3)},
        }
        for name, values in cases.items():
            with self.subTest(name), self.assertRaises(ValidationError):
                self._rule(**values)

    def test_days_fit_the_condition_that_is_chosen(self):
        for days, condition in (((3, 10), "on"), ((3,), "on"), ((0, 3), "before")):
            with self.subTest(days=days, condition=condition), self.assertRaises(ValidationError):
                self._rule(days=days).condition = condition
        rule = self._rule(days=(3,))
        rule.write({"condition": "on", "step_ids": [Command.update(rule.step_ids.id, {"days": 0})]})
        self.assertEqual((rule.days_display, rule.step_ids.offset), ("0", 0))
        with self.assertRaises(ValidationError):
            rule.step_ids.days = 1

    @mute_logger("odoo.sql_db")
    def test_one_step_a_day(self):
        with self.assertRaises(Exception) as caught:
            self._rule(days=(3, 3))
        self.assertIn("unique", str(caught.exception).lower())

    def test_copy_is_off_and_has_the_days(self):
        rule = self._rule()
        rule.action_duplicate()
        copy = self.env["paylink.reminder.rule"].with_context(active_test=False).search([], order="id desc", limit=1)
        self.assertNotEqual(copy, rule)
        self.assertFalse(copy.active)
        self.assertEqual(copy.step_ids.mapped("days"), [3, 10, 30])

    def test_deleted_rule_leaves_its_reminders(self):
        rule = self._rule(days=(3,))
        invoice = self._due_invoice(3)
        self._remind()
        rule.with_user(self.manager).action_delete()
        reminder = self._reminders(invoice)
        self.assertEqual((reminder.outcome, reminder.rule_id.id), ("message", False))

    # === RIGHTS === #

    def test_rules_belong_to_managers(self):
        rule = self._rule()
        seller = self._user("seller", "paylink_addon.group_paylink_user")
        self.assertEqual(rule.with_user(seller).with_company(self.company).name, "Overdue")
        for do in (
            lambda: rule.with_user(seller).write({"name": "Mine"}),
            lambda: rule.with_user(seller).unlink(),
            lambda: rule.with_user(seller).action_run_now(),
            lambda: rule.step_ids.with_user(seller).write({"days": 1}),
        ):
            with self.assertRaises(AccessError):
                do()
        rule.with_user(self.manager).name = "Ours"

    def test_reminders_of_colleagues_and_companies(self):
        self._rule(days=(3,))
        seller = self._user("seller", "paylink_addon.group_paylink_user")
        mine = self._due_invoice(3, invoice_user_id=seller.id)
        self._due_invoice(3, partner=self.john, invoice_user_id=self.manager.id)
        self._remind()
        Reminder = self.env["paylink.reminder"]
        self.assertEqual(Reminder.with_user(seller).search([]).mapped("name"), [mine.name])
        self.assertEqual(len(Reminder.with_user(self.manager).search([])), 2)
        other = self._other_company()
        stranger = self._user("stranger", "paylink_addon.group_payment_manager", other)
        self.assertFalse(Reminder.with_user(stranger).search([]))
        self.assertFalse(self.env["paylink.reminder.rule"].with_user(stranger).search([]))

    def test_rows_are_written_by_the_run_only(self):
        self._rule(days=(3,))
        self._due_invoice(3)
        reminder = self._remind().reminder_ids.with_user(self.manager)
        for do in (lambda: reminder.write({"outcome": "skipped"}), reminder.unlink):
            with self.assertRaises(AccessError):
                do()
        with self.assertRaises(UserError):
            reminder.action_retry()

    def test_companies_never_mix(self):
        other = self._other_company()
        self._rule(days=(3,))
        self.env["paylink.reminder.rule"].create(
            {"name": "Theirs", "company_id": other.id, "step_ids": [(0, 0, {"days": 3})]}
        )
        invoice = self._due_invoice(3)
        rules = self.env["paylink.reminder.rule"].search([("company_id", "=", other.id)])
        self.assertFalse(rules._pick(TODAY))
        self.assertEqual(self._remind().reminder_ids.move_id, invoice)

    # === STATE === #

    def test_state_follows_the_mail(self):
        self._rule(days=(3,), include_link=True)
        self._due_invoice(3)
        message = self._remind()
        reminder, fate = message.reminder_ids, message.sudo().mail_message_id.notification_ids
        Reminder = self.env["paylink.reminder"]
        states = {"ready": "queued", "exception": "failed", "canceled": "failed", "bounce": "bounced", "sent": "sent"}
        for status, state in states.items():
            with self.subTest(status):
                fate.notification_status = status
                reminder.invalidate_recordset()
                self.assertEqual(reminder.state, state)
                self.assertEqual(Reminder.search([("state", "=", state)]), reminder)
                self.assertEqual(dict(Reminder._read_group([], ["state"], ["__count"])), {state: 1})
        message.link_ids._mark_opened()
        reminder.invalidate_recordset()
        self.assertEqual(reminder.state, "opened")

    def test_undelivered_is_tried_again_then_reported(self):
        self._rule(days=(3,))
        self._due_invoice(3)
        message = self._remind()
        mail = self._mails(message)

        def fail(reason):
            mail.write({"state": "exception", "failure_reason": reason, "failure_type": "unknown"})
            mail._postprocess_sent_message([], [], failure_reason=reason, failure_type="unknown")

        for turn in range(3):
            with self.subTest(turn=turn):
                fail("Connection refused")
                self._follow()
                self.assertEqual((mail.state, message.reminder_ids.state), ("outgoing", "queued"))
                self.assertFalse(self.marie.activity_ids)
        fail("Connection refused")
        self._follow()
        self.assertEqual(mail.state, "exception")
        self.assertEqual(self.marie.activity_ids.user_id, self.manager)
        self._follow()
        self.assertEqual(len(self.marie.activity_ids), 1)

    def test_nothing_is_tried_again_outside_the_sending_hours(self):
        self._rule(days=(3,))
        self._due_invoice(3)
        message = self._remind()
        mail = self._mails(message)
        mail.write({"state": "exception", "failure_reason": "Connection refused", "failure_type": "unknown"})
        mail._postprocess_sent_message([], [], failure_reason="Connection refused", failure_type="unknown")
        holiday = self._holiday(self.company.resource_calendar_id)
        self._follow()
        self.assertEqual((mail.state, self.marie.activity_ids.ids), ("exception", []))
        holiday.unlink()
        self._follow()
        self.assertEqual(mail.state, "outgoing")

    def test_refused_address_is_reported_at_once(self):
        self._rule(days=(3,))
        self._due_invoice(3)
        mail = self._mails(self._remind())
        mail.write({"state": "exception", "failure_reason": "550 5.1.1 Mailbox unknown"})
        mail._postprocess_sent_message([], [], failure_reason="550 5.1.1 Mailbox unknown", failure_type="unknown")
        self._follow()
        self.assertEqual(mail.state, "exception")
        self.assertIn("marie@example.com: 550 5.1.1 Mailbox unknown", self.marie.activity_ids.note)

    def test_task_names_the_cause(self):
        sms = self.env.ref("paylink_addon.sms_template_reminder_after_1")
        self._rule(days=(3,)).step_ids.write({"mail_template_id": False, "sms_template_id": sms})
        self._due_invoice(3)
        fate = self._remind().sudo().mail_message_id.notification_ids
        fate.write({"notification_status": "exception", "failure_type": "sms_credit"})
        self._follow()
        cause = dict(fate._fields["failure_type"]._description_selection(self.env))["sms_credit"]
        self.assertIn(cause, self.marie.activity_ids.note)
        self.assertNotIn("address", self.marie.activity_ids.summary)

    def test_what_waits_does_not_keep_others_waiting(self):
        """Failed e-mails of a company that does not remind now are not in the way of the next ones."""
        self.patch(paylink_reminder_message, "BATCH", 1)
        self._rule(days=(3,))
        self._due_invoice(3)
        self._due_invoice(3, partner=self.john)
        first, second = self._remind().sorted("id")
        other = self._other_company()
        self.env.cr.execute("UPDATE paylink_reminder_message SET company_id = %s WHERE id = %s", [other.id, first.id])
        self.env.invalidate_all()
        for mail in self._mails(first + second):
            mail.write({"state": "exception", "failure_reason": "timeout", "failure_type": "unknown"})
            mail._postprocess_sent_message([], [], failure_reason="timeout", failure_type="unknown")
        self._follow()
        self.assertEqual((first.try_count, second.try_count), (1, 2))

    def _follow(self):
        self._run_cron("ir_cron_paylink_remind")
