import json
import re

from odoo.tests import HttpCase

from ..common import PaylinkCommon

# What browsers and others say they read, where French and English are installed; and what they get.
LANGUAGES = {
    "fr-CA": "fr-FR",
    "en-GB": "en-US",
    "de": "en-US",
    "xx-XX,zz": "en-US",
    "zh-Hans-CN": "en-US",
    "de-DE;q=0.5, fr;q=0.4": "fr-FR",
    "fr_BE": "fr-FR",
    "*": "en-US",
    "é": "en-US",
    ";;,": "en-US",
    "a" * 500: "en-US",
}
COOKIES = (
    {"frontend_lang": "xx_XX"},
    {"paylink_lang": "xx_XX"},
    {"paylink_lang": "de_DE"},
    {"tz": "Nowhere/Nothing"},
    {"cids": "9999-x"},
    {"session_id": "x" * 200},
)
PARAMS = (
    "lang=xx_XX",
    "lang=fr_FR&lang=xx_XX",
    "lang=de",
    "lang=%00",
    "lang=" + "x" * 3000,
    "lang[]=1",
    "amount=%00",
    "amount=1e999",
    "amount=" + "9" * 400,
    "amount=٣",
    "amount=&amount=1",
    "returned=1&returned=2",
    "token=other&line_id=x&provider_id=x&link=1",
    "self=1",
    "args=1&kwargs=2&params=3",
    "context=%7B%22lang%22%3A%22xx_XX%22%7D",
    "debug=assets&db=other",
    "tx=%00&token=%ff",
    "tx=1&tx=2&token=a&token=b&cancelled=x",
    "tx=" + "9" * 400 + "&token=%C3%A9",
    "%ff=%fe&=&&==",
    "item=x&item=-1&item=" + "9" * 30 + "&item=%00",
)


class PublicRoutes(PaylinkCommon, HttpCase):
    """All public routes that our add-ons define or extend, and a link and a statement that they open."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.link = cls._link(cls._invoice(cls.john))
        cls.statement = cls.env["paylink.statement"]._for_customers(cls.john)
        cls.statement._activate()
        template = cls.env.ref("paylink_addon.paylink_card_template_existing")
        cls.card = cls.env["paylink.card.request"].create({"partner_id": cls.john.id, "template_id": template.id})
        cls.card._issue()
        cls.autopay = cls.env["paylink.autopay.page"]._for_customers(cls.john, cls.company, cls.env.user)
        cls.page = template.copy({"kind": "generic", "company_id": cls.company.id, "name": "Page"})

    def _routes(self):
        """``(rule, methods, type)`` of each public route that our add-ons define or extend."""
        found = []
        for rule in self.env["ir.http"].routing_map().iter_rules():
            method, routing = rule.endpoint.func, rule.endpoint.routing
            modules = [cls.__module__ for cls in type(method.__self__).__mro__ if method.__name__ in vars(cls)]
            ours = any(module.startswith("odoo.addons.paylink_addon") for module in modules)
            if ours and routing["auth"] in ("public", "none"):
                usual = ["GET"] if routing["type"] == "http" else ["POST"]
                found.append((rule.rule, routing["methods"] or usual, routing["type"]))
        self.assertGreater(len(found), 10)
        return found

    def _fill(self, rule, token=None, number=None):
        """An address of the route: what opens something, or what is given in its place."""
        path = rule.replace("<string:token>", token or self._token(rule))
        path = path.replace("<string:kind>", "promise")
        path = re.sub("<int:[^>]*>", number or str(self.link.line_ids[:1].id), path)
        self.assertNotIn("<", path, "What belongs there?")
        return path

    def _token(self, rule):
        if rule.startswith("/card/open"):
            return self.page.public_token
        return self._owner(rule).access_token

    def _owner(self, rule):
        """What the token of a route opens, but that of the page for anyone."""
        own = {"/account": self.statement, "/autopay": self.autopay, "/card": self.card}
        return next((own[path] for path in own if rule.startswith(path)), self.link)

    def _answers(self, path, methods, kind, query="", body=None, cookies=None, **headers):
        """The answer to each method that the route takes."""
        self.opener.cookies.clear()
        self.opener.cookies.update(cookies or {})
        for method in methods:
            options = {"method": method, "headers": headers, "allow_redirects": False}
            if kind == "jsonrpc":
                headers["Content-Type"] = "application/json"
                yield self.url_open(path, data=body or json.dumps({"params": {"x": query}}), **options)
            elif method == "POST":
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                yield self.url_open(path, data=query.encode(), **options)
            else:
                yield self.url_open(f"{path}{'&' if '?' in path else '?'}{query}", **options)

    def _assert_ours(self, response):
        """No error but those that we tell ourselves: pages, JSON, or what Stripe reads."""
        body = response.content  # as text its letters would be guessed, which takes long
        self.assertLess(response.status_code, 500, body[:300])
        told = b"pl-body" in body or response.headers["Content-Type"].startswith(("application/json", "text/plain"))
        self.assertTrue(response.status_code not in (400, 405, 422) or told, body[:300])
        self.assertNotIn(b'"error": {', body, body[:300])

    def _try(self, path, methods, kind, **options):
        for response in self._answers(path, methods, kind, **options):
            self._assert_ours(response)
