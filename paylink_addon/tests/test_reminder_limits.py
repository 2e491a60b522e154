from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import freeze_time, tagged

from .reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestReminderLimits(ReminderCommon):
    """When reminders wait: hours, holidays, one a day, promises, disputes."""

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
        calendar = self.env["resource.calendar"].create(
            {
                "name": "Mornings",
                "company_id": self.company.id,
                "tz": "America/New_York",  # the company's time zone counts
                "attendance_ids": [Command.clear()]
                + [
                    Command.create(
                        {"name": day, "dayofweek": str(day), "hour_from": 9, "hour_to": 12, "day_period": "morning"}
                    )
                    for day in range(5)
                ],
            }
        )
        self.company.paylink_reminder_calendar_id = calendar
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Easter Monday",
                "calendar_id": calendar.id,
                "date_from": "2026-04-05 22:00:00",
                "date_to": "2026-04-06 21:59:59",
            }
        )
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

    def test_run_waits_for_its_hours_unless_asked(self):
        self.company.paylink_reminder_calendar_id = self.env["resource.calendar"].create(
            {"name": "Never", "company_id": self.company.id, "attendance_ids": [Command.clear()]}
        )
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

    # === PROMISES AND DISPUTES === #

    def _hold(self, record, kind="promise", **values):
        """Note a promise or a dispute, on an invoice or a customer, as the dialog does."""
        with freeze_time(TODAY):
            context = getattr(record, f"action_paylink_{kind}")()["context"]
            return self.env["paylink.reminder.hold"].with_context(**context).create(values)

    def test_promise_pauses_and_resumes(self):
        self._rule(days=(3, 5))
        invoice = self._due_invoice(3)
        hold = self._hold(invoice, date_until=TODAY + timedelta(days=2), note="Mrs Dubois")
        self.assertEqual((hold.move_id, hold.user_id), (invoice, self.env.user))
        for days in (0, 1, 2):
            with self.subTest(days=days):
                self.assertFalse(self._remind(TODAY + timedelta(days=days)))
        message = self._remind(TODAY + timedelta(days=3))
        self.assertEqual(message.step_id.days, 5)
        with freeze_time(TODAY):
            invoice.invalidate_recordset()
            self.assertEqual(invoice.paylink_promise_until, TODAY + timedelta(days=2))
        with freeze_time(TODAY + timedelta(days=3)):
            invoice.invalidate_recordset()
            self.assertFalse(invoice.paylink_promise_until)

    def test_broken_promise_does_not_end_in_silence(self):
        """What was held up is late from the end of the promise on, however long that was."""
        self._rule(days=(3,))
        invoice = self._due_invoice(3)
        for record, late in ((invoice, 0), (self.marie, 40)):
            with self.subTest(record), self.env.cr.savepoint() as savepoint:
                day = TODAY + timedelta(days=late)
                with freeze_time(day):
                    values = {"kind": "promise", "partner_id": self.marie.id, "date_until": day + timedelta(days=14)}
                    values["move_id"] = record.id if record == invoice else False
                    self.env["paylink.reminder.hold"].create(values)
                    found = self.env["paylink.reminder.rule"].search([])._explain(day, self._items(invoice).ids)
                    self.assertTrue(found[0]["reason"])
                end = day + timedelta(days=15)
                (found,) = self.env["paylink.reminder.rule"].search([])._explain(end, self._items(invoice).ids)
                self.assertEqual((found["reason"], found["date"]), (False, end))
                counts = [len(self._remind(day + timedelta(days=days))) for days in (0, 14, 21, 22)]
                self.assertEqual(counts, [0, 0, 1, 0])
                savepoint.rollback()
                self.env.invalidate_all()

    def test_promise_that_is_over_for_long_calls_for_nothing(self):
        self._rule(days=(3,))
        self._hold(self._due_invoice(3), date_until=TODAY + timedelta(days=14))
        self.assertFalse(self._remind(TODAY + timedelta(days=22)))

    def test_turn_that_comes_late_is_not_lost(self):
        """More days between two messages than reminders are caught up."""
        self.company.paylink_reminder_gap_days = 10
        self._rule(days=(3,))
        self._due_invoice(3)
        waiting = self._due_invoice(2)
        self._remind()
        self.assertFalse(self._remind(TODAY + timedelta(days=9)))
        self.assertEqual(self._remind(TODAY + timedelta(days=10)).reminder_ids.move_id, waiting)

    def test_promise_for_all_of_a_customer(self):
        self._rule(days=(3,))
        self._due_invoice(3)
        self._due_invoice(3, partner=self.john)
        self._hold(self.marie, date_until=TODAY)
        self.assertEqual(self._remind().customer_id, self.john)

    def test_dispute_lasts_until_it_is_lifted(self):
        self._rule(days=(3, 200))
        invoice = self._due_invoice(3)
        hold = self._hold(invoice, kind="dispute")
        self.assertFalse(self._remind())
        self.assertTrue(invoice.paylink_is_disputed)
        day = TODAY + timedelta(days=50)
        with freeze_time(day):
            hold.action_lift()
        self.assertEqual(len(self._remind(day)), 1, "It was held up, however long")

    def test_disputed_by_the_bank(self):
        """What a bank takes back is open again: nobody is reminded of it, whatever link it is on."""
        self._rule(days=(3,))
        self._rule(days=(3,), kind="link")
        invoice = self._due_invoice(3)
        link, other = self._link(invoice), self._link(invoice)
        with freeze_time(TODAY - timedelta(days=3)):
            (link | other).action_send()
        dispute = self._bank_dispute(link)
        self.assertFalse(self._remind())
        with freeze_time(TODAY):
            values = {"source_model": "account.move", "source_ids": invoice.ids}
            self.assertTrue(self.env["paylink.reminder.send"].create(values).warning)
        dispute.status = "won"
        self.assertEqual(self._remind().reminder_ids.move_line_id.move_id, invoice)

    def test_promise_in_the_past_is_refused(self):
        invoice = self._due_invoice(3)
        with self.assertRaises(ValidationError):
            self._hold(invoice, date_until=TODAY - timedelta(days=1))

    def test_nobody_notes_in_anothers_name(self):
        invoice = self._due_invoice(3)
        hold = (
            self.env["paylink.reminder.hold"]
            .with_user(self.manager)
            .create({"move_id": invoice.id, "kind": "dispute", "user_id": self.env.ref("base.user_admin").id})
        )
        self.assertEqual(hold.user_id, self.manager)
        hold.write({"user_id": self.env.ref("base.user_admin").id})
        self.assertEqual(hold.user_id, self.manager)

    def test_promise_of_a_contact_is_the_customers(self):
        firm = self._customer("Firm", is_company=True, email="firm@example.com")
        office = self._customer("Office", parent_id=firm.id, email="office@example.com")
        hold = self.env["paylink.reminder.hold"].create({"kind": "dispute", "partner_id": self.marie.id})
        hold.partner_id = office
        self.assertEqual(hold.partner_id, firm)

    def test_nobody_notes_on_what_is_hidden(self):
        """Who can't read an invoice leaves no note on it, and learns no name; what colleagues noted is theirs to lift."""
        seller = self._create_new_internal_user(
            login="seller",
            groups="paylink_addon.group_paylink_user",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )
        invoice, Hold = self._due_invoice(3), self.env["paylink.reminder.hold"].with_user(seller)
        mine = Hold.create({"kind": "dispute", "partner_id": self.marie.id})
        theirs = Hold.with_user(self.manager).create({"kind": "dispute", "partner_id": self.john.id})
        self.env.invalidate_all()
        for do in (
            lambda: Hold.create({"kind": "dispute", "move_id": invoice.id}),
            lambda: mine.write({"move_id": invoice.id}),
            theirs.with_user(seller).action_lift,
            lambda: theirs.with_user(seller).write({"active": False}),
        ):
            with self.assertRaises(AccessError):
                do()
        mine.action_lift()
        theirs.with_user(self.manager).action_lift()
        self.assertFalse((mine | theirs).filtered("active"))

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
