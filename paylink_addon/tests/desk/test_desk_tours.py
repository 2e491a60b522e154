from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from ..browser_common import ToursCommon
from .test_bulk import BulkCommon


@tagged("post_install", "-at_install")
class TestDeskTours(ToursCommon, BulkCommon):
    seller_groups = "paylink_addon.group_payment_manager"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        soon = fields.Datetime.now() + timedelta(minutes=30)
        cls.live, cls.paid = cls._links(user=cls.seller, expires_at=soon), cls._links(user=cls.seller)
        cls._attempt(cls.paid)._set_error("Not enough money")
        cls._attempt(cls.paid)._set_done()
        (cls.live + cls.paid).sudo().unread = True

    def test_lists_and_what_is_done_with_many(self):
        self.start_tour("/odoo/payment-links", "paylink_desk", login="camille")
        self.env.invalidate_all()
        self.assertEqual((self.paid.unread, self.paid.consolidated, self.live.state), (False, False, "cancelled"))
        self.assertFalse(self.live.unread)
        self.assertTrue(self.live.sent_at)
        self.assertTrue(self.env["paylink.reminder.message"].search([("link_ids", "=", self.live.id)]))
        self.assertIn("Doublon", str(self.paid.message_ids.mapped("body")))
