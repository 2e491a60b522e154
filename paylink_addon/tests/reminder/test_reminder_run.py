from datetime import timedelta

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger
from psycopg2.errors import CheckViolation

from ...models.reminder.paylink_reminder_message_deliver import _logger as delivery_logger
from .reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestReminderRun(ReminderCommon):
    """A run of many: one that fails stops no other, and all cost a few queries."""

    def _many(self, count, **values):
        for number in range(count):
            partner = self._customer(f"Customer {number}", email=f"c{number}@example.com")
            self._due_invoice(3, partner=partner, **values)
            self._due_invoice(4, partner=partner, **values)

    def _scheduled(self):
        with freeze_time(f"{TODAY} 10:00:00"):
            self._run_cron("ir_cron_paylink_remind")

    def _by_hand(self, invoice, **values):
        values = {"source_model": "account.move", "source_ids": invoice.ids, **values}
        return self.env["paylink.reminder.send"].create(values)

    # === WHAT FAILS === #

    @mute_logger("odoo.sql_db")
    def test_customer_that_fails_stops_no_other(self):
        self._rule(days=(3,))
        broken, well = self._due_invoice(3), self._due_invoice(3, partner=self.john)
        self.env.flush_all()
        self.env.cr.execute(
            "ALTER TABLE paylink_reminder_message ADD CONSTRAINT broken CHECK (customer_id != %s)", [self.marie.id]
        )
        for turn in range(2):
            self._scheduled()
            with self.subTest(turn=turn):
                self.assertFalse(self._reminders(broken))
                self.assertEqual(self._reminders(well).outcome, "message")
                self.assertEqual(self.marie.activity_ids.user_id, self.manager)
                self.assertIn("broken", self.marie.activity_ids.note)
        self.env.cr.execute("ALTER TABLE paylink_reminder_message DROP CONSTRAINT broken")
        self._scheduled()
        self.assertEqual(self._reminders(broken).outcome, "message")
        self.assertEqual(len(self._reminders(well)), 1)

    @mute_logger("odoo.sql_db")
    def test_conflict_that_stays_is_a_task(self):
        """A row in the way that no other run is about to write."""
        self._rule(days=(3,))
        blocked, well = self._due_invoice(3), self._due_invoice(3, partner=self.john)
        self.env.flush_all()
        self.env.cr.execute(
            "CREATE UNIQUE INDEX in_the_way ON paylink_reminder_message ((1)) WHERE customer_id = %s", [self.marie.id]
        )
        self.env["paylink.reminder.message"].sudo().create(
            {"date": TODAY - timedelta(days=9), "company_id": self.company.id, "channel": "sms"}
            | dict.fromkeys(("customer_id", "partner_id"), self.marie.id)
        )
        self._scheduled()
        self.assertFalse(self._reminders(blocked))
        self.assertEqual(self._reminders(well).outcome, "message")
        self.assertIn("in_the_way", self.marie.activity_ids.note)

    def test_company_that_fails_stops_no_other(self):
        self._rule(days=(3,))
        invoice = self._due_invoice(3)
        other = self._other_company()
        other.write({"paylink_reminders": True, "resource_calendar_id": self._calendar(other).id, "sequence": -5})
        values = {"name": "Theirs", "company_id": other.id, "user_id": self.env.uid, "step_ids": [(0, 0, {"days": 3})]}
        theirs = self.env["paylink.reminder.rule"].create(values)
        Rule, pick = type(theirs), type(theirs)._pick

        def fail(rules, *args):
            if rules.company_id == other:
                raise OverflowError("date value out of range")
            return pick(rules, *args)

        self.patch(Rule, "_pick", fail)
        self._scheduled()
        self._scheduled()
        self.assertEqual(self._reminders(invoice).outcome, "message")
        self.assertIn("out of range", theirs.activity_ids.note)
        self.assertEqual((len(theirs.activity_ids), theirs.activity_ids.user_id), (1, self.env.user))

    def test_nothing_is_sent_once_it_is_off(self):
        for name, do in {
            "rule": lambda rule: setattr(rule, "active", False),
            "company": lambda rule: setattr(rule.company_id, "paylink_reminders", False),
        }.items():
            with self.subTest(name), self.env.cr.savepoint() as savepoint:
                rule = self._rule(days=(3,))
                invoice = self._due_invoice(3)
                do(rule)
                self._scheduled()
                self.assertFalse(self._reminders(invoice))
                savepoint.rollback()
                self.env.invalidate_all()

    def test_task_is_in_the_language_of_who_gets_it(self):
        self.manager.lang = "fr_FR"
        self._rule(days=(3,))
        self._due_invoice(3, partner=self._customer("Nobody"))
        self._scheduled()
        texts = self.env["mail.activity"].search([("activity_type_id", "=", self.env.ref(self._task_type).id)])
        text = "Reminders can't be sent: enter an address that works."
        french = self.env(context={"lang": "fr_FR"})._(text)
        self.assertNotEqual(french, text)
        self.assertEqual(texts.mapped("summary"), [french])

    _task_type = "paylink_addon.mail_activity_reminder"

    def test_template_that_breaks_by_hand_is_told_at_once(self):
        template = self.env.ref("paylink_addon.mail_template_reminder_after_1")
        template.body_html = '<p><t t-out="object.no_such_field"/></p>'
        reader = self._customer("Reader", email="reader@example.com", lang="en_US")  # of the text that is broken
        invoice = self._due_invoice(3, partner=reader)
        with freeze_time(TODAY):
            wizard = self.env["paylink.reminder.send"].create(
                {"source_model": "account.move", "source_ids": invoice.ids}
            )
            with (
                self.assertRaises(UserError),
                mute_logger(delivery_logger.name),
            ):
                wizard.action_send()
        self.assertFalse(self._reminders(invoice))

    # === SPEED === #

    def test_queries_do_not_grow_with_the_customers(self):
        rules = self._rule(days=(3,), include_link=True) | self._rule(days=(4,), kind="link")
        counts = []
        for count in (3, 12):
            self._many(count)
            self.env.flush_all()
            self.env.invalidate_all()
            self.env.registry.clear_cache()
            before = self.env.cr.sql_log_count
            picks = rules._pick(TODAY)
            chosen = self.env.cr.sql_log_count - before
            self.env.invalidate_all()
            rules._remind(TODAY, list({pick.customer_id for pick in picks}))
            self.env.flush_all()
            counts.append((chosen, self.env.cr.sql_log_count - before, len(picks)))
        (few_chosen, few, few_picks), (many_chosen, many, many_picks) = counts
        self.assertEqual((few_picks, many_picks), (6, 24))
        self.assertLessEqual(many_chosen, few_chosen + 1)
        self.assertLess(many - few, (many_picks - few_picks) / 2, "Less than one query for each customer more")

    def test_preview_costs_a_few_queries(self):
        rules = self._rule(days=(3,))
        self._many(10)
        Message = self.env["paylink.reminder.message"].sudo()
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(60), freeze_time(TODAY):
            drafts = Message._compose(rules._foresee(TODAY), TODAY)
        self.assertEqual(len(drafts), 10)

    # === BAD INPUT === #

    def test_values_that_make_no_sense(self):
        invoice = self._due_invoice(3)
        Hold, Rule, Step = (self.env[f"paylink.reminder.{name}"] for name in ("hold", "rule", "step"))
        rule = self._rule(days=(3,))
        cases = {
            "promise without a day": (CheckViolation, lambda: Hold.create({"move_id": invoice.id})),
            "invoice of another": (
                ValidationError,
                lambda: Hold.create({"kind": "objection", "move_id": invoice.id, "partner_id": self.john.id}),
            ),
            "negative amount": (CheckViolation, lambda: rule.write({"amount_min": -1})),
            "negative time of a link": (CheckViolation, lambda: rule.write({"link_days": -1})),
            "endless time of a link": (CheckViolation, lambda: rule.write({"link_days": 10**7})),
            "negative day": (CheckViolation, lambda: Step.create({"rule_id": rule.id, "days": -1})),
            "day beyond all dates": (CheckViolation, lambda: Step.create({"rule_id": rule.id, "days": 999999})),
            "endless gap": (CheckViolation, lambda: self.company.write({"paylink_reminder_gap_days": 999999})),
            "no template": (ValidationError, lambda: rule.step_ids.write({"mail_template_id": False})),
            "negative gap": (CheckViolation, lambda: self.company.write({"paylink_reminder_gap_days": -1})),
            "blank memo": (ValidationError, lambda: rule.write({"memo_mode": "include", "memo_text": "  "})),
            "switched on without days": (ValidationError, lambda: Rule.create({"name": "Empty"})),
        }
        for name, (error, do) in cases.items():
            with self.subTest(name), mute_logger("odoo.sql_db"), self.assertRaises(error), self.env.cr.savepoint():
                do()
                self.env.flush_all()

    def test_dialog_opened_on_something_else(self):
        """What a client puts together itself: other models, ids that are none, records of others."""
        other = self._other_company()
        partner = self._customer("Theirs")
        theirs = (
            self.env["account.move"]
            .with_company(other)
            .create({"move_type": "out_invoice", "partner_id": partner.id, "company_id": other.id})
        )
        cases = [("res.users", [2]), ("account.move", [0, -1, 10**9]), ("account.move", "1"), ("account.move", [None])]
        Send = self.env["paylink.reminder.send"].with_user(self.manager).with_company(self.company)
        for model, ids in cases:
            with self.subTest(model=model, ids=ids):
                wizard = Send.create({"source_model": model, "source_ids": ids})
                self.assertTrue(wizard.problem)
                with self.assertRaises(UserError):
                    wizard.action_send()
        with self.assertRaises(AccessError):
            Send.create({"source_model": "account.move", "source_ids": theirs.ids}).action_send()
        self.assertFalse(self.env["paylink.reminder.message"].search([]))

    def test_others_dialogs_are_closed(self):
        invoice = self._due_invoice(3)
        seller = self._user("seller", "paylink_addon.group_paylink_user,account.group_account_invoice")
        with freeze_time(TODAY):
            wizards = (
                self.env["paylink.reminder.send"]
                .with_user(self.manager)
                .create({"source_model": "account.move", "source_ids": invoice.ids}),
                self.env["paylink.reminder.lookup"].with_user(self.manager).create({"move_id": invoice.id}),
                self.env["paylink.reminder.preview"].with_user(self.manager).create({}),
            )
            for wizard in wizards:
                with self.subTest(wizard._name), self.assertRaises(AccessError):
                    wizard.with_user(seller).read()

    def test_documents_are_made_by_hand_too(self):
        """A missing PDF is made once, and kept."""
        self.patch(type(self.env["paylink.link"]), "_can_make_pdf", lambda _link: True)
        invoice = self._due_invoice(3)
        with freeze_time(TODAY):
            wizard = self._by_hand(invoice, attach_pdf=True)
            wizard.action_send()
        self.assertTrue(invoice.invoice_pdf_report_id)
        self.assertEqual(self._mails(wizard.message_ids).attachment_ids, invoice.invoice_pdf_report_id)

    def test_what_was_sent_while_documents_were_made_is_not_sent_again(self):
        """In some countries Odoo commits there, and nothing is held anymore: another click may have been faster."""
        invoice = self._due_invoice(3)

        def make(_link, _move):
            self.env.flush_all()
            self.env.cr.execute("UPDATE paylink_reminder_send SET is_sent = TRUE")

        self.patch(type(self.env["paylink.link"]), "_can_make_pdf", lambda _link: True)
        self.patch(type(self.env["paylink.link"]), "_make_pdf", make)
        with freeze_time(TODAY):
            wizard = self._by_hand(invoice, attach_pdf=True)
            wizard.action_send()
        self.assertFalse(wizard.message_ids)

    def test_documents_are_made_before_the_run(self):
        self.patch(type(self.env["paylink.link"]), "_can_make_pdf", lambda _link: True)
        self._rule(days=(3,), attach_pdf=True)
        invoice = self._due_invoice(3)
        self._scheduled()
        self.assertTrue(invoice.invoice_pdf_report_id)
        message = self._reminders(invoice).message_id
        self.assertEqual(self._mails(message).attachment_ids, invoice.invoice_pdf_report_id)

    def test_installments_that_are_due_by_hand(self):
        """Of an invoice of which a part is due, that part; else all."""
        term = self.env["account.payment.term"].create(
            {
                "name": "Now and later",
                "line_ids": [(0, 0, {"value": "percent", "value_amount": 50, "nb_days": days}) for days in (30, 90)],
            }
        )
        invoice = self._invoice(
            invoice_date=TODAY.replace(month=2, day=10), invoice_payment_term_id=term.id, invoice_date_due=False
        )
        with freeze_time(TODAY):
            wizard = self.env["paylink.reminder.send"].create(
                {"source_model": "account.move", "source_ids": invoice.ids}
            )
            self.assertIn("50,00", wizard.body)
            self.assertNotIn("100,00", wizard.body)
