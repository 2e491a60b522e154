import json

from lxml import html
from odoo.tests import HttpCase

from ..common import PaylinkCommon


class PayCommon(PaylinkCommon, HttpCase):
    """The customer's pages, as a browser without login calls them."""

    def _get(self, link, path="", **kwargs):
        return self.url_open(f"/pay/{link.access_token}{path}", **kwargs)

    def _send_form(self, link, **values):
        """Press the button of the page, as a browser does: what is not given stays as the page proposes it."""
        page = html.fromstring(self._get(link, "?lang=en_US").content)
        (form,) = page.xpath("//form[contains(@class, 'pl-pay')]")
        self.assertEqual((form.method, len(form.xpath(".//button"))), ("POST", 1))
        return self.url_open(form.action, data=dict(form.form_values()) | values, allow_redirects=False)

    def _transaction(self, link, query="", **params):
        """Call the route of the payment form as its script does; return the answer's result or error."""
        payload = {
            "provider_id": self.provider.id,
            "payment_method_id": self.payment_method_id,
            "token_id": None,
            "amount": link._payable_amount(),
            "flow": "direct",
            "tokenization_requested": False,
            "landing_route": "/payment/status",
            "is_validation": False,
            "access_token": None,
            "csrf_token": "",
        } | params
        response = self.url_open(
            f"/pay/{link.access_token}/transaction{query}",
            data=json.dumps({"jsonrpc": "2.0", "method": "call", "params": payload}),
            headers={"Content-Type": "application/json"},
        )
        return response.json()["result"]
