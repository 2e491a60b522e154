import re
from itertools import zip_longest

from lxml import html
from odoo.tests import tagged

from .public_routes import COOKIES, LANGUAGES, PARAMS, PublicRoutes

# What stands where a token or a number belongs.
TOKENS = ("x" * 24, "é" * 24, "%00" * 20, "%ff%fe" * 10, "..%2f..%2f" * 3, "{{7*7}}" * 4, "0" * 5000)
NUMBERS = ("0", "-1", "1" * 30, "2147483648")
BODIES = (
    "null",
    "[]",
    '"text"',
    "1",
    "{",
    "\xff",
    '{"params": {"self": 1}}',
    '{"params": {"token": [], "link": {}}}',
    '{"params": {"amount": [], "provider_id": {}, "payment_method_id": [], "token_id": {}}}',
    '{"params": {"amount": {"a": 1}, "provider_id": "1", "payment_method_id": true, "flow": []}}',
    '{"params": {"amount": 1e400, "provider_id": 1e30, "payment_method_id": -1, "flow": "token", "token_id": 1}}',
    '{"params": {"amount": NaN, "tokenization_requested": "x", "context": {"lang": "xx_XX"}}}',
    '{"params": {"amount": "\\u0000", "context": []}}',
)


@tagged("post_install", "-at_install")
class TestStrangeRequests(PublicRoutes):
    """Whatever is sent to whatever public route: an answer of ours, never the raw page of an error.

    The routes are those of the routing map: a new one is tried as soon as it is there.
    """

    def _addresses(self, rule):
        """The route's addresses: of what there is, of what there is not, and then bad ones."""
        tokens = TOKENS if "<string:token>" in rule else ()
        numbers = NUMBERS if "<int:" in rule else ()
        good = [self._fill(rule), *(self._fill(rule, token=token) for token in tokens[:1])]
        bad = [self._fill(rule, token=token) for token in tokens[1:]]
        return good, bad + [self._fill(rule, number=number) for number in numbers]

    def test_whatever_is_sent(self):
        for rule, methods, kind in self._routes():
            (good, *unknown), bad = self._addresses(rule)
            for query in PARAMS:
                with self.subTest(path=good, query=query[:50]):
                    self._try(good, methods, kind, query=query)
            for cookies, language in zip_longest(COOKIES, LANGUAGES):
                with self.subTest(path=good, cookies=cookies, language=language[:50]):
                    self._try(good, methods, kind, cookies=cookies, **{"Accept-Language": language.encode()})
            for path in unknown:  # it opens nothing: what could disturb it is sent together, one of a name at a time
                queries = ["&".join(PARAMS[first :: len(COOKIES)]) for first in range(len(COOKIES))]
                for query, cookies, language in zip_longest(queries, COOKIES, LANGUAGES):
                    with self.subTest(path=path, query=(query or "")[:50], cookies=cookies, language=language):
                        headers = {"Accept-Language": (language or "fr-CA").encode()}
                        self._try(path, methods, kind, query=query or "", cookies=cookies, **headers)
            for path in bad:
                with self.subTest(path=path[:60]):
                    self._try(path, methods, kind, **{"Accept-Language": "fr-CA"})

    def test_files_in_place_of_texts(self):
        for names in (("amount",), ("part", "amount"), ("option",), ("shown",), ("save",)):
            with self.subTest(names=names):
                files = dict.fromkeys(names, ("file", b"1"))
                self._assert_ours(self.url_open(f"/pay/{self.link.access_token}/pay", files=files))

    def test_bodies_of_another_shape(self):
        rules = [rule for rule, _methods, kind in self._routes() if kind == "jsonrpc"]
        self.assertTrue(rules)
        for rule in rules:
            for body in BODIES:
                with self.subTest(rule=rule, body=body[:80]):
                    (response,) = self._answers(self._fill(rule), ["POST"], "jsonrpc", body=body.encode("latin-1"))
                    self.assertLess(response.status_code, 500)
                    self.assertNotIn('"error": {', response.text)

    # === LANGUAGES === #

    def _lang(self, path, **options):
        (response,) = self._answers(path, ["GET"], "http", **options)
        self.assertIn("pl-body", response.text, path)
        return response.status_code, re.search(r'<html lang="([^"]+)"', response.text)[1]

    def test_unknown_page_is_in_the_nearest_language(self):
        paths = ["/pay/" + "x" * 24, "/account/" + "x" * 24]
        paths += [f"/pay/{'x' * 24}/{part}" for part in ("help", "receipt", "document/1", "order", "qr")]
        for path in [*paths, "/paylink/stripe/return", "/paylink/stripe/checkout"]:
            for language, expected in LANGUAGES.items():
                with self.subTest(path=path, language=language[:50]):
                    self.assertEqual(self._lang(path, **{"Accept-Language": language.encode()}), (404, expected))

    def test_what_a_link_does_not_have(self):
        for part in ("receipt", "document/0", f"document/{10**20}", "order", "qr"):
            for language in ("fr-CA", "en-GB", "de"):
                with self.subTest(part=part, language=language):
                    path = f"/pay/{self.link.access_token}/{part}"
                    if part == "qr":
                        self.link.sudo().bank_account_id = False
                    self.assertEqual(self._lang(path, **{"Accept-Language": language})[0], 404)

    def test_language_that_was_given_up(self):
        """Of a link, its customer, a statement, a payment: their pages and messages are in another one since."""
        german = self.env["res.lang"]._activate_lang("de_DE")
        partner = self._customer("Klaus", email="klaus@example.com", lang="de_DE")
        link, statement = self._link(self._invoice(partner)), self.env["paylink.statement"]._for_customers(partner)
        statement._activate()
        tx = self._attempt(link)
        self.assertEqual((link.lang, statement.lang, tx.partner_lang), ("de_DE", "de_DE", "de_DE"))
        partner.active = False  # in whose language Odoo does not take an interest anymore
        german.active = False
        for record, path in ((link, "/pay"), (statement, "/account")):
            with self.subTest(path):
                self.assertEqual(self._lang(f"{path}/{record.access_token}"), (200, "en-US"))
                self.assertEqual(record.lang, "en_US")
        self.assertEqual(tx._paylink_customer_env().lang, "en_US")
        link._queue_messages()
        self._pay(self._link(self._invoice(partner)))

    def test_contact_in_a_language_that_was_given_up(self):
        """Who comes back after that is written to in another one, and opens what there is."""
        klaus, invoice = self._given_up()
        for records in (invoice, klaus):
            with self.subTest(records=records):
                kind = "open_items" if records == invoice else "free"
                wizard = self._wizard(records, kind=kind, send_sms=True)
                self.assertEqual(wizard.line_ids.lang, "en_US")
                wizard.line_ids.write({"amount": 100, "phone": "+33639981234"})
                self.assertTrue(wizard.subject and wizard.sms_body)
                self.assertIn('lang="en-US"', self._customer_mails(self._sent(wizard)).body_html)
        link = invoice.paylink_link_id
        self.assertEqual(self._lang(f"/pay/{link.access_token}"), (200, "en-US"))
        document = self.url_open(f"/pay/{link.access_token}/document/{link.line_ids.id}")
        self.assertEqual(document.status_code, 200)
        self.assertEqual(klaus.lang, "de_DE")
        statement = self.env["paylink.statement"]._for_customers(klaus)
        statement._send_statements()
        self.assertEqual(statement.lang, "en_US")
        self.company.partner_id = klaus
        self.assertIsNone(self.company._paylink_lang())

    def test_odoo_writes_to_such_a_contact(self):
        """Odoo's own *Send* of an invoice and of an order, and its credit note, in the nearest language."""
        self.env.user.group_ids += self.env.ref("sales_team.group_sale_manager")
        klaus, invoice = self._given_up()
        dialog = self.env["account.move.send.wizard"].create({"move_id": invoice.id})
        dialog.action_send_and_print()
        self.assertEqual(dialog.lang, "en_US")
        self.assertTrue(invoice.is_move_sent and invoice.message_main_attachment_id)
        order = self.env["sale.order"].create({"partner_id": klaus.id})
        composer = order.action_quotation_send()
        self.assertTrue(
            self.env["mail.compose.message"].with_context(**composer["context"]).create({}).action_send_mail()
        )
        self.assertEqual(order._get_lang(), "en_US")
        Report = self.env["ir.actions.report"]
        self.assertIn(invoice.name.encode(), Report._render_qweb_html("account.account_invoices", invoice.ids)[0])
        self.assertIn(order.name.encode(), Report._render_qweb_html("sale.action_report_saleorder", order.ids)[0])
        dialog = self.env["account.move.reversal"].with_context(active_model="account.move", active_ids=invoice.ids)
        dialog.create({"journal_id": invoice.journal_id.id}).refund_moves()
        self.assertEqual(invoice.reversal_move_ids.ref, f"Reversal of: {invoice.name}")
        self.assertEqual(klaus.lang, "de_DE", "nothing follows from it")

    def _given_up(self):
        """A customer in a language that was given up, and his invoice."""
        german = self.env["res.lang"]._activate_lang("de_DE")
        klaus = self._customer("Klaus", email="klaus@example.com", lang="de_DE")
        invoice = self._invoice(klaus)
        klaus.active = False
        german.active = False
        klaus.active = True
        return klaus, invoice

    def test_language_that_was_never_told(self):
        """Whatever the database says: written by hand, or taken over from another one."""
        self.env.flush_all()
        self.env.cr.execute("UPDATE paylink_link SET lang = 'xx_XX' WHERE id = %s", [self.link.id])
        self.env.invalidate_all()
        self.assertEqual(self._lang(f"/pay/{self.link.access_token}", **{"Accept-Language": "fr-CA"}), (200, "fr-FR"))

    # === PAGES THAT ANSWER FORMS === #

    def test_more_than_a_form_takes(self):
        """Whatever form it is: a page of ours says so, in the customer's language, and leads back."""
        rules = [rule for rule, methods, kind in self._routes() if "POST" in methods and kind == "http"]
        rules = [rule for rule in rules if "webhook" not in rule]
        self.assertGreater(len(rules), 10)
        for rule in rules:
            for token, lang in ((None, "en-US"), ("x" * 24, "fr-FR")):
                with self.subTest(rule=rule, token=token):
                    path, headers = self._fill(rule, token=token), {"Accept-Language": "fr"}
                    answer = self.url_open(path, data={"item": "1" * 70_000}, headers=headers, allow_redirects=False)
                    self.assertEqual(answer.status_code, 413)
                    page = html.fromstring(answer.content)
                    is_known = "<string:token>" in rule and not token
                    has_lang = is_known and not rule.startswith("/card/open")  # anybody's page has the visitor's
                    self.assertEqual(page.get("lang"), lang if has_lang else "fr-FR")
                    self.assertTrue(page.xpath("//body[@class='pl-body']//main//h1"))
                    back = [path.rpartition("/")[0]] if is_known else []
                    self.assertEqual(page.xpath("//main//a/@href"), back)

    def test_restored_tab(self):
        """A browser asks for the address of what a form was answered with: nothing is sent again."""
        for path, page in (
            (f"/pay/{self.link.access_token}/renew", f"/pay/{self.link.access_token}"),
            (f"/account/{self.statement.access_token}/pay", f"/account/{self.statement.access_token}"),
        ):
            with self.subTest(path):
                (answer,) = self._answers(path, ["GET"], "http")
                self.assertEqual(answer.status_code, 303)
                self.assertTrue(answer.headers["Location"].endswith(page))
        self.assertFalse(self.link.activity_ids)
