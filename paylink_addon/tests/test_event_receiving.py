import json
import time

import stripe
from odoo.tests import HttpCase, tagged

from .common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestTemp(PaylinkCommon, HttpCase):
    def test_temp(self):
        provider = self.env.ref("payment.payment_provider_demo").sudo().copy({"code": "stripe_checkout", "paylink_stripe_secret_key": "sk_test_x", "paylink_stripe_webhook_secret": "whsec_a", "state": "test", "company_id": self.company.id})
        body = json.dumps({"id": "evt_1", "object": "event", "type": "balance.available", "created": 1, "data": {"object": {"object": "balance"}}})
        header = stripe.WebhookSignature.generate_signature_header(body, "whsec_a", int(time.time()))
        for n in range(3):
            answer = self.url_open(f"/paylink/stripe/webhook/{provider.id}", data=body, headers={"Stripe-Signature": header, "Content-Type": "application/json"})
            print(answer.status_code, answer.text, self.env["paylink.event"].search_read([]))
        answer = self.url_open(f"/paylink/stripe/webhook/{provider.id}", data=body+" "*1024*1024, headers={"Stripe-Signature": header, "Content-Type": "application/json"})
        print(answer.status_code, answer.text, answer.headers)
        answer = self.url_open(f"/paylink/stripe/webhook/99999999999", data=body, headers={"Stripe-Signature": header, "Content-Type": "application/json"})
        print(answer.status_code, answer.text)
        answer = self.url_open(f"/paylink/stripe/webhook/{provider.id}")
        print(answer.status_code, answer.text)
        print(self.env["ir.cron.trigger"].search_read([("cron_id", "=", self.env.ref("paylink_addon.ir_cron_paylink_handle_events").id)]))
        self.env.ref("paylink_addon.ir_cron_paylink_handle_events").method_direct_trigger(); self.env.invalidate_all()
        print(self.env["paylink.event"].search_read([]))
