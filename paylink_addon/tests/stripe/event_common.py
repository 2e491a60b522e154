import json
import time

import stripe

from .stripe_common import StripeCommon

NO_SECRET = object()


class EventCommon(StripeCommon):
    """A Stripe that reports to the real webhook, and short ways to what became of its messages."""

    def setUp(self):
        super().setUp()
        self.endpoint = self.listen()
        self.secret = self.provider.paylink_stripe_webhook_secret
        self.serial = 0

    # === SENDING === #

    def event(self, event_type="balance.available", obj=None, **values):
        """A message as Stripe would write it, about ``obj``."""
        self.serial += 1
        return {
            "id": f"evt_test_{self.serial}",
            "object": "event",
            "api_version": self.fake.api.version,
            "type": event_type,
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": obj or {"object": "balance"}},
            **values,
        }

    def sign(self, body, secret=None, stamp=None):
        return stripe.WebhookSignature.generate_signature_header(
            body, secret or self.secret, int(time.time()) if stamp is None else stamp
        )

    def send(self, event, header=None, provider=None):
        """Send a message (a dict, or any text) to the webhook.

        :param header: its signature; by default a right one
        :return: the answer
        """
        body = event if isinstance(event, str) else json.dumps(event)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        header = self.sign(body) if header is None else header
        if header is not NO_SECRET:
            headers["Stripe-Signature"] = header
        self.env.flush_all()
        provider_id = (provider or self.provider).id if not isinstance(provider, int) else provider
        url = f"/paylink/stripe/webhook/{provider_id}"
        answer = self.url_open(url, data=body.encode(), headers=headers, method="POST")
        self.env.invalidate_all()
        return answer

    def deliver(self, **options):
        self.env.flush_all()
        statuses = super().deliver(**options)
        self.env.invalidate_all()
        return statuses

    # === HANDLING === #

    def run_job(self, name="ir_cron_paylink_handle_events"):
        """Run a job as the scheduler does; the test's cursors already stand for real ones here."""
        self.env.ref(f"paylink_addon.{name}").method_direct_trigger()
        self.env.invalidate_all()

    def deliver_and_handle(self, **options):
        self.deliver(**options)
        self.run_job()

    def stored(self, *types):
        """The stored events (of some types), in order of arrival."""
        domain = [("type", "in", types)] if types else []
        return self.env["paylink.event"].search(domain, order="id")

    def payments(self, tx):
        return self.env["account.payment"].search([("payment_transaction_id", "=", tx.id)])

    def activities(self, **values):
        domain = [("summary", "like", "A message from"), *((name, "=", value) for name, value in values.items())]
        return self.env["mail.activity"].search(domain)
