import json

from lxml import html
from odoo.tests import HttpCase, tagged

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestCardPage(CardCommon, HttpCase):
    """The customer's pages of a card request, over HTTP, without login."""

    def _get(self, request, path=""):
        return self.url_open(f"/card/{request.access_token}{path}")

    def _agree(self, request, **data):
        return self.url_open(f"/card/{request.access_token}/agree", data=data or {"agreed": "1"})

    def _transaction(self, request, **params):
        payload = {
            "provider_id": self.provider.id,
            "payment_method_id": self.payment_method_id,
            "token_id": None,
            "amount": None,
            "flow": "direct",
            "tokenization_requested": False,
            "landing_route": "https://evil.example.com",
            "is_validation": False,
            "partner_id": self.john.id,
        } | params
        response = self.url_open(
            f"/card/{request.access_token}/transaction",
            data=json.dumps({"jsonrpc": "2.0", "method": "call", "params": payload}),
            headers={"Content-Type": "application/json"},
        )
        return response.json()["result"]

    def _store(self, request, **values):
        """Press the button of the page; return what the customer sees then."""
        option = f"{self.provider.id}-{self.payment_method_id}"
        return self.url_open(f"/card/{request.access_token}/store?lang=en_US", data={"option": option} | values)

    def test_stored_at_another_site(self):
        """By a plain form, once the customer has agreed; what can't be stored is told."""
        self.dummy_provider.is_published = True
        option = f"{self.dummy_provider.id}-{self.dummy_provider.payment_method_ids[:1].id}"
        request = self._card_request()
        self._store(request, option=option)
        self.assertFalse(request.transaction_ids)
        self._agree(request)
        for wrong, told in (("", "Choose how"), ("1-99999", "no longer available"), ("token-1", "")):
            answer = self._store(request, option=wrong)
            self.assertEqual((answer.status_code, told in answer.text), (422, True))
        self.assertFalse(request.transaction_ids)
        page = html.fromstring(self._store(request, option=option).content)
        self.assertTrue(page.xpath("//main//*[@data-send]//form//button"))
        tx = request.transaction_ids
        self.assertEqual((tx.operation, tx.tokenize, tx.state), ("validation", True, "draft"))

    def test_agreed_then_stored(self):
        request = self._card_request()
        page = self._get(request)
        for text in (self.company.name, "Marie Dubois", "Enregistrez votre moyen de paiement", "autorise "):
            self.assertIn(text, page.text)
        self.assertIn('lang="fr-FR"', page.text)
        self.assertNotIn("o_payment_form", page.text)
        page = self._agree(request)
        self.assertNotIn("unsafe", page.headers["Content-Security-Policy"])
        self.assertIn("pl-pay", page.text)
        page = self._store(request)
        self.assertIn("o_payment_form", page.text)
        self.assertIn('data-mode="validation"', page.text)
        values = self._transaction(request)
        tx = request.transaction_ids
        self.assertEqual((tx.operation, tx.tokenize, tx.partner_id), ("validation", True, self.marie))
        self.assertEqual(tx.landing_route, "/payment/status")
        self.assertEqual(values["reference"], tx.reference)
        tx._process("demo", {"reference": tx.reference, "payment_details": "1234", "simulated_state": "done"})
        self.env.flush_all()
        back = self.url_open("/payment/status")
        self.assertTrue(back.url.endswith(f"/card/{request.access_token}"), back.url)
        self.assertIn("1234", back.text)

    def test_nothing_is_stored_unagreed(self):
        request = self._card_request()
        self.assertEqual(self._transaction(request)["state"], "error")
        self.assertFalse(request.transaction_ids)
        page = self._agree(request, agreed="")
        self.assertEqual(page.status_code, 422)
        self.assertFalse(request.consent_at)

    def test_languages_in_which_the_template_says_nothing(self):
        """Nobody agrees to words in another language than the page's, whichever they were written in."""
        for written, other in (("en_US", "fr_FR"), ("fr_FR", "en_US")):
            with self.subTest(written=written):
                wording = {"name": "Own", "title": f"Title {written}", "consent": f"Consent {written}"}
                template = self.env["paylink.card.template"].with_context(lang=written).create(wording)
                request = self._card_request(template_id=template.id, lang=written)
                page = self._get(request, f"?lang={other}")
                self.assertIn(f'lang="{written.replace("_", "-")}"', page.text)
                self.assertNotIn(f"?lang={other}", page.text)
                self._agree(request, agreed="1", lang=other)
                self.assertEqual(request.consent_lang, written)
                self.assertTrue(template._wording_problem(other))
                template.with_context(lang=other).consent = f"Consent {other}"
                self.assertFalse(template._wording_problem("en_US"))

    def test_get_agrees_to_nothing(self):
        request = self._card_request()
        self.assertEqual(self._get(request, "/agree?agreed=1").status_code, 200)
        self.assertFalse(request.consent_at)
        self.assertFalse(request.opened_at)

    def test_page_of_each_state(self):
        request = self._card_request()
        self.assertEqual(self._get(request).status_code, 200)
        draft = self._card_request(issue=False)
        self.assertEqual(self._get(draft).status_code, 404)
        for path in ("", "/status"):
            self.assertEqual(self.url_open(f"/card/{'x' * 24}{path}").status_code, 404)
        request.action_cancel()
        self.assertEqual(self._get(request).status_code, 410)
        self.assertEqual(self._transaction(request)["state"], "error")

    def test_opened_by_a_person(self):
        request = self._card_request()
        self.url_open(f"/card/{request.access_token}/opened", data={"x": "1"})
        self.assertEqual(request.status, "opened")
        self.assertEqual(self._get(request, "/status").json()["view"], "consent")

    def test_what_clients_make_up(self):
        request = self._card_request()
        self._agree(request)
        other = self._demo_provider(self._other_company(name="Other"))
        for params in (
            {"provider_id": other.id},
            {"provider_id": "x"},
            {"payment_method_id": None},
            {"payment_method_id": 10**12},
        ):
            with self.subTest(params=params):
                self.assertEqual(self._transaction(request, **params)["state"], "error")
        self.assertFalse(request.transaction_ids)

    def test_card_after_card(self):
        self.env["ir.config_parameter"].set_param("paylink_addon.max_attempts_per_hour", "3")
        request = self._card_request()
        self._agree(request)
        for _try in range(3):
            self.assertIn("reference", self._transaction(request))
        self.assertEqual(self._transaction(request)["state"], "error")
        self.assertEqual(len(request.transaction_ids.filtered(lambda tx: tx.state == "draft")), 1)

    def test_headers(self):
        request = self._card_request()
        for path in ("", "/status"):
            headers = self._get(request, path).headers
            self.assertEqual(headers["Referrer-Policy"], "no-referrer")
            self.assertEqual(headers["Cache-Control"], "no-store")
            self.assertIn("noindex", headers["X-Robots-Tag"])

    def test_new_customer_says_who_they_are(self):
        request = self._new_request()
        page = self._get(request)
        self.assertIn('value="ada@example.com"', page.text)
        self.assertNotIn(request.partner_id.name, page.text)
        said = {"agreed": "1", "given_name": "Ada", "given_email": "ada@example.com"}
        cases = {
            "given_name": ["", "\u202e \0"],
            "given_email": ["nonsense", "a@example.com, b@example.com", "x" * 10_000],
            "given_phone": ["12", "abc", "\u0665" * 3],
        }
        for name, values in cases.items():
            for value in values:
                with self.subTest(field=name, value=value[:20]):
                    page = self._agree(request, **(said | {name: value}))
                    self.assertEqual(page.status_code, 422)
                    self.assertIn('name="given_name"', page.text)
        self.assertEqual(self._agree(request, **(said | {"given_email": ""})).status_code, 422)
        self.assertFalse(request.consent_at)
        long = "<b>\u202eAda\0" + "e" * 10_000
        page = self._agree(request, **(said | {"given_name": long, "given_company": long}))
        self.assertIn("pl-pay", page.text)
        self.assertEqual(request.given_name, ("<b> Ada " + "e" * 300)[:200])
        self.assertEqual((request.given_email, request.is_new), ("ada@example.com", True))
        token = self._stored_by_newcomer(request)
        self.assertEqual(request.linking, "to_link")
        page = self._get(request).text
        self.assertIn(token.payment_method_id.with_context(lang="fr_FR").name, page)
        self.assertNotIn(token.payment_details, page, "Somebody else may have the address.")
