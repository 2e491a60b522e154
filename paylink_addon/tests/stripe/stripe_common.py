import os
from contextlib import contextmanager
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import stripe
from odoo import Command
from odoo.tests import HttpCase
from odoo.tests.common import _super_send

from ...tools.stripe_client import API_VERSION
from ..common import PaylinkCommon
from ..fake_stripe import FakeStripe


class StripeCommon(PaylinkCommon, HttpCase):
    """A company that is paid by Stripe Checkout, and the fake Stripe behind it.

    :ivar fake: the running :class:`.fake_stripe.FakeStripe` of the class, as new for each test
    :ivar provider: the company's provider, in test mode, with the fake's key
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider.is_published = False
        cls.provider = cls._stripe_provider(cls.company)
        cls.payment_method_id = cls.provider.payment_method_ids.id
        cls.fake = cls.enterClassContext(FakeStripe())
        cls.enterClassContext(patch.dict(os.environ, {"PAYLINK_STRIPE_API_BASE": cls.fake.url}))
        # The SDK tries again at once: its pauses are nothing to us.
        cls.enterClassContext(patch.multiple(stripe.HTTPClient, INITIAL_DELAY=0.0, MAX_DELAY=0.0))

    @classmethod
    def _request_handler(cls, s, r, /, **kw):
        """Who asks the fake waits as long as the code says: Odoo makes 10 s of any shorter time."""
        if r.url.startswith(f"{cls.fake.url}/"):
            return _super_send(s, r, **kw)
        return super()._request_handler(s, r, **kw)

    @classmethod
    def _stripe_provider(cls, company):
        """The provider of ``company``, as it is before a key is entered, published."""
        providers = cls.env["payment.provider"].sudo().with_context(active_test=False)
        provider = providers.search([("code", "=", "stripe_checkout"), ("company_id", "=", company.id)], limit=1)
        if not provider:
            provider = cls.env.ref("paylink_addon.payment_provider_stripe").sudo().copy({"company_id": company.id})
        provider.payment_method_ids = [Command.set(cls.env.ref("paylink_addon.payment_method_stripe_checkout").ids)]
        return provider

    def setUp(self):
        super().setUp()
        self.addCleanup(self.fake.reset)
        self.fake.world.outbox.post = self._post_event
        self._connect(self.provider, self.fake.account)
        self._handled = 0

    @classmethod
    def _connect(cls, provider, account, live=False):
        """Enable a provider with an account of the fake's, a journal, and a webhook."""
        journals = cls.env["account.journal"].search(
            [("company_id", "=", provider.company_id.id), ("type", "=", "bank")], limit=1
        )
        provider.write({"paylink_stripe_secret_key": account.key(live), "state": "enabled" if live else "test"})
        provider.is_published = True
        provider.journal_id = journals
        provider._paylink_stripe_connect()

    def url_open(self, *args, timeout=60, **kwargs):
        """Odoo's own, which loses patience after 12 s: a machine that is busy with other tests is not wrong.

        Each request has a connection of its own: the server of tests closes those that were idle for 5 s, which may be
        the moment in which the next request is sent.
        """
        self.opener.headers["Connection"] = "close"
        return super().url_open(*args, timeout=timeout, **kwargs)

    # === EVENTS === #

    def listen(self, provider=None, events=("*",)):
        """Have the fake report to a provider's webhook, as *Create webhook* does.

        :param events: the types that it reports
        :return: the endpoint's id
        """
        provider = provider or self.provider
        made = provider._paylink_stripe().webhook_create(
            key=f"webhook-{provider.id}-{self.fake.url}",
            url=provider._paylink_webhook_url(),
            enabled_events=list(events),
            api_version=API_VERSION,
        )
        provider.write({"paylink_stripe_webhook_secret": made["secret"], "paylink_stripe_webhook": made["id"]})
        return made["id"]

    def deliver(self, **options):
        """Deliver the fake's due events, signed, to the real route; :meth:`listen` first.

        :return: list of (event type, HTTP status)
        """
        return self.fake.deliver(**options)

    def _post_event(self, url, body, signature):
        """The fake's way to the webhook: the test server, whatever the company's address is."""
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
        return self.url_open(urlsplit(url).path, data=body.encode(), headers=headers).status_code

    def apply_events(self, order=None, provider=None, only=None):
        """Apply the events since the last time straight to their transactions, without the inbox.

        :param order: function that gives the list another order
        :param only: types to apply; the others are lost
        """
        provider = provider or self.provider
        events = self.fake.events(provider.paylink_stripe_secret_key)
        new, self._handled = events[self._handled :], len(events)
        new = [event for event in new if only is None or event["type"] in only]
        for event in order(new) if order else new:
            obj = event["data"]["object"]
            tx = self.env["payment.transaction"]._paylink_stripe_find(provider, [obj])[0]
            if tx:
                tx._paylink_stripe_apply(obj, event["type"])
        self.env["payment.transaction"].sudo().search([("is_post_processed", "=", False)])._post_process()

    # === PAYING === #

    def _attempt(self, link, amount=None, **values):
        """A draft transaction of ``link`` that leads to Stripe."""
        tx = super()._attempt(link, amount, **values)
        tx._get_processing_values()
        return tx

    def _portal_attempt(self, invoices, **values):
        """A draft transaction made in Odoo's own portal, for invoices of one customer."""
        tx = (
            self.env["payment.transaction"]
            .sudo()
            .create(
                {
                    "provider_id": self.provider.id,
                    "payment_method_id": self.payment_method_id,
                    "amount": sum(invoices.mapped("amount_residual")),
                    "currency_id": invoices.currency_id.id,
                    "partner_id": invoices.partner_id.id,
                    "operation": "online_redirect",
                    "landing_route": "/my/invoices",
                    "invoice_ids": [Command.set(invoices.ids)],
                    **values,
                }
            )
        )
        tx._get_processing_values()
        return tx

    def checkout(self, tx, **values):
        """Send the redirect form.

        :return: the answer, not followed
        """
        form = {"tx": str(tx.id), "token": tx._paylink_stripe_token(), **values}
        response = self.url_open("/paylink/stripe/checkout", data=form, allow_redirects=False)
        self.env.invalidate_all()
        return response

    def start(self, link, **values):
        """An attempt whose customer is on Stripe's page.

        :return: the transaction
        """
        tx = self._attempt(link, **values)
        response = self.checkout(tx)
        self.assertEqual(response.status_code, 303, response.text)
        self.assertEqual(response.headers["Location"], f"{self.fake.url}/c/pay/{tx.paylink_stripe_session}")
        return tx

    def come_back(self, tx, **values):
        """Follow Stripe's redirect after the payment.

        :return: the answer, not followed
        """
        session = self.fake.get(tx.paylink_stripe_session)
        url = urlsplit(session["success_url"])
        query = {name: found[0] for name, found in parse_qs(url.query).items()} | values
        response = self.url_open(url.path, params=query, allow_redirects=False)
        self.env.invalidate_all()
        return response

    def pay_on_page(self, link, method="card", outcome="succeed", **values):
        """Attempt, page, return: the transaction as Odoo knows it then, booked if it is paid."""
        tx = self.start(link, **values)
        self.fake.pay(tx.paylink_stripe_session, method, outcome)
        self.come_back(tx)
        return tx

    def _run_cron(self, name):
        """Run one of our jobs; an :class:`HttpCase` is in test mode already."""
        self.env.ref(f"paylink_addon.{name}").method_direct_trigger()
        self.env.invalidate_all()

    @contextmanager
    def _request(self, record, user=None):
        """``record`` as a request of ``user`` has it; an :class:`HttpCase` is in test mode already."""
        self.env.flush_all()
        with self.registry.cursor() as cr:
            yield record.with_env(self.env(cr=cr, user=user or self.env.user))
        self.env.invalidate_all()

    def _stored(self, method="card", **values):
        """A token, made by a payment."""
        link = self._free_link(10, **values)
        tx = self.pay_on_page(link, method, tokenize=True)
        return tx.token_id

    def _log_in(self, partner):
        """Log ``partner`` in to the portal."""
        user = partner.user_ids or self._create_new_portal_user(login=f"portal{partner.id}", partner_id=partner.id)
        self.authenticate(user.login, user.login)

    def _stored_debit(self, **values):
        """A token of a bank account, made by a payment that is settled."""
        tx = self.start(self._free_link(10, **values), tokenize=True)
        self.fake.pay(tx.paylink_stripe_session, "sepa_debit")
        self.fake.settle(self.fake.get(tx.paylink_stripe_session)["payment_intent"])
        self.apply_events()
        self.send_waiting()
        return tx.token_id

    def _registration(self, invoice, token):
        """Odoo's dialog to register the payment of an invoice, with a stored method."""
        line = self.provider.journal_id.inbound_payment_method_line_ids.filtered(
            lambda one: one.payment_provider_id == self.provider
        )
        return (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create(
                {
                    "journal_id": self.provider.journal_id.id,
                    "payment_method_line_id": line.id,
                    "payment_token_id": token.id,
                }
            )
        )

    def send_waiting(self):
        """Run the job that sends what is to be sent to Stripe."""
        self._run_cron("ir_cron_paylink_send")
        self._run_cron("ir_cron_paylink_stripe_detach")

    def look_up(self, transactions):
        """Look transactions up as the sweep does, with the commits that it makes."""
        self.env.flush_all()
        with self.registry.cursor() as cr:
            transactions.with_env(self.env(cr=cr, su=True))._paylink_stripe_lookup()
        self.env.invalidate_all()

    def requests(self, method, path):
        """The fake's journal of one operation."""
        return [entry for entry in self.fake.journal() if (entry.method, entry.path) == (method, path)]
