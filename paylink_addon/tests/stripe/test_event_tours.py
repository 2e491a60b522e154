from odoo.tests import tagged

from .event_common import EventCommon


@tagged("post_install", "-at_install")
class TestEventTours(EventCommon):
    """What an administrator sees of the messages, in a real browser."""

    def setUp(self):
        super().setUp()
        self._user("boss", "base.group_system")
        self.tx = self.start(self._free_link())
        self.fake.pay(self.tx.paylink_stripe_session)
        self.page = self.fake.get(self.tx.paylink_stripe_session)
        self.send(self.event("checkout.session.completed", self.page | {"amount_total": 1}))
        self.run_job()

    def test_handle_again(self):
        event = self.stored().sudo()
        event.payload = {"object": self.page}  # the mistake has been mended
        self.env.flush_all()
        self.start_tour("/odoo/action-paylink_addon.paylink_event_action", "paylink_event_again", login="boss")
        self.assertEqual((event.state, self.tx.state), ("done", "done"))

    def test_health(self):
        self.start_tour(f"/odoo/payment.provider/{self.provider.id}", "paylink_event_health", login="boss")
