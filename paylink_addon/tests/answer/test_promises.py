from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import freeze_time, tagged
from odoo.tools import SQL
from werkzeug.datastructures import MultiDict

from ..reminder.reminder_common import TODAY, ReminderCommon
from .answer_common import AnswerCommon, AnswerMixin


class PromiseCommon(AnswerMixin, ReminderCommon):
    """A company that reminds, and what is promised to it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(freeze_time(f"{TODAY} 10:00:00"))
        cls.rule = cls._rule()

    def _promise(self, link, days, said=None):
        said = {"date": str(TODAY + timedelta(days=days))} if said is None else {"date": said}
        link.sudo()._answer_in_turn("promise", MultiDict(said))
        return self._answers(link)[:1]


@tagged("post_install", "-at_install")
class TestPromisePage(AnswerCommon, PromiseCommon):
    """A customer says on the page on which day it will be paid."""

    def test_until_then_nobody_is_reminded(self):
        """In French, on the page: the invoice is left alone until that day is over, and the rule then goes on."""
        invoice, other = self._due_invoice(2), self._due_invoice(3)
        link = self._link(invoice, allow_partial=True)
        _response, page = self._page(link, "/answer?lang=fr_FR")
        field = page.get_element_by_id("pl-promise-date")
        self.assertEqual((field.get("min"), field.get("max")), ("2026-03-19", "2026-04-01"))
        self._send(link, "promise", date="2026-03-25")
        self.assertEqual(self._holds(invoice).mapped("date_until"), [TODAY + timedelta(days=7)])
        self.assertEqual(self._reminders_of(invoice, 1), self.rule.browse())
        self.assertTrue(self._reminders_of(other, 0))
        self.assertFalse(self._reminders_of(invoice, 7))
        self.assertTrue(self._reminders_of(invoice, 8))
        told = self._page(link, "?lang=fr_FR")[1].get_element_by_id("pl-answers").text_content()
        self.assertIn("25/03/2026", told)

    def _reminders_of(self, invoice, days):
        """The rules by which an invoice would be reminded of."""
        day = TODAY + timedelta(days=days)
        picks = self.rule._pick(day)
        return self.rule.filtered(lambda rule: any(pick.move_id == invoice.id for pick in picks))

    def test_days_that_can_be_chosen(self):
        """From tomorrow on, as long as the company says; what is no day is none."""
        link = self._link(self._due_invoice())
        for said in ("", "soon", "2026-03-18", "2026-04-02", "1950-01-01", "9999-99-99", "<b>"):
            with self.subTest(said=said), self.assertRaises(UserError):
                self._promise(link, 0, said)
        response = self._send(link, "promise", date="2026-04-02")
        self.assertEqual(response.status_code, 422)
        self.assertIn("2026-04-02", response.text, "What was typed is shown again")
        self.company.paylink_promise_days = 0
        self.assertFalse(self._page(link, "/answer")[1].xpath("//*[@id='pl-answer-promise']"))
        with self.assertRaises(UserError):
            self._promise(link, 2)
        self.assertFalse(self._answers(link))


@tagged("post_install", "-at_install")
class TestPromises(PromiseCommon):
    """What is promised is held up, and told of on its day."""

    def _tell(self, days, hour=10):
        """What customers are told on a day of what they have promised: the links."""
        with freeze_time(f"{TODAY + timedelta(days=days)} {hour:02}:00:00"):
            self._run_cron("ir_cron_paylink_remind")
        told = self.env.ref("paylink_addon.mt_link_promise_told")
        messages = self.env["mail.message"].sudo().search([("subtype_id", "=", told.id)])
        return self.env["paylink.link"].browse(set(messages.mapped("res_id")))

    def test_one_extension(self):
        """Of each document, by whatever link: to a later day, which replaces the first."""
        invoice, other = self._due_invoice(), self._due_invoice()
        both, link = self._link(invoice | other), self._link(invoice)
        first = self._promise(both, 3)
        with self.assertRaises(UserError):
            self._promise(link, 3)
        second = self._promise(link, 5)
        self.assertEqual(self._holds(invoice).mapped("date_until"), [TODAY + timedelta(days=5)])
        self.assertEqual(self._holds(other).mapped("date_until"), [TODAY + timedelta(days=3)])
        self.assertEqual((first.state, second.state), ("standing", "standing"))
        for spent in (both, link):
            with self.assertRaises(UserError):
                self._promise(spent, 7)
            self.assertFalse(spent.sudo()._answer_form_promise())
        alone = self._link(other)
        self._promise(alone, 6)
        self.assertEqual(first.state, "lifted")
        self.assertFalse(self._time_line(both, "answer_lifted"), "It was replaced, not taken back")
        with freeze_time(f"{TODAY + timedelta(days=61)} 10:00:00"):
            self.assertTrue(link.sudo()._answer_form_promise())

    def test_link_lasts_no_longer_than_what_was_promised(self):
        """Who takes it back has the link as long as before."""
        link = self._link(self._due_invoice())
        before = link.sudo().expires_at = fields.Datetime.now() + timedelta(days=1)
        answer = self._promise(link, 5)
        self.assertGreater(link.expires_at, before)
        answer._lift()
        self.assertEqual(link.expires_at, before)

    def test_what_is_no_invoice_waits_too(self):
        """A link that asks for an amount, or for an opening entry: rules for unpaid links leave it alone."""
        link = self._free_link(80)
        self._promise(link, 4)
        held, _items = self.env["paylink.reminder.hold"]._standing_links_sql("promise", self.company, TODAY)
        self.env.flush_all()
        self.assertIn((link.id,), self.env.execute_query(held))

    def test_automatic_payment_waits(self):
        """It asks the same as rules of reminders do."""
        invoice, other = self._due_invoice(), self._due_invoice()
        rule = self.env["paylink.autopay.rule"].create({"name": "All", "company_id": self.company.id})
        self._promise(self._link(invoice), 4)
        for days, waiting in ((0, invoice), (4, invoice), (5, invoice.browse())):
            condition = rule._common_not_promised(TODAY + timedelta(days=days))
            query = SQL(
                """SELECT c.move_id FROM (SELECT move_id, id AS item_id, partner_id AS customer_id
                                            FROM account_move_line WHERE id IN %s) c WHERE NOT (%s)""",
                tuple(self._items(invoice | other).ids),
                condition,
            )
            self.env.flush_all()
            with self.subTest(days=days):
                self.assertEqual([row[0] for row in self.env.execute_query(query)], waiting.ids)

    def test_customer_is_told_on_that_day(self):
        """Once, in the customer's language, as the link is sent; whatever the page says then can be paid."""
        link = self._link(self._due_invoice(), send_sms=True)
        sent_at = link.sent_at
        self.assertLess(link.expires_at.date(), TODAY + timedelta(days=10))
        self._promise(link, 10)
        self.assertEqual(
            link.expires_at, fields.Datetime.to_datetime("2026-03-28 23:00:00"), "It lasts through that day in Paris"
        )
        self.assertFalse(self._tell(9))
        for _run in range(2):
            self.assertEqual(self._tell(10), link)
        mail = self._customer_mails(link)
        self.assertEqual((len(mail), mail.email_to), (1, "marie@example.com"))
        self.assertIn(link.url, mail.body_html)
        self.assertEqual(self.env["sms.sms"].sudo().search([], order="id desc", limit=1).number, "+33639981234")
        self.assertEqual(link.sent_at, sent_at)
        self._tell(11)
        self.assertEqual(len(self._time_line(link, "promise_told")), 2, "One by e-mail, one by SMS")

    def test_who_is_not_told(self):
        """Who has paid, objects, has agreed on a later day or taken it back; and where reminders are off."""
        Hold = self.env["paylink.reminder.hold"]
        links = self.env["paylink.link"].union(*(self._link(self._due_invoice()) for _number in range(5)))
        paid, objecting, agreed, back, left = links
        for link in links:
            self._promise(link, 3)
        self._pay(paid)
        Hold.create({"kind": "objection", "move_id": objecting.line_ids.move_id.id})
        later = TODAY + timedelta(days=20)
        Hold.create({"kind": "promise", "move_id": agreed.line_ids.move_id.id, "date_until": later})
        self._answers(back).action_lift()
        self.company.paylink_reminders = False
        self.assertFalse(self._tell(3))
        self.company.paylink_reminders = True
        self.assertEqual(self._tell(3), left)

    def test_job_that_stood_still(self):
        """It tells some days later, by the link that there is now; unless a rule has reminded the customer since."""
        self.rule.active = False
        customers = (self.marie, self.marie, self.john)
        link, renewed, reminded = (self._link(self._due_invoice(partner=one)) for one in customers)
        for one in (link, renewed, reminded):
            self._promise(one, 3)
        renewed.action_cancel()
        successor = renewed.sudo()._renew(False, {})
        successor._issue()
        values = {"customer_id": self.john.id, "partner_id": self.john.id, "channel": "email", "slot": "john"}
        values |= {"company_id": self.company.id, "date": TODAY + timedelta(days=4)}
        self.env["paylink.reminder.message"].sudo().create(values)
        self.assertEqual(self._tell(5), link | successor)
        old = self._link(self._due_invoice())
        self._promise(old, 2)
        self.assertNotIn(old, self._tell(2 + self.company.paylink_reminder_catchup_days + 1))

    def test_link_that_has_ended_by_the_time_of_the_job(self):
        """It lasts longer, whatever draft was made of it; as long as before for who takes the promise back; not one
        that somebody has canceled.
        """
        self.rule.active = False
        link, canceled = (self._link(self._due_invoice()) for _number in range(2))
        before = fields.Datetime.now() + timedelta(days=1)
        (link | canceled).sudo().expires_at = before
        answer = self._promise(link, 3)
        self._promise(canceled, 3)
        end = canceled.expires_at
        link.sudo()._renew(False, {})
        canceled.action_cancel()
        self.assertEqual(self._tell(5), link)
        self.assertGreater(link.expires_at.date(), TODAY + timedelta(days=4))
        self.assertEqual(canceled.expires_at, end)
        answer.action_lift()
        self.assertEqual(link.expires_at, before)

    def test_one_document_that_is_promised_for_a_later_day(self):
        """By another link: the customer is told of the rest alone on the day of the first promise."""
        invoice, other = self._due_invoice(), self._due_invoice()
        both, link = self._link(invoice | other), self._link(invoice)
        self._promise(both, 3)
        self._promise(link, 5)
        rest = self._tell(3)
        self.assertEqual((rest.sudo().line_ids.move_id, rest.amount, rest.email), (other, 100, both.email))
        self.assertTrue(rest.sent_at and rest.expires_at == both.expires_at)
        self.assertEqual(self._tell(5), rest | link)

    def test_hours(self):
        """Those of reminders; on a day without any, which the customer has chosen, those of offices."""
        self.company.resource_calendar_id = self._calendar(weekdays=range(5), hours=(8, 12))
        weekday, sunday = (self._link(self._due_invoice()) for _number in range(2))
        self._promise(weekday, 2)
        self._promise(sunday, 4)
        for days, hour, told in ((2, 15, 0), (2, 9, 1), (4, 4, 1), (4, 10, 2)):
            with self.subTest(days=days, hour=hour):
                self.assertEqual(len(self._tell(days, hour)), told)

    def test_set_based(self):
        """However many promises there are: a handful of queries for each set, besides the messages."""
        few, many = (
            self.env["paylink.link"].union(*(self._link(self._due_invoice()) for _number in range(count)))
            for count in (2, 8)
        )
        counts = []
        for links in (few, many):
            for link in links:
                self._promise(link, 3)
            answers = self._answers(links).sudo()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            answers._put_off()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(*counts)
