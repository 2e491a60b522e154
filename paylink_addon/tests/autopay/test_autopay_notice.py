from unittest.mock import patch

from lxml import html
from odoo.tests import HttpCase, tagged

from .autopay_common import AutopayCommon


@tagged("post_install", "-at_install")
class TestAutopayNotice(AutopayCommon, HttpCase):
    """Customers are told before they are charged, and object or end it by themselves."""

    def setUp(self):
        super().setUp()
        self.rule = self._rule(notice_days=3)

    def _announce(self, days=0):
        """The notices of some days later: the e-mails."""
        before = self.env["mail.mail"].sudo().search([])
        rules = self.env["paylink.autopay.rule"]._of_company(self.company)
        date = self._days(days)
        customers = dict.fromkeys(due.customer_id for due in rules._pick_notices(date))
        rules._announce_to(date, self.env["res.partner"].browse(customers))
        self.env.flush_all()
        made = self.env["mail.mail"].sudo().search([]) - before
        return made.filtered(lambda mail: mail.model == "paylink.autopay.page")

    def _page(self):
        return self.env["paylink.autopay.page"].search([("partner_id", "=", self.marie.id)])

    def test_told_then_charged(self):
        """Three days before, once, in the customer's language; charged on the day that was told, not before."""
        invoice = self._due_invoice(late=-5)
        self.assertFalse(self._announce(days=1))
        mail = self._announce(days=2)
        self.assertEqual(mail.email_to, "marie@example.com")
        for text in (invoice.name, "4242", self._page().url):
            self.assertIn(text, mail.body_html)
        self.assertNotIn(self._page().access_token, mail.body)
        self.assertFalse(self._announce(days=3), "once")
        self.assertFalse(self._run_rules(days=4))
        self.assertEqual(self._run_rules(days=5).amount, 100)

    def test_what_is_late_is_told_first(self):
        """The notice is never shorter than the rule says."""
        self._due_invoice(late=10)
        self.assertFalse(self._run_rules())
        self.assertTrue(self._announce())
        self.assertFalse(self._run_rules(days=2))
        self.assertTrue(self._run_rules(days=3))

    def test_never_more_than_announced(self):
        """Nor to another method, nor long after it: it is announced anew, for a later day."""

        def use_credit_up():
            other = self._due_invoice(amount=30, late=-60)
            (self._items(other) | self._items(self.credit)).reconcile()

        def raise_amount():
            self.invoice.button_draft()
            self.invoice.invoice_line_ids.price_unit = 150
            self.invoice.action_post()

        def skip_and_resume():
            self._row(self.invoice).sudo()._skip(True)
            self._row(self.invoice).sudo()._skip(False)

        def off_and_on():
            self.marie.with_company(self.company).paylink_autopay = False
            self.marie.with_company(self.company).paylink_autopay = True

        for name, change, day, charged in (
            ("as announced", lambda: None, 3, 70),
            ("a new credit", lambda: self._invoice(amount=10, move_type="out_refund"), 3, 60),
            ("the credit is used up", use_credit_up, 3, 0),
            ("the amount is raised", raise_amount, 3, 0),
            ("another method", lambda: self._profile(self.marie), 3, 0),
            ("skipped and resumed", skip_and_resume, 3, 0),
            ("off and on again", off_and_on, 3, 0),
            ("a month later", lambda: None, 33, 0),
        ):
            with self.subTest(name), self.env.cr.savepoint() as savepoint:
                self.invoice = self._due_invoice(late=-3)
                self.credit = self._invoice(amount=30, move_type="out_refund")
                self.assertIn("70,00", self._announce().body_html)
                change()
                self.assertEqual(sum(self._run_rules(days=day).mapped("amount")), charged)
                if not charged:
                    self.assertTrue(self._announce(days=day))
                    self.assertFalse(self._run_rules(days=day + 2))
                    self.assertTrue(self._run_rules(days=day + 3))
                savepoint.rollback()
            self.env.invalidate_all()

    def test_credit_is_announced_once(self):
        """What is deducted from one charge is not deducted from the notice of the next."""
        self._due_invoice(late=-3)
        self._due_invoice(late=-5)
        self._invoice(amount=30, move_type="out_refund")
        for day, amount in ((0, "70,00"), (2, "100,00")):
            self.assertIn(amount, self._announce(days=day).body_html)
        self.assertEqual([self._run_rules(days=day).amount for day in (3, 5)], [70, 100])

    def test_invoiced_contact_is_told(self):
        """Where the customer has no address of their own."""
        contact = self._customer("Contact", email="contact@example.com", parent_id=self.marie.id)
        self.marie.email = False
        self._due_invoice(contact, late=-3)
        self.assertEqual(self._announce().email_to, "contact@example.com")

    def test_two_documents_of_a_day_are_one_notice(self):
        moves = self._due_invoice(late=-3) | self._due_invoice(amount=60, late=-3)
        self._invoice(amount=30, move_type="out_refund")
        mail = self._announce()
        for name in moves.mapped("name"):
            self.assertIn(name, mail.body_html)
        self.assertIn("130", mail.body_html)

    def test_nobody_to_tell(self):
        """Without an address nothing is charged, and somebody gets the task, once."""
        self.marie.email = False
        self._due_invoice()
        self.assertFalse(self._announce() | self._announce())
        self.assertFalse(self._run_rules(days=30))
        task = self.marie.activity_ids.filtered(lambda task: task.paylink_key == "autopay_address")
        self.assertEqual((len(task), task.user_id), (1, self.manager))

    # === THE PAGE === #

    def _post(self, path, **data):
        response = self.url_open(f"/autopay/{self._page().access_token}{path}", data=data or None)
        self.env.invalidate_all()
        return response

    def test_customer_objects(self):
        """After a second question, and never by a GET: it is not charged, nor reminded; people are told."""
        invoice, other = self._due_invoice(late=-3), self._due_invoice(amount=60, late=-3)
        self._announce()
        self._deliver_notices()
        self.authenticate(None, None)
        shown = self._post("")
        self._assert_nothing_leaks(shown)
        self.assertIn(invoice.name, shown.text)
        item = self._items(invoice)
        self._post(f"/object?item={item.id}&sure=1")
        self._post("/object", item=item.id)
        self.assertFalse(self._row(invoice).is_skipped)
        self._post("/object", item=item.id, sure="1")
        row = self._row(invoice)
        self.assertEqual((row.is_skipped, row.by_customer, self._row(other).is_skipped), (True, True, False))
        self.assertTrue(invoice.paylink_has_objection)
        self.assertTrue(self._page().activity_ids)
        self.assertEqual(self._run_rules(days=3).amount, 60)

    def test_customer_objects_to_what_is_charged_now(self):
        """Until it is sent it is withdrawn; after that the answer says so."""
        self.rule.notice_days = 0
        self.authenticate(None, None)
        self._page().browse()._for_customers(self.marie, self.company, self.manager)
        for is_sent, state in ((False, "cancel"), (True, "pending")):
            with self.subTest(is_sent=is_sent):
                item = self._items(self._due_invoice())
                (tx,) = self._run_rules()
                if is_sent:
                    tx.sudo().paylink_sent_at = self.env.cr.now()
                answer = self._post("/object", item=item.id, sure="1")
                self.assertEqual((tx.state, "paiement est en cours" in answer.text), (state, is_sent))

    def test_page_shows_what_was_announced(self):
        """However long before."""
        self.rule.notice_days = 90
        invoice = self._due_invoice(late=-88)
        self.assertTrue(self._announce())
        self.authenticate(None, None)
        self.assertIn(invoice.name, self._post("").text)

    def test_page_of_many_charges(self):
        """It shows the next ones, and how many come then, until when, of how much; each can be found."""
        moves = self._due_invoice(late=-3)
        for number in range(4, 9):
            moves |= self._due_invoice(amount=number, late=-number)
        page = self.env["paylink.autopay.page"]._for_customers(self.marie, self.company, self.manager)
        self.authenticate(None, None)
        counts, limit = [], "odoo.addons.paylink_addon.models.autopay.paylink_autopay_page.MOST_ROWS"
        for most in (2, 4):
            with self.subTest(most), patch(limit, most):
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                page._page_values()
                counts.append(self.env.cr.sql_log_count - before)
                told = " ".join(html.fromstring(self._post("?lang=en_US").text).text_content().split())
                self.assertEqual([move.name in told for move in moves], [True] * most + [False] * (6 - most))
                last = self._days(8).strftime("%m/%d/%Y")
                self.assertIn(f"and {6 - most} more until {last}: ", told)
                self.assertIn(f"{sum(range(most + 3, 9))}.00", told)
                rest = self._post(f"?first={most}&lang=en_US").text
                self.assertIn(moves[most].name, rest)
                self.assertNotIn(moves[0].name, rest)
        self.assertLessEqual(counts[1], counts[0])
        with patch(limit, 2):
            self._post("/object", item=self._items(moves[5]).id, sure="1")
            self.assertTrue(self._row(moves[5]).is_skipped)
            self.assertIn(moves[0].name, self._post("?first=x").text)
            self.assertIn("Nothing is planned", self._post("?first=99&lang=en_US").text)

    def test_company_that_is_archived(self):
        """Its customers find out that nothing is planned, not an error."""
        self._due_invoice(late=-3)
        self._announce()
        self.authenticate(None, None)
        self.env.cr.execute("UPDATE res_company SET active = FALSE WHERE id = %s", [self.company.id])
        self.env.invalidate_all()
        self.assertEqual(self._post("").status_code, 200)

    def test_customer_ends_it(self):
        invoice = self._due_invoice(late=-3)
        self._announce()
        self.authenticate(None, None)
        self._post("/off?sure=1")
        self._post("/off", other="1")
        self.assertTrue(self.marie.with_company(self.company).paylink_autopay)
        answer = self._post("/off", sure="1")
        self.assertEqual(answer.status_code, 200)
        self.assertFalse(self.marie.with_company(self.company).paylink_autopay)
        self.assertFalse(self._run_rules(days=3))
        self.assertNotIn(invoice.name, self._post("").text)

    def test_from_the_portal(self):
        """Portal users come to their own customer's page; who has no automatic payment, or is none, does not."""
        invoice = self._due_invoice(late=-3)
        for partner, found in ((self.marie, True), (self.john, False)):
            with self.subTest(partner.name):
                login = f"portal{partner.id}"
                self._create_new_portal_user(login=login, partner_id=partner.id)
                self.authenticate(login, login)
                answer = self.url_open("/my/automatic_payments")
                self.assertEqual((invoice.name in answer.text, "/autopay/" in answer.url), (found, found))
        self.assertFalse(self.env["paylink.autopay.page"].search([("partner_id", "=", self.john.id)]))

    def test_foreign_ids(self):
        """The item of another customer, of another company, of nobody: nothing happens."""
        mine = self._due_invoice(late=-3)
        self._profile(self.john)
        theirs = self._due_invoice(self.john, late=-3)
        self._announce()
        self.authenticate(None, None)
        for item in (self._items(theirs).id, 0, "x", "9" * 40, f" {self._items(mine).id}"):
            with self.subTest(item):
                self.assertEqual(self._post("/object", item=item, sure="1").status_code, 200)
                self.assertFalse(self._row(theirs).is_skipped or self._row(mine).is_skipped)
        unknown = self.url_open("/autopay/AAAAAAAAAAAAAAAAAAAAAAAA")
        self.assertEqual(unknown.status_code, 404)
