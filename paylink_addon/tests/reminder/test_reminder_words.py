from datetime import timedelta

from odoo.tests import freeze_time, tagged
from odoo.tools import format_date

from ...models.reminder.paylink_reminder_rule import MOMENTS, TONES
from .reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestReminderWords(ReminderCommon):
    """What reminders say is so: what was sent before, what is overdue, and since when."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.texts = {
            (moment, tone): cls.env.ref(f"paylink_addon.mail_template_reminder_{moment}_{tone}")
            for moment in MOMENTS
            for tone, _label in TONES
        }
        for (moment, tone), template in cls.texts.items():
            for lang in ("en_US", "fr_FR"):
                template.with_context(lang=lang).subject = f"{moment} {tone}: {{{{ object.amount_display }}}}"

    def _texts(self, messages):
        """Which text each message has."""
        return [mail.subject.split(":")[0] for mail in self._mails(messages)]

    def _sent_on(self, *days):
        """Which texts are sent on some days after :data:`TODAY`."""
        return [text for day in days for text in self._texts(self._remind(TODAY + timedelta(days=day)))]

    # === THE TONE === #

    def test_tone_follows_what_was_sent(self):
        """Days that were skipped, or that nobody got, were no reminders."""
        cases = {
            "all": ((3, 10, 30), None, ["after 1", "after 2", "after 3"]),
            "the first two were skipped": ((30,), None, ["after 1"]),
            "the second was skipped": ((3, 30), None, ["after 1", "after 2"]),
            "the first bounced": ((3, 10), "bounce", ["after 1", "after 1"]),
            "the first was refused": ((3, 10, 30), "exception", ["after 1", "after 1", "after 2"]),
        }
        for name, (days, fate, expected) in cases.items():
            with self.subTest(name), self.env.cr.savepoint() as savepoint:
                rule = self._rule()
                self._due_invoice(0, partner=self.john)
                found = self._sent_on(days[0])
                if fate:
                    self.env["paylink.reminder"].search([]).message_id.sudo().mail_message_id.notification_ids.write(
                        {"notification_status": fate}
                    )
                found += self._sent_on(*days[1:])
                self.assertEqual(found, expected)
                steps = self.env["paylink.reminder.message"].search([], order="id").step_id
                self.assertEqual(steps, rule.step_ids.filtered(lambda step, days=days: step.days in days))
                savepoint.rollback()
                self.env.invalidate_all()

    def test_rule_with_a_single_firm_day(self):
        self._rule(days=(10,), tones=("3",))
        self._due_invoice(0, partner=self.john)
        self.assertEqual(self._sent_on(10), ["after 1"])

    def test_own_templates_are_those_of_the_day_that_is_really_reached(self):
        rule = self._rule()
        for step in rule.step_ids:
            step.mail_template_id = self.texts["after", "1"].copy({"subject": f"own {step.days}:"})
        self._due_invoice(0, partner=self.john)
        self.assertEqual(self._sent_on(30), ["own 3"])

    def test_note_in_advance_is_no_reminder_of_what_is_overdue(self):
        self._rule(days=(5,), tones=("1",), condition="before")
        self._rule(days=(10, 20), tones=("2", "3"))
        self._due_invoice(0, partner=self.john)
        self.assertEqual(self._sent_on(-5, 10, 20), ["before 1", "after 1", "after 3"])

    def test_who_has_more_time_is_courteously_reminded(self):
        self._rule(days=(3, 10))
        invoice = self._due_invoice(0, partner=self.john)
        found = self._sent_on(3)
        invoice.button_draft()
        invoice.invoice_date_due = TODAY + timedelta(days=30)
        invoice.action_post()
        self.assertEqual(found + self._sent_on(40), ["after 1", "after 1"])

    def test_links(self):
        self._rule(days=(3, 10, 30), kind="link")
        link = self._link(self._due_invoice(0, partner=self.john))
        with freeze_time(TODAY):
            link.action_send()
        self.assertEqual(self._sent_on(10, 30), ["link 1", "link 2"])

    def test_earlier_reminders_are_told_as_they_were(self):
        """Only of what they were about, and when the last one was."""
        self._rule(days=(3, 10))
        first = self._due_invoice(0, partner=self.john)
        self._sent_on(3)
        second = self._due_invoice(-7, partner=self.john)
        message = self._remind(TODAY + timedelta(days=10))
        text = message.reminded_display
        self.assertEqual(message.documents_display, f"{first.name}, {second.name}")
        self.assertIn(first.name, text)
        self.assertNotIn(second.name, text)
        self.assertIn(format_date(self.env, TODAY + timedelta(days=3), lang_code="en_US"), text)

    # === AMOUNTS AND DATES === #

    def _by_hand(self, records):
        with freeze_time(TODAY):
            wizard = self.env["paylink.reminder.send"].create(
                {"source_model": records._name, "source_ids": records.ids}
            )
            wizard.action_send()
        return wizard.message_ids

    def _day(self, late):
        return format_date(self.env, TODAY - timedelta(days=late), lang_code="en_US")

    def test_amounts_and_dates_are_of_what_is_meant(self):
        """Of what is overdue, where something is; what is not yet due is in the sum to pay."""
        overdue, later = self._due_invoice(4, self.john, 1200.0), self._due_invoice(-10, self.john, 600.0)
        message = self._by_hand(overdue + later)
        self.assertEqual(self._texts(message), ["after 1"])
        self.assertIn("1,200.00", message.amount_display)
        self.assertIn("1,800.00", message.total_display)
        self.assertEqual((message.documents_display, message.due_date_display), (overdue.name, self._day(4)))
        self.assertEqual((message.days_overdue, message.name), (4, f"{overdue.name}, {later.name}"))

    def test_customers_of_one_dialog_have_each_their_text(self):
        invoices = self._due_invoice(4, self.john) + self._due_invoice(-4, self.marie)
        self.assertEqual(sorted(self._texts(self._by_hand(invoices))), ["after 1", "before 1"])

    def test_several_days_that_are_still_to_come(self):
        invoices = self._due_invoice(-4, self.john) + self._due_invoice(-9, self.john)
        message = self._by_hand(invoices)
        self.assertEqual(message.due_date_display, f"{self._day(-4)} and {self._day(-9)}")

    def test_day_that_is_sent_late_is_not_today(self):
        """“Due today” is said on that day only."""
        self._rule(days=(0,), tones=("1",), condition="on")
        self._due_invoice(0, partner=self.john)
        self._due_invoice(2, partner=self.marie)
        messages = self._remind()
        texts = dict(zip(messages.sorted("id").customer_id, self._texts(messages), strict=True))
        self.assertEqual(texts, {self.john: "on 1", self.marie: "after 1"})

    def test_link_of_which_a_part_is_paid(self):
        """It is overdue since the oldest day of what is still open, for that amount."""
        paid, open_ = self._due_invoice(11, self.john, 600.0), self._due_invoice(4, self.john, 1200.0)
        link = self._link(paid + open_ + self._due_invoice(-20, self.john, 70.0))
        self._register_payment(paid)
        with freeze_time(TODAY):
            link.action_send()
        message = self._by_hand(link)
        line = message.reminder_ids
        self.assertEqual(line.date_due, TODAY - timedelta(days=4))
        self.assertIn("1,270.00", message.amount_display)
        self.assertFalse(message.reminded_display)

    def _register_payment(self, invoice):
        self.env["account.payment.register"].with_context(active_model="account.move", active_ids=invoice.ids).create(
            {"payment_date": TODAY}
        ).action_create_payments()

    def test_credits_are_deducted_from_what_is_overdue(self):
        self._rule(days=(4,))
        self._due_invoice(4, self.john, 1200.0)
        self._invoice(self.john, 200.0, move_type="out_refund", invoice_date=TODAY)
        message = self._remind()
        self.assertIn("1,000.00", message.amount_display)
        self.assertEqual(message.amount_display, message.total_display)

    def test_memo_of_a_payment_is_not_told(self):
        """In the table of the e-mail it is a payment, in the customer's language; colleagues read it."""
        self._rule(days=(4,))
        self._due_invoice(4, self.marie, 1200.0)
        self._pay(self._free_link(200, partner_id=self.marie.id, reference="MEMO"))
        message = self._remind()
        html = self._mails(message).body_html
        self.assertIn("Paiement reçu", html)
        self.assertNotIn("MEMO", html)


@tagged("post_install", "-at_install")
class TestReminderTexts(ReminderCommon):
    """The texts that are supplied."""

    def test_nothing_that_may_be_untrue(self):
        """No text tells by itself of reminders that were sent, and in French no word has to agree with an amount."""
        for lang, forbidden in {
            "en_US": r"(?i)in spite of|last reminder|reminded you|so that no reminder|expire",
            "fr_FR": r"(?i)malgré notre rappel|dernier rappel|\bdûe?s?\b|\bdues?\b|restent|expirer",
        }.items():
            for kind in ("mail", "sms"):
                for key, template in self.env["paylink.reminder.step"]._supplied_templates(kind).items():
                    fields = ("body",) if kind == "sms" else ("subject", "body_html")
                    text = " ".join(template.with_context(lang=lang)[field] for field in fields)
                    with self.subTest(lang=lang, kind=kind, key=key):
                        self.assertNotRegex(text, forbidden)
