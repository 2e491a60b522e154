from datetime import date, timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import freeze_time, tagged

from .reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestReminderLimits(ReminderCommon):
    """When reminders wait: hours, holidays, one a day, promises, objections."""

    # === ONE MESSAGE IN SOME DAYS === #

    def test_at_most_one_message_in_some_days(self):
        self.company.paylink_reminder_gap_days = 3
        self._rule(days=(3, 10))
        self._due_invoice(3)
        later = self._due_invoice(2)
        self.assertEqual(len(self._remind()), 1)
        for days in (1, 2):
            with self.subTest(days=days):
                self.assertFalse(self._remind(TODAY + timedelta(days=days)))
        self.assertEqual(self._remind(TODAY + timedelta(days=3)).reminder_ids.move_id, later)

    def test_no_limit(self):
        self.company.paylink_reminder_gap_days = 0
        self._rule(days=(3,))
        self._due_invoice(3)
        self.assertEqual(len(self._remind()), 1)
        self._due_invoice(3)
        self.assertEqual(len(self._remind()), 1)

    def test_rules_share_the_limit(self):
        self._rule(days=(3,), tones=("1",), name="Soft")
        self._rule(days=(5,), tones=("3",), name="Hard")
        invoices = self._due_invoice(3) + self._due_invoice(5)
        message = self._remind()
        self.assertEqual(message.rule_id.name, "Hard")
        self.assertEqual(message.reminder_ids.move_id, invoices)

    def test_either_one_message_or_one_for_each(self):
        self._rule(days=(3,), tones=("1",))
        self._rule(days=(5,), tones=("3",), grouping="document")
        whole, single = self._due_invoice(3), self._due_invoice(5)
        self.assertEqual(self._remind().move_id, single)
        message = self._remind(TODAY + timedelta(days=1))
        self.assertFalse(message.move_id)
        self.assertIn(whole, message.reminder_ids.move_id)

    def test_what_is_not_due_is_not_said_to_be_late(self):
        self._rule(days=(10,), tones=("3",))
        self._rule(days=(5,), tones=("1",), condition="before")
        late, early = self._due_invoice(10, amount=100), self._due_invoice(-5, amount=900)
        self.assertEqual(self._remind().reminder_ids.move_id, late)
        self.assertEqual(self._remind(TODAY + timedelta(days=1)).reminder_ids.move_id, early)

    def test_credits_for_what_is_late_do_not_silence_what_is_not_due(self):
        self._rule(days=(10,), tones=("3",))
        self._rule(days=(5,), tones=("1",), condition="before")
        self._due_invoice(10, amount=100)
        early = self._due_invoice(-5, amount=900)
        self._invoice(amount=150, move_type="out_refund", invoice_date=TODAY)
        message = self._remind()
        self.assertEqual(message.reminder_ids.move_id, early)
        self.assertIn("750,00", message.amount_display)

    def test_merged_customers_keep_their_messages(self):
        self._rule(days=(3,))
        twin = self._customer("Marie Dubois", email="marie@example.com", lang="fr_FR")
        invoices = self._due_invoice(3) + self._due_invoice(3, partner=twin)
        messages = self._remind()
        self.env["base.partner.merge.automatic.wizard"]._merge((self.marie + twin).ids, self.marie)
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(messages.exists().mapped("customer_id"), self.marie)
        self.assertEqual(self._reminders(invoices).customer_id, self.marie)
        self.assertEqual(len(messages.exists()), 2)
        self.assertFalse(self._remind(TODAY + timedelta(days=1)))

    # === HOURS AND HOLIDAYS === #

    def test_sending_hours(self):
        # The company's time zone counts.
        calendar = self._calendar(weekdays=range(5), hours=(9, 12), tz="America/New_York")
        self.company.paylink_reminder_calendar_id = calendar
        self._holiday(calendar, "2026-04-05 22:00:00", "2026-04-06 21:59:59")
        cases = [  # UTC; Paris is an hour ahead, in summer (from March 29) two
            ("2026-03-18 07:59:00", False),
            ("2026-03-18 08:01:00", True),
            ("2026-03-18 10:59:00", True),
            ("2026-03-18 11:01:00", False),
            ("2026-03-21 09:00:00", False),
            ("2026-04-01 07:30:00", True),
            ("2026-04-06 08:30:00", False),
        ]
        for moment, wanted in cases:
            with self.subTest(moment=moment):
                self.assertEqual(self.company._paylink_may_remind(fields.Datetime.to_datetime(moment)), wanted)

    def test_where_nobody_says_when_it_is_office_hours(self):
        """A calendar that says how much is worked, or nothing; or none at all. With the holidays that count."""
        cases = [  # UTC; Paris is an hour ahead
            ("2026-03-15 02:00:00", False),  # a Sunday, at night
            ("2026-03-15 11:00:00", False),
            ("2026-03-18 07:59:00", False),
            ("2026-03-18 08:01:00", True),
            ("2026-03-18 15:59:00", True),
            ("2026-03-18 16:01:00", False),
            ("2026-03-19 11:00:00", False),  # a holiday
        ]
        flexible = (
            {"schedule_type": "flexible", "full_time_required_hours": hours, "hours_per_day": hours / 5}
            for hours in (0, 40, 168)
        )
        nothing = self.env["resource.calendar"]
        calendars = [*(self._calendar(**values) for values in flexible), self._calendar(weekdays=()), nothing]
        self._holiday(self._calendar())  # of others
        for calendar in calendars:
            self._holiday(calendar, "2026-03-18 23:00:00", "2026-03-19 22:59:59", company_id=self.company.id)
            for field in ("paylink_reminder_calendar_id", "resource_calendar_id"):
                self.company.write({"paylink_reminder_calendar_id": False, "resource_calendar_id": False})
                self.company[field] = calendar
                for moment, wanted in cases:
                    with self.subTest(calendar=calendar, field=field, moment=moment):
                        self.assertEqual(self.company._paylink_may_remind(fields.Datetime.to_datetime(moment)), wanted)
                sent_on = [self.company._paylink_sends_on(date(2026, 3, day)) for day in range(15, 21)]
                self.assertEqual(sent_on, [False, True, True, True, False, True])

    def test_run_waits_for_its_hours_unless_asked(self):
        self._holiday(self.company.resource_calendar_id)
        self._rule(days=(3,))
        invoice = self._due_invoice(3)
        with freeze_time(f"{TODAY} 10:00:00"):
            self._run_cron("ir_cron_paylink_remind")
            self.assertFalse(self._reminders(invoice))
            self.env["paylink.reminder.rule"].with_user(self.manager).with_company(self.company).action_run_now()
            self._run_cron("ir_cron_paylink_remind")
        self.assertEqual(self._reminders(invoice).outcome, "message")
        self.assertFalse(self.company.paylink_reminder_requested)

    def test_switched_off(self):
        self.company.paylink_reminders = False
        self._rule(days=(3,))
        invoice = self._due_invoice(3)
        with freeze_time(f"{TODAY} 10:00:00"):
            self._run_cron("ir_cron_paylink_remind")
            with self.assertRaises(UserError):
                self.env["paylink.reminder.rule"].with_company(self.company).action_run_now()
        self.assertFalse(self._reminders(invoice))

    def test_day_is_the_companys(self):
        with freeze_time("2026-03-18 23:30:00"):
            self.assertEqual(self.company._paylink_today(), TODAY + timedelta(days=1))

    # === WHAT IS NEVER REMINDED === #

    def test_paid_meanwhile(self):
        """What is paid between the choice and the message is left out."""
        rules = self._rule(days=(3,))
        paid, still_due = self._due_invoice(3), self._due_invoice(3)
        picks = rules._pick(TODAY)
        self._pay(self._link(paid))
        drafts = self.env["paylink.reminder.message"].sudo()._compose(picks, TODAY)
        self.assertEqual(drafts[0].moves, still_due)

    def test_payment_in_progress(self):
        self._rule(days=(3,))
        invoice = self._due_invoice(3)
        transaction = self._attempt(self._link(invoice))
        transaction._set_pending()
        self.assertFalse(self._remind())
        transaction._set_canceled()
        self.assertEqual(len(self._remind()), 1)

    def test_confirmed_and_not_booked_yet(self):
        self._rule(days=(3,))
        self._attempt(self._link(self._due_invoice(3)))._set_done()
        self.assertFalse(self._remind())

    def test_money_given_back_is_not_asked_for(self):
        """What is paid out to a customer waits for its credit note."""
        self._rule(days=(3,))
        payment = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "customer",
                "partner_id": self.marie.id,
                "amount": 50,
                "date": TODAY - timedelta(days=3),
                "journal_id": self.company_data["default_journal_bank"].id,
            }
        )
        payment.action_post()
        item = payment.move_id.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        self.assertEqual((item.amount_residual, item.reconciled), (50, False))
        self.assertFalse(self._remind())

    def test_blocked_payment(self):
        self._rule(days=(3,))
        self._rule(days=(3,), kind="link")
        invoice = self._due_invoice(3)
        with freeze_time(TODAY - timedelta(days=3)):
            self._link(invoice).action_send()
        invoice.action_toggle_block_payment()
        self.assertEqual(invoice.payment_state, "blocked")
        self.assertFalse(self._remind())
        invoice.action_toggle_block_payment()
        self.assertTrue(self._remind())

    def test_excluded_from_follow_up(self):
        self._rule(days=(3,))
        self._due_invoice(3).no_followup = True
        self.assertFalse(self._remind())


@tagged("post_install", "-at_install")
class TestReminderRegistered(ReminderCommon):
    """Money that somebody has registered, and that the books do not know."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._journal_without_entries()

    def test_payment_registered_without_an_entry(self):
        """All of an invoice is not reminded; of a part of it, what is left."""
        self._rule(days=(3,), grouping="document")
        whole, part = self._due_invoice(3), self._due_invoice(3, amount=1000)
        payment = self._register(whole)
        self._register(part, 400)
        message = self._remind()
        self.assertEqual(message.reminder_ids.move_id, part)
        self.assertIn("600,00", message.amount_display)
        wizard = self.env["paylink.reminder.send"].with_context(active_model="account.move", active_ids=whole.ids)
        self.assertFalse(wizard.create({}).message_count)
        payment.action_reject()
        self.env.flush_all()
        self.assertEqual(self._remind().reminder_ids.move_id, whole)

    def test_credit_that_is_given_back(self):
        """It covers nothing anymore: what is due is reminded of, in full."""
        self._rule(days=(3,))
        self._due_invoice(3)
        credit = self._due_invoice(3, move_type="out_refund")
        self.assertFalse(self._remind())
        self._register(credit)
        self.assertIn("100,00", self._remind().amount_display)
