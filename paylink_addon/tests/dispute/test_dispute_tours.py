from datetime import datetime, timezone

from odoo.tests import tagged

from ..stripe.event_common import EventCommon


@tagged("post_install", "-at_install")
class TestDisputeTours(EventCommon):
    """A payment manager follows a chargeback from the link to its end, in a real browser, in French."""

    def setUp(self):
        super().setUp()
        self.company.sudo().paylink_fee_account_id = self.company_data["default_account_expense"]
        manager = self._french_user("paylink_addon.group_payment_manager,account.group_account_invoice")
        self.invoice = self._invoice(currency_id=self.currency_euro.id)
        self.tx = self.pay_on_page(self._link(self.invoice, user_id=manager.id))
        due = datetime(2031, 5, 6, 12, tzinfo=timezone.utc)
        self.found = self.fake.dispute(self.tx.paylink_stripe_intent, due_by=int(due.timestamp()))
        self.deliver_and_handle()
        self.env.flush_all()

    def test_opened(self):
        self.start_tour("/odoo/action-paylink_addon.paylink_link_action", "paylink_chargeback_opened", login="camille")
        self.assertEqual(self.invoice.payment_state, "not_paid")

    def test_won(self):
        self.fake.close_dispute(self.found["id"], True)
        self.deliver_and_handle()
        self.env.flush_all()
        self.start_tour("/odoo/action-paylink_addon.paylink_dispute_action", "paylink_chargeback_won", login="camille")
        self.assertEqual(self.invoice.payment_state, "paid")
