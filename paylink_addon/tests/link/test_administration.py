from odoo import SUPERUSER_ID
from odoo.exceptions import UserError
from odoo.tests import HttpCase, tagged

from ...const import Task
from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestAdministration(PaylinkCommon, HttpCase):
    """What administrators archive, delete or switch off, as Odoo lets them, breaks nothing of ours."""

    def _page(self, link):
        return self.url_open(f"/pay/{link.access_token}")

    # === ACCOUNTS === #

    def test_archived_account_is_offered_for_no_transfer(self):
        """Nor on pages of links that were made before."""
        other = self.bank_account.copy({"acc_number": "FR1420041010050500013M02606"})
        self.company.paylink_bank_account_id = self.bank_account
        old = self._link(self._invoice())
        self.assertEqual(old.bank_account_id, self.bank_account)
        self.bank_account.active = False
        self.assertEqual(self._link(self._invoice()).bank_account_id, other)
        for link in (old, self._free_link()):
            with self.subTest(link.name):
                self.assertEqual(link._transfer_values()["account"], other.acc_number)
        other.active = False
        self.assertFalse(self.company._paylink_bank_account())
        self.assertFalse(old._transfer_values())
        self.assertEqual(self._page(old).status_code, 200)

    def test_money_is_booked_whatever_account_was_archived(self):
        invoice = self._invoice()
        receivable = self._items(invoice).account_id
        outstanding = self.env["account.chart.template"].ref("account_journal_payment_debit_account_id")
        for account, booked_on in ((receivable, receivable), (outstanding, self.company.transfer_account_id)):
            with self.subTest(account.name):
                invoice = self._invoice()
                link = self._link(invoice)
                account.active = False
                payment = self._pay(link).payment_id
                self.assertEqual(payment.move_id.state, "posted")
                self.assertIn(booked_on, payment.move_id.line_ids.account_id)
                self.assertEqual(invoice.amount_residual, 0)
                account.active = True

    def test_archived_account_takes_no_fees(self):
        account = self.company_data["default_account_expense"]
        self.company.paylink_fee_account_id = account
        self.assertEqual(self.company._paylink_fee_account(), account)
        account.active = False
        self.assertNotEqual(self.company._paylink_fee_account(), account)

    # === MESSAGES === #

    def test_deleted_template_is_told(self):
        self.company.write({"paylink_mail_template_id": False, "paylink_sms_template_id": False})
        for name, ways in (("mail", {"send_sms": False}), ("sms", {"send_email": False, "send_sms": True})):
            with self.subTest(name):
                self.env.ref(f"paylink_addon.{name}_template_link").unlink()
                wizard = self._wizard(self._invoice(), **ways)
                with self.assertRaisesRegex(UserError, "template"), self.env.cr.savepoint():
                    wizard.action_send()
        with self.assertRaisesRegex(UserError, "template"):
            self._free_link(send_email=True).action_send()

    def test_without_receipt_template_nobody_gets_one(self):
        self.env.ref("paylink_addon.mail_template_receipt").unlink()
        link = self._link(self._invoice())
        self._pay(link)
        self.assertEqual(link.state, "paid")
        self.assertFalse(self._customer_mails(link))

    def test_deleted_words_of_the_timeline(self):
        self.env["mail.message.subtype"].search([("res_model", "=", "paylink.link")]).unlink()
        link = self._sent(self._wizard(self._invoice()))
        self._pay(link)
        self.assertEqual((link.state, bool(link.delivery_state)), ("paid", False))
        self.assertEqual(self._page(link).status_code, 200)

    def test_nothing_is_sent_in_the_name_of_who_has_left(self):
        self.company.email = "compta@example.com"
        owner = self._user("leaver", "paylink_addon.group_paylink_all", email="leaver@example.com")
        # As our jobs send: a person does it in the own name.
        link = self._free_link(user_id=owner.id).with_user(SUPERUSER_ID)
        link.action_send()
        self.assertIn("leaver@example.com", self._customer_mails(link).email_from)
        self._customer_mails(link).unlink()
        owner.active = False
        link.action_send()
        self.assertIn("compta@example.com", self._customer_mails(link).email_from)

    # === PEOPLE === #

    def test_tasks_of_who_has_left(self):
        """They are an administrator's, whoever that is by now."""
        admin = self.env.ref("base.user_admin")
        leaver = self._user("leaver", "paylink_addon.group_paylink_user")
        link = self._free_link(user_id=leaver.id)
        leaver.active = False
        self.assertEqual(link._task_users(), admin)
        admin.active = False
        link._cancel()
        link._ask_for_renewal()
        task = link.activity_ids.filtered(lambda found: found.paylink_key == Task.RENEWAL)
        self.assertTrue(task.user_id.active and task.user_id._is_system())
