from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.tests import tagged

from ...const import Task
from .stripe_common import StripeCommon


@tagged("post_install", "-at_install")
class TestFailures(StripeCommon):
    """A debit that fails after the page has said that there is nothing left to do."""

    def _debit(self, link):
        tx = self.pay_on_page(link, "sepa_debit")
        self.assertEqual((tx.state, link.status), ("pending", "in_progress"))
        self.apply_events()
        return tx

    def _euro_link(self, **values):
        return self._free_link(50, currency_id=self._enable_currency("EUR").id, **values)

    def _fails(self, tx):
        self.fake.settle(tx.paylink_stripe_intent, succeed=False)
        self.apply_events(order=lambda events: events * 2)

    def _mails(self, link):
        told = self.env.ref("paylink_addon.mt_link_failure_told")
        return self._customer_mails(link).filtered(lambda mail: mail.mail_message_id.subtype_id == told)

    def _tasks(self, tx):
        return self.env["mail.activity"].sudo().search([("paylink_key", "=", f"{Task.PAYMENT_FAILED}:{tx.id}")])

    def test_fee_is_given_back(self):
        tx = self._debit(self._euro_link())
        self.assertTrue(tx.paylink_fee)
        self._fails(tx)
        self.assertEqual((tx.state, tx.paylink_fee, self.fake.ledger()[0].fee), ("error", 0, 0))

    def test_customer_and_owner_are_told_once(self):
        """By the channels of the link, with the link, which can be paid again; whatever is reported how often."""
        for by_sms in (False, True):
            with self.subTest(by_sms=by_sms):
                link = self._euro_link(send_sms=by_sms)
                tx = self._debit(link)
                self._fails(tx)
                self.come_back(tx)
                self.assertEqual((tx.state, link._page_view()), ("error", "pay"))
                mail = self._mails(link)
                self.assertEqual((len(mail), mail.email_to), (1, "marie@example.com"))
                self.assertIn(f'href="{link.url}"', mail.body_html)
                sms = self.env["sms.sms"].sudo().search([("mail_message_id.res_id", "=", link.id)])
                self.assertEqual([text.number for text in sms], ["+33639981234"] if by_sms else [])
                self.assertTrue(all(link.url in text.body for text in sms))
                self.assertEqual((len(self._tasks(tx)), self._tasks(tx).user_id), (1, link.user_id))
                self.assertIn("50.00", self._tasks(tx).summary)

    def test_language_of_the_customer(self):
        link = self._euro_link(partner_id=self.john.id)
        self._fails(self._debit(link))
        mail = self._mails(link)
        self.assertIn("your payment has failed", mail.subject)
        self.assertIn("Pay €50.00", mail.body_html.replace("\N{NO-BREAK SPACE}", "").replace("50.00€", "€50.00"))

    def test_link_that_has_expired(self):
        """The message leads to the page where a new link is asked for; where there is one already, to that."""
        for renewed in (False, True):
            with self.subTest(renewed=renewed):
                invoice = self._invoice(self.john, currency_id=self._enable_currency("EUR").id)
                link = self._link(invoice, expires_at=fields.Datetime.now() + timedelta(hours=2))
                tx = self._debit(link)
                with freeze_time(fields.Datetime.now() + timedelta(days=3)):
                    successor = link.sudo()._renew(False, {}) if renewed else link
                    successor._issue()
                    self._fails(tx)
                    self.assertEqual((link.state, len(self._tasks(tx))), ("expired", 1))
                mail = self._mails(successor)
                self.assertEqual(len(mail), 1)
                self.assertIn(f'href="{successor.url}"', mail.body_html)
                self.assertEqual("Ask for a new link" in mail.body_html, not renewed)

    def test_who_has_nothing_to_pay_is_not_written_to(self):
        """Canceled: only the owner is told. Settled another way: nobody."""
        invoice = self._invoice(amount=100, currency_id=self._enable_currency("EUR").id)
        cases = {
            "cancelled": (self._euro_link(), lambda link: link.action_cancel(), 1),
            "settled": (self._link(invoice), lambda link: self._register_payment(invoice), 0),
        }
        for name, (link, end, tasks) in cases.items():
            with self.subTest(name):
                tx = self._debit(link)
                end(link)
                self._fails(tx)
                self.assertEqual((tx.state, len(self._mails(link)), len(self._tasks(tx))), ("error", 0, tasks))

    def test_who_reads_it_on_the_page_is_not_written_to(self):
        """Declined on Stripe's page, or at once when a stored method is charged; given up, or closed by us."""
        link = self._free_link()
        tx = self.start(link)
        self.fake.pay(tx.paylink_stripe_session, "card", "do_not_honor")
        self.apply_events()
        charge = self._attempt(link).with_context(paylink_request=True)
        charge._set_pending()
        charge._set_error("Declined")
        self._attempt(link)._set_canceled()
        self.assertEqual(link.attempt_count, 3)
        self.assertFalse(self._mails(link))
        self.assertFalse(link.activity_ids.filtered(lambda task: Task.PAYMENT_FAILED in (task.paylink_key or "")))

    def test_books_do_not_depend_on_it(self):
        """A template that was deleted or broken: the payment has failed all the same, and the owner is told."""
        self.env.ref("paylink_addon.mail_template_failure").unlink()
        for lang in ("en_US", "fr_FR"):
            template = self.env.ref("paylink_addon.sms_template_failure").with_context(lang=lang)
            template.body = "{{ object.company_display }}" + "x" * 2000
        link = self._euro_link(send_sms=True)
        tx = self._debit(link)
        with self.assertLogs("odoo.addons.paylink_addon.models.link.paylink_link_books", "ERROR"):
            self._fails(tx)
        self.assertEqual((tx.state, len(self._mails(link)), len(self._tasks(tx))), ("error", 0, 1))
