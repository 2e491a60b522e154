from datetime import timedelta

from odoo import Command
from odoo.tests import tagged

from .reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestReminderRecipients(ReminderCommon):
    """To whom a message goes, in which language, by which channel."""

    def test_contact_who_was_invoiced(self):
        firm = self._customer("Firm", is_company=True, email="firm@example.com")
        office = self._customer("Office", parent_id=firm.id, type="invoice", email="office@example.com")
        sales = self._customer("Sales", parent_id=firm.id, email="sales@example.com")
        self._rule()
        self._due_invoice(3, partner=sales)
        self.assertEqual(self._mails(self._remind()).email_to, "sales@example.com")
        self._due_invoice(4, partner=sales)
        self._due_invoice(4, partner=firm)
        self.company.paylink_reminder_gap_days = 0
        message = self._remind()
        self.assertEqual((message.partner_id, message.email), (office, "office@example.com"))

    def test_link_of_another_contact_is_not_sent(self):
        """Its page shows what that one has saved."""
        firm = self._customer("Firm", is_company=True, email="firm@example.com")
        office = self._customer("Office", parent_id=firm.id, email="office@example.com")
        self._rule(days=(3,), include_link=True)
        invoice = self._due_invoice(3, partner=office)
        self._link(invoice, partner_id=firm.id)
        self.assertEqual(self._remind().link_ids.partner_id, office)

    def test_contact_who_has_left_gets_nothing(self):
        firm = self._customer("Firm", is_company=True, email="firm@example.com")
        left = self._customer("Left", parent_id=firm.id, email="left@example.com")
        self._rule(days=(3,))
        self._due_invoice(3, partner=left)
        left.active = False
        message = self._remind()
        self.assertEqual((message.email, message.partner_id), ("firm@example.com", firm))

    def _entry(self, partner):
        """An entry of Marie's by which ``partner`` owes 77."""
        due = {"debit": 77, "date_maturity": TODAY - timedelta(days=3), "name": "Owed", "partner_id": partner.id}
        move = self.env["account.move"].create(
            {
                "move_type": "entry",
                "date": TODAY,
                "partner_id": self.marie.id,
                "journal_id": self.company_data["default_journal_bank"].id,
                "line_ids": [
                    Command.create({"account_id": self.company_data["default_account_receivable"].id, **due}),
                    Command.create({"account_id": self.company_data["default_account_revenue"].id, "credit": 77}),
                ],
            }
        )
        move.action_post()
        return move

    def test_whose_debt_it_is_not_gets_nothing(self):
        """The partner of an entry need not be the one who owes."""
        for mode, wanted in (("all", True), ("only", False), ("except", True)):
            with self.subTest(mode), self.env.cr.savepoint() as savepoint:
                self._rule(days=(3,), customer_mode=mode, partner_ids=mode != "all" and self.marie.ids)
                self._entry(self.john)
                message = self._remind()
                self.assertEqual(message.mapped("email"), ["john@example.com"] if wanted else [])
                savepoint.rollback()
                self.env.invalidate_all()

    def test_contacts_for_reminders(self):
        firm = self._customer("Firm", is_company=True, email="firm@example.com")
        for name in ("one", "two"):
            self._customer(name, parent_id=firm.id, email=f"{name}@example.com", paylink_gets_reminders=True)
        self._rule(recipient="reminder")
        self._due_invoice(3, partner=firm)
        self._due_invoice(3)
        mails = self._mails(self._remind())
        self.assertEqual(set(mails.mapped("email_to")), {"one@example.com, two@example.com", "marie@example.com"})

    def test_contact_for_reminders_is_the_one_addressed(self):
        firm = self._customer("Firm", is_company=True, email="firm@example.com", lang="en_US", phone="+33639980101")
        values = {"parent_id": firm.id, "paylink_gets_reminders": True}
        paul = self._customer("Paul", email="paul@example.com", lang="fr_FR", phone="+33639980102", **values)
        self._customer("Subsidiary", is_company=True, email="sub@example.com", **values)
        rule = self._rule(days=(3,), recipient="reminder")
        rule.step_ids.sms_template_id = self.env.ref("paylink_addon.sms_template_reminder_after_1")
        self._due_invoice(3, partner=firm)
        messages = self._remind()
        self.assertEqual(set(messages.mapped("channel")), {"email", "sms"})
        for message in messages:
            with self.subTest(message.channel):
                self.assertEqual((message.partner_id, message.lang), (paul, "fr_FR"))
                self.assertEqual((message.email, message.phone), ("paul@example.com", "+33639980102"))

    def test_marked_subsidiary_is_not_the_customer(self):
        firm = self._customer("Firm", is_company=True, email="firm@example.com")
        self._customer("Sub", parent_id=firm.id, is_company=True, email="sub@example.com", paylink_gets_reminders=True)
        self._rule(days=(3,), recipient="reminder")
        self._due_invoice(3, partner=firm)
        self.assertEqual(self._remind().email, "firm@example.com")

    def test_all_followers(self):
        self._rule(recipient="followers")
        invoice = self._due_invoice(3)
        invoice.message_subscribe(partner_ids=self.john.ids)
        addresses = self._mails(self._remind()).email_to.split(", ")
        self.assertIn("marie@example.com", addresses)
        self.assertIn("john@example.com", addresses)

    def test_follower_of_one_invoice_does_not_read_of_another(self):
        agent = self._customer("Agent", email="agent@example.com")
        for grouping, told in (("customer", 0), ("document", 1)):
            with self.subTest(grouping), self.env.cr.savepoint() as savepoint:
                self._rule(days=(3,), recipient="followers", grouping=grouping)
                followed, _other = self._due_invoice(3), self._due_invoice(3)
                followed.message_subscribe(partner_ids=agent.ids)
                messages = self._remind().filtered(lambda message: "agent@example.com" in message.email)
                self.assertEqual(len(messages), told)
                self.assertEqual(messages.move_id, followed if told else followed.browse())
                savepoint.rollback()
                self.env.invalidate_all()

    def test_bad_address_becomes_another_channel_or_a_task(self):
        self._rule()
        cases = {
            "no e-mail": {"email": False, "phone": "+33639980101"},
            "bad e-mail": {"email": "nobody", "phone": "+33639980102"},
            "bounced": {"email": "gone@example.com", "message_bounce": 1, "phone": "+33639980103"},
        }
        for name, values in cases.items():
            with self.subTest(name):
                self._due_invoice(3, partner=self._customer(name, **values))
                message = self._remind()
                self.assertEqual((message.channel, message.phone), ("sms", values["phone"]))
                self.assertEqual(message.reminder_ids.state, "queued")
                self.assertTrue(message.mail_message_id.notification_ids.sms_id_int)
        lost = self._customer("lost", email="nobody", phone="01 23 45 67 89")
        invoice = self._due_invoice(3, partner=lost)
        self.assertFalse(self._remind())
        reminder = self._reminders(invoice)
        self.assertEqual((reminder.outcome, reminder.reason, reminder.state), ("skipped", "address", "skipped"))
        self.assertEqual(lost.activity_ids.user_id, self.manager)
        self.assertFalse(self._remind(), "Nothing is tried again by itself")
        lost.email = "found@example.com"
        with self.enter_registry_test_mode():
            reminder.with_user(self.manager).action_retry()
        self.assertEqual(self._remind().email, "found@example.com")

    def test_bad_address_does_not_spoil_the_good_one(self):
        self.marie.email = "marie@example.com, marie.office"
        self._rule(days=(3,), use_other_channel=False)
        self._due_invoice(3)
        self.assertEqual(self._remind().email, "marie@example.com")

    def test_corrected_address_has_not_bounced(self):
        cases = [("new@example.com", 0), ("Marie <MARIE@example.com>", 1), (False, 0)]
        for email, count in cases:
            with self.subTest(email):
                self.marie.write({"email": "marie@example.com", "message_bounce": 1})
                self.marie.email = email
                self.assertEqual(self.marie.message_bounce, count)

    def test_other_channel_is_used_if_wanted_only(self):
        self._rule(use_other_channel=False)
        invoice = self._due_invoice(3, partner=self._customer("Phone", phone="+33639980101"))
        self.assertFalse(self._remind())
        self.assertEqual(self._reminders(invoice).reason, "address")

    def test_both_channels(self):
        rule = self._rule(days=(3,))
        rule.step_ids.sms_template_id = self.env.ref("paylink_addon.sms_template_reminder_after_1")
        invoice = self._due_invoice(3)
        messages = self._remind()
        self.assertEqual(set(messages.mapped("channel")), {"email", "sms"})
        self.assertEqual(set(self._reminders(invoice).mapped("channel")), {"email", "sms"})

    def test_sms_has_the_link(self):
        rule = self._rule(days=(3,), include_link=True)
        rule.step_ids.write(
            {
                "mail_template_id": False,
                "sms_template_id": self.env.ref("paylink_addon.sms_template_reminder_after_1").id,
            }
        )
        self._due_invoice(3)
        message = self._remind()
        text = self.env["sms.sms"].sudo().search([("mail_message_id", "=", message.mail_message_id.id)]).body
        self.assertIn(message.link_ids.url, text)
