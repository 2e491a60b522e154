import base64
from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .reminder_common import TODAY, ReminderCommon


@tagged("post_install", "-at_install")
class TestReminderMessages(ReminderCommon):
    """What a message says, and to whom it goes."""

    def test_one_message_per_invoice(self):
        self._rule(grouping="document")
        invoices = self._due_invoice(3) + self._due_invoice(12)
        messages = self._remind()
        self.assertEqual(messages.move_id, invoices)
        self.assertEqual(
            {message.move_id: message.step_id.days for message in messages}, dict(zip(invoices, (3, 10), strict=True))
        )
        self.assertFalse(self._remind())

    def test_instalments_of_an_invoice_share_its_message(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "Two halves",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": 50, "nb_days": days}) for days in (30, 33)
                ],
            }
        )
        self._rule(days=(1,), grouping="document", include_link=True)
        invoice = self._invoice(
            invoice_date=TODAY.replace(month=2, day=10), invoice_payment_term_id=term.id, invoice_date_due=False
        )
        messages = self._remind()
        self.assertEqual(len(messages), 1)
        self.assertEqual(set(messages.reminder_ids.mapped("name")), {f"{invoice.name}-1", f"{invoice.name}-2"})
        self.assertEqual(messages.link_ids.amount, 100)

    def test_credits_are_shown_and_netted(self):
        self._rule(include_link=True)
        self._due_invoice(3, amount=100)
        credit = self._invoice(amount=30, move_type="out_refund", invoice_date=TODAY)
        message = self._remind()
        body = self._mails(message).body_html
        self.assertIn(credit.name, body)
        self.assertIn("70,00", message.amount_display)
        self.assertEqual(message.link_ids.amount, 70)
        self.assertEqual(len(message.reminder_ids), 1, "A credit is no reminder")

    def test_who_has_credits_for_all_of_it_gets_nothing(self):
        self._rule()
        self._due_invoice(3, amount=100)
        self._invoice(amount=100, move_type="out_refund", invoice_date=TODAY)
        self.assertFalse(self._remind())

    def test_credits_are_netted_once(self):
        """What one message after the other asks for is what is owed in all, whatever comes first."""
        for first, second, amounts in ((200, 100, ("50,00", "100,00")), (100, 200, ("100,00", "50,00"))):
            with self.subTest(first=first), self.env.cr.savepoint() as savepoint:
                self._rule(days=(3,), include_link=True)
                self._due_invoice(4, amount=first)
                self._due_invoice(3, amount=second)
                self._invoice(amount=150, move_type="out_refund", invoice_date=TODAY - timedelta(days=60))
                messages = self._remind(TODAY - timedelta(days=1)) + self._remind()
                self.assertEqual(len(messages), 2)
                for message, amount in zip(messages.sorted("id"), amounts, strict=True):
                    self.assertIn(amount, message.amount_display)
                self.assertEqual(sum(messages.link_ids.mapped("amount")), 150)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_currencies_are_not_added_up(self):
        self._rule(include_link=True)
        euro = self.env.ref("base.EUR")
        euro.active = True
        self._due_invoice(3)
        self._due_invoice(3, currency_id=euro.id)
        message = self._remind()
        self.assertEqual(len(message.link_ids), 2)
        self.assertEqual(message.link_ids.currency_id, self.company.currency_id | euro)
        for link in message.link_ids:
            self.assertIn(link.url, self._mails(message).body_html)

    def test_language_of_the_customer(self):
        self._rule()
        template = self.env.ref("paylink_addon.mail_template_reminder_after_1")
        template.with_context(lang="fr_FR").subject = "Rappel pour {{ object.documents_display }}"
        self._due_invoice(3)
        self._due_invoice(3, partner=self.john)
        french, english = self._mails(self._remind()).sorted("email_to", reverse=True)
        self.assertTrue(french.subject.startswith("Rappel pour"))
        self.assertIn("reminder", english.subject)

    def test_link_is_used_again(self):
        self._rule(include_link=True)
        invoice = self._due_invoice(10)
        link = self._link(invoice, expires_at=fields.Datetime.now() + timedelta(days=7))
        self.assertEqual(self._remind().link_ids, link)

    def test_link_that_ends_soon_is_not_used(self):
        self._rule(include_link=True)
        link = self._link(self._due_invoice(10), expires_at=fields.Datetime.now() + timedelta(days=1))
        self.assertNotIn(link, self._remind().link_ids)

    def test_link_for_something_else_is_not_used(self):
        self._rule(include_link=True)
        invoices = self._due_invoice(10) + self._due_invoice(0)
        link = self._link(invoices)
        self.assertNotIn(link, self._remind().link_ids)

    # === RECIPIENTS === #

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

    # === COPIES AND ANSWERS === #

    def test_copies(self):
        self._rule(email_cc="one@example.com, Two <two@example.com>", email_bcc="boss@example.com")
        self._due_invoice(3)
        mail = self._mails(self._remind())
        self.assertEqual(mail.email_cc, "one@example.com, two@example.com")
        (values,) = mail._prepare_outgoing_list()
        server = self.env["ir.mail_server"]
        context = {"send_validated_to": values["email_to_normalized"]}
        message = server._build_email__(
            "compta@example.com",
            values["email_to"],
            mail.subject,
            values["body"],
            email_cc=values["email_cc"],
            headers=values["headers"],
            subtype="html",
        )
        _sender, envelope, message = server.with_context(**context)._prepare_email_message__(message, None)
        self.assertEqual(set(envelope), {"marie@example.com", "one@example.com", "two@example.com", "boss@example.com"})
        self.assertNotIn("boss@example.com", message.as_string())

    def test_copies_that_are_no_addresses_are_refused(self):
        for field in ("email_cc", "email_bcc"):
            with self.subTest(field), self.assertRaises(ValidationError):
                self._rule(**{field: "nobody"})

    def test_answers_to_the_salesperson(self):
        for wanted, address in ((True, "manager@example.com"), (False, "compta@example.com")):
            with self.subTest(wanted=wanted):
                self.company.alias_domain_id = False
                self._rule(reply_to_salesperson=wanted).copy({"active": False})
                self._due_invoice(
                    3, partner=self._customer("X", email="x@example.com"), invoice_user_id=self.manager.id
                )
                self.assertIn(address, self._mails(self._remind()).reply_to)
                self.env["paylink.reminder.rule"].search([]).unlink()

    # === FILES === #

    def test_files(self):
        invoice = self._due_invoice(3)
        invoice.invoice_pdf_report_file = base64.b64encode(b"%PDF stored")
        plan, secret = self.env["ir.attachment"].create(
            [
                {"name": name, "raw": b"x", "res_model": "account.move", "res_id": invoice.id, "paylink_send": send}
                for name, send in (("plan.pdf", True), ("secret.pdf", False))
            ]
        )
        cases = [(False, False, []), (True, False, ["pdf"]), (False, True, ["plan"]), (True, True, ["pdf", "plan"])]
        pdf = self.env["ir.attachment"].search(
            [("res_id", "=", invoice.id), ("res_model", "=", "account.move"), ("res_field", "!=", False)]
        )
        names = {"pdf": pdf, "plan": plan}
        rule = self._rule(days=(3,))
        for attach_pdf, attach_files, wanted in cases:
            with self.subTest(pdf=attach_pdf, files=attach_files), self.env.cr.savepoint() as savepoint:
                rule.write({"attach_pdf": attach_pdf, "attach_files": attach_files})
                files = self._mails(self._remind()).attachment_ids
                self.assertEqual(files, self.env["ir.attachment"].union(*(names[name] for name in wanted)))
                self.assertNotIn(secret, files)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_own_template_has_its_sender_and_files(self):
        template = self._rule(days=(3,)).step_ids.mail_template_id
        file = self.env["ir.attachment"].create({"name": "conditions.pdf", "raw": b"x", "res_model": template._name})
        template.write({"attachment_ids": [Command.set(file.ids)], "email_from": "{{ object.company_id.email }}"})
        self.company.email = "collect@example.com"
        self._due_invoice(3)
        mail = self._mails(self._remind())
        self.assertEqual((mail.attachment_ids, mail.email_from), (file, "collect@example.com"))

    # === WHAT BREAKS === #

    def test_broken_template_stops_only_its_own(self):
        rule = self._rule()
        template = rule.step_ids.filtered(lambda step: step.days == 10).mail_template_id
        template.body_html = '<p><t t-out="object.no_such_field"/></p>'
        good, bad = self._due_invoice(3), self._due_invoice(12, partner=self.john)
        with mute_logger("odoo.addons.paylink_addon.models.paylink_reminder_outbox"):
            messages = self._remind()
        self.assertEqual(messages.reminder_ids.move_id, good)
        failed = self._reminders(bad).filtered(lambda row: row.step_id.days == 10)
        self.assertEqual((failed.outcome, failed.reason, failed.state), ("failed", "template", "failed"))
        self.assertIn("no_such_field", failed.error)
        self.assertEqual(rule.activity_ids.user_id, self.manager)
        self.assertFalse(self._remind())
        self.assertEqual(len(rule.activity_ids), 1)

    def test_broken_template_leaves_no_open_link(self):
        template = self._rule(days=(3,), include_link=True).step_ids.mail_template_id
        for lang in ("en_US", "fr_FR"):
            template.with_context(lang=lang).body_html = '<p><t t-out="object.no_such_field"/></p>'
        self._due_invoice(3)
        with mute_logger("odoo.addons.paylink_addon.models.paylink_reminder_outbox"):
            self.assertFalse(self._remind())
        self.assertEqual(self.env["paylink.link"].search([]).mapped("state"), ["cancelled"])

    def test_template_that_breaks_for_one_customer(self):
        rule = self._rule(days=(3,))
        rule.step_ids.mail_template_id.body_html = (
            "<p t-out=\"1 / len(object.partner_id.lang[:2].replace('en', ''))\"/>"
        )
        self._due_invoice(3)
        self._due_invoice(3, partner=self.john)
        with mute_logger("odoo.addons.paylink_addon.models.paylink_reminder_outbox"):
            messages = self._remind()
        self.assertEqual(messages.partner_id, self.marie)

    def test_template_of_another_model_is_refused(self):
        template = self.env.ref("paylink_addon.mail_template_link")
        with self.assertRaises(UserError):
            self._rule(days=(3,)).step_ids.mail_template_id = template
