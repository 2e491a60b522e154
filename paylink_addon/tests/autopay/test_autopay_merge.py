from odoo.tests import HttpCase, tagged

from .autopay_common import AutopayCommon

AGREED = (
    *("paylink_autopay", "paylink_autopay_has_cap", "paylink_autopay_cap", "paylink_autopay_has_month_cap"),
    *("paylink_autopay_month_cap", "paylink_token_id"),
)


@tagged("post_install", "-at_install")
class TestAutopayMerge(AutopayCommon, HttpCase):
    """Customers that are merged by Odoo's own wizard: each has agreed for itself."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.twin = cls._customer("Marie Duboys", email="marie@example.com")
        cls._rule(notice_days=3)

    def _pages(self, partners):
        return self.env["paylink.autopay.page"]._for_customers(partners, self.company, self.manager)

    def _text(self, page):
        return self.url_open(f"/autopay/{page.access_token}").text

    def test_all_addresses_show_what_will_be_charged_and_end_it(self):
        pages = self._pages(self.marie | self.twin)
        invoices = self._due_invoice(late=-5) | self._due_invoice(self.twin, late=-5)
        self._merge(self.marie | self.twin, self.marie)
        for page in pages.exists():
            for invoice in invoices:
                self.assertIn(invoice.name, self._text(page))
        main = self._pages(self.marie)
        self.assertEqual((len(pages.exists()), len(main), main.partner_id), (2, 1, self.marie))
        (pages - main)._page_switch_off()
        self.assertFalse(self.marie.paylink_autopay)
        self.assertNotIn(invoices[0].name, self._text(main))

    def test_what_the_remaining_contact_has_agreed_to_stays(self):
        """Also where it was never asked: Odoo takes what is missing from those who go."""
        john = self.john
        john.write({"paylink_autopay": True, "paylink_autopay_has_cap": True, "paylink_autopay_cap": 50})
        off = self.env["res.partner"].create({"name": "Off", "email": "marie@example.com"})
        off.paylink_autopay = False
        limited = {"paylink_autopay_has_cap": True, "paylink_autopay_cap": 10, "paylink_autopay_has_month_cap": True}
        self.marie.write({**limited, "paylink_autopay_month_cap": 20})
        for target in (self.twin, off, john):
            with self.subTest(target=target.name), self.env.cr.savepoint() as savepoint:
                before = [target[name] for name in AGREED]
                self._merge(self.marie | target, target)
                self.assertEqual([target[name] for name in AGREED], before)
                self.assertEqual(self.token.partner_id, target)
                savepoint.rollback()

    def test_who_may_merge_needs_no_right_to_charge(self):
        clerk = self._user("clerk", "base.group_user,base.group_partner_manager")
        partners = (self.marie | self.twin).with_user(clerk)
        wizard = self.env["base.partner.merge.automatic.wizard"].with_user(clerk)
        wizard._merge(partners.ids, self.marie.with_user(clerk))
        self.env.invalidate_all()
        self.assertEqual((self.marie.paylink_autopay, self.twin.exists()), (True, self.twin.browse()))
