import base64
from datetime import timedelta
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ...models.reminder import paylink_reminder_message_compose
from ...models.reminder.paylink_reminder_message_deliver import _logger as delivery_logger
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

    def test_installments_of_an_invoice_share_its_message(self):
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

    def test_of_very_many_documents_the_first_are_named(self):
        """Mail clients cut off what is too long; the total is that of all, as is what is paid."""
        self._rule(include_link=True)
        invoices = self.env["account.move"].union(*(self._due_invoice(3, amount=100) for _number in range(5)))
        with patch.object(paylink_reminder_message_compose, "MOST_LINES", 3):
            message = self._remind()
        body = self._mails(message).body_html
        self.assertEqual([invoice.name in body for invoice in invoices], [True, True, True, False, False])
        self.assertRegex(body, "500,00")
        self.assertEqual((len(message.reminder_ids), message.link_ids.amount), (5, 500))

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
        self._due_invoice(3)
        self._due_invoice(3, currency_id=self.currency_euro.id)
        message = self._remind()
        self.assertEqual(len(message.link_ids), 2)
        self.assertEqual(message.link_ids.currency_id, self.company.currency_id | self.currency_euro)
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
        self._rule(days=(3,), customer_mode="except", partner_ids=self.john.ids)
        rule = self._rule(days=(10,), customer_mode="only", partner_ids=self.john.ids)
        template = rule.step_ids.mail_template_id.copy({"body_html": '<p><t t-out="object.no_such_field"/></p>'})
        rule.step_ids.mail_template_id = template
        good, bad = self._due_invoice(3), self._due_invoice(12, partner=self.john)
        with mute_logger(delivery_logger.name):
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
        with mute_logger(delivery_logger.name):
            self.assertFalse(self._remind())
        self.assertEqual(self.env["paylink.link"].search([]).mapped("state"), ["cancelled"])

    def test_template_that_breaks_for_one_customer(self):
        rule = self._rule(days=(3,))
        rule.step_ids.mail_template_id.body_html = (
            "<p t-out=\"1 / len(object.partner_id.lang[:2].replace('en', ''))\"/>"
        )
        self._due_invoice(3)
        self._due_invoice(3, partner=self.john)
        with mute_logger(delivery_logger.name):
            messages = self._remind()
        self.assertEqual(messages.partner_id, self.marie)

    def test_template_of_another_model_is_refused(self):
        template = self.env.ref("paylink_addon.mail_template_link")
        with self.assertRaises(UserError):
            self._rule(days=(3,)).step_ids.mail_template_id = template
