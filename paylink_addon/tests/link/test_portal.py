from datetime import timedelta

from odoo import fields
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestPortal(PaylinkCommon, HttpCase):
    """The customer's list of links in the portal."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls._create_new_portal_user(login="client")
        cls.portal.partner_id.parent_id = cls.marie

    def _rows(self, links):
        return {row["name"]: row for row in links.sudo()._portal_rows()}

    def test_each_state_as_the_customer_says_it(self):
        """What is due now, not what was asked; nothing is due of what can't be paid anymore."""
        self.company.paylink_allow_partial = True
        fresh, partly, paid, cancelled = (self._link(self._invoice()) for _number in range(4))
        self._pay(partly, 30)
        self._pay(paid)
        cancelled.action_cancel()
        settled = self._link(self._invoice())
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=settled.line_ids.move_id.ids
        ).create({})._create_payments()
        late = self._link(self._invoice(), expires_at=fields.Datetime.now() + timedelta(hours=1))
        late.expires_at = fields.Datetime.now() - timedelta(hours=1)
        pending = self._link(self._invoice())
        self._attempt(pending)._set_pending()
        failed = self._link(self._invoice())
        self._attempt(failed)._set_error("No")
        links = fresh + partly + paid + cancelled + settled + late + pending + failed
        refunded = self._link(self._invoice())
        self._refund(self._pay(refunded), refunded.amount)
        rows = self._rows(links + refunded)
        cases = [
            (fresh, "To pay", "100", True),
            (partly, "Partly paid", "70", True),
            (paid, "Paid", "", False),
            (refunded, "Refunded", "", False),
            (cancelled, "Canceled", "", False),
            (settled, "Settled another way", "", False),
            (late, "Expired", "", False),
            (pending, "Payment in progress", "100", False),
            (failed, "Payment failed: try again", "100", True),
        ]
        for link, status, due, payable in cases:
            with self.subTest(status=status):
                row = rows[link.name]
                self.assertEqual((row["status"][0], row["payable"]), (status, payable))
                self.assertEqual("".join(filter(str.isdigit, row["due"].split(".")[0])), due)

    def test_page_is_in_the_customers_language(self):
        link = self._link(self._invoice(amount=1234.5))
        for lang, amount, date in (("en_US", "1,234.50", "%m/%d/%Y"), ("fr_FR", "1 234,50", "%d/%m/%Y")):
            with self.subTest(lang=lang):
                self.portal.lang = lang
                self.authenticate("client", "client")
                page = self.url_open("/my/payment_links").text.replace("\u202f", " ").replace("\xa0", " ")
                self.assertIn(amount, page)
                self.assertIn(f"{link.expires_at:{date}}"[:10], page)
                self.assertIn(f"/pay/{link.access_token}", page)
                self.assertIn("text-bg-info", page)

    def test_list_takes_the_same_queries_for_any_number(self):
        self._link(self._invoice())
        self.authenticate("client", "client")
        counts = []
        for more in (0, 4):
            for _number in range(more):
                self._pay(self._link(self._invoice() + self._invoice()))
                self._link(self._invoice())
            self.url_open("/my/payment_links")
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(self.url_open("/my/payment_links").status_code, 200)
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 2, counts)

    @mute_logger("odoo.http")
    def test_strangers_see_none_of_it(self):
        link = self._link(self._invoice())
        self._create_new_portal_user(login="stranger")
        self.authenticate("stranger", "stranger")
        page = self.url_open("/my/payment_links").text
        self.assertNotIn(link.name, page)
        self.assertNotIn("/pay/", page)
