from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from ..browser_common import PhoneCommon, ToursCommon
from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestCardTours(PhoneCommon, ToursCommon, CardCommon):
    """Payment profiles in a real browser, in French."""

    seller_groups = "paylink_addon.group_paylink_user"
    browser_size = "1366x768"

    def test_card_that_expires_is_replaced(self):
        """From the owner's task by the profile to the request, and on the customer's phone to another card."""
        self.company.paylink_card_renewal = "propose"
        old = self._store_card(self._card_request(user_id=self.seller.id)).token_id
        old.sudo().paylink_expires_on = fields.Date.today() + timedelta(days=9)
        self.env.ref("paylink_addon.ir_cron_paylink_card_renew").method_direct_trigger()
        self.start_tour(f"/odoo/res.partner/{self.marie.id}", "paylink_profile_update", login="camille")
        request = self.env["paylink.card.request"].search([("replaces_id", "=", old.id)])
        self.assertEqual((request.user_id, request.status), (self.seller, "not_opened"))
        self.browser_size = "390x844"
        with self._browse(f"/card/{request.access_token}") as evaluate:
            self.assertEqual(evaluate("document.documentElement.lang"), "fr-FR")
            self.assertLessEqual(evaluate("document.documentElement.scrollWidth"), 390)
            evaluate("document.querySelector('input[name=agreed]').click()")
            evaluate("document.querySelector('form[action$=agree] button').click()")
            self._submit(evaluate, "done")
            self._wait(evaluate, "document.querySelector('.pl-success')")
        self.assertEqual((request.state, old.active), ("stored", False))
        self.assertEqual(self.marie.paylink_token_id, request.token_id)

    def test_invoice_is_charged(self):
        self._store_card(self._card_request())
        invoices = self._invoice(amount=100), self._invoice(amount=70)
        self.start_tour(f"/odoo/res.partner/{self.marie.id}", "paylink_profile_charge", login="camille")
        tx = self.env["payment.transaction"].search([("operation", "=", "offline")])
        self.assertEqual((tx.amount, tx.invoice_ids), (100, invoices[0]))
