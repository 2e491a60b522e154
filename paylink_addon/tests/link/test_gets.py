import re
from datetime import timedelta
from html import unescape
from urllib.parse import urljoin

from odoo import fields
from odoo.tests import tagged
from odoo.tools import SQL

from .public_routes import PublicRoutes

# Where a file that is made once is kept, and the ends of the addresses of those that anybody's page leads to.
KEEPING = {"ir_attachment"}
MADE_ONCE = ("/statement", "/excel")


@tagged("post_install", "-at_install")
class TestGets(PublicRoutes):
    """Looking changes nothing: pages are fetched by scanners, previews and restored tabs as well as by people."""

    def setUp(self):
        super().setUp()
        self.patch(type(self.env["paylink.link"]), "_can_make_pdf", lambda _link: True)

    def _rows(self):
        """What stands in each table that says anything about customers, money or messages."""
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT relname FROM pg_stat_user_tables WHERE relname ~ %s AND schemaname = current_schema",
            ["^(account|bus|ir_attachment|ir_cron_trigger|mail|paylink|payment|res_company|res_partner|sale)"],
        )
        found = {}
        for (table,) in self.env.cr.fetchall():
            query = SQL("SELECT md5(string_agg(one::text, '' ORDER BY one::text)) FROM %s one", SQL.identifier(table))
            found[table] = self.env.execute_query(query)[0][0]
        return found

    def _assert_unchanged(self, path, allowed=()):
        before = self._rows()
        response = self.url_open(path, allow_redirects=False)
        self.assertLess(response.status_code, 500)
        after = self._rows()
        self.assertFalse({table for table in after if after[table] != before[table]} - set(allowed), path)
        return response

    def test_no_route_changes_anything(self):
        self.link.expires_at = fields.Datetime.now() + timedelta(hours=1)
        for rule, methods, _kind in self._routes():
            if "GET" in methods and "document" not in rule:
                with self.subTest(rule):
                    self._assert_unchanged(self._fill(rule), KEEPING if rule.endswith(MADE_ONCE) else ())

    def test_language_is_changed_in_place(self):
        """On each page that can be looked at; after a form where what it is about is looked at. All else stays said."""
        paths = [self._fill(rule) for rule, methods, kind in self._routes() if "GET" in methods and kind == "http"]
        option = f"{self.provider.id}-{self.payment_method_id}"
        pay, account = (owner._page_path + "/" + owner.access_token for owner in (self.link, self.statement))
        cases = [(f"{path}?x=a%26b&lang=fr_FR", None, f"{path}?x=a%26b&lang=en_US") for path in paths]
        cases += [
            (f"{pay}?method={option}", None, f"{pay}?method={option}&lang=fr_FR"),
            (f"{pay}/answer/promise", {"date": "x"}, f"{pay}/answer?kind=promise&lang=fr_FR"),
            (f"{pay}/pay", {"option": "x"}, f"{pay}?lang=fr_FR"),
            (f"{account}/page", {"page": "1"}, f"{account}?page=1&lang=fr_FR"),
        ]
        found = {}
        for path, form, expected in cases:
            self.opener.cookies.clear()
            answer = self.url_open(path, data=form)
            is_page = not answer.history and answer.headers["Content-Type"].startswith("text/html")
            nav = is_page and re.findall(r'<a href="([^"]*)" lang="(?:en-US|fr-FR)"', answer.text)
            if nav:
                found[path] = urljoin(answer.request.path_url, unescape(nav[0]))
                with self.subTest(path):
                    self.assertEqual(found[path], expected)
        for path in ("", "/answer", "/saved", "/documents", "/help"):
            self.assertIn(f"{pay}{path}?x=a%26b&lang=fr_FR", found)
        self.assertGreater(len(found), 12)

    def test_forms_of_other_sites_change_nothing(self):
        """Any page has browsers send forms, with the session of whoever is logged in."""
        data = {
            "agreed": "1",
            "sure": "1",
            "date": fields.Date.today(),
            "amount": "10",
            "part": "all",
            "item": self.link.line_ids.move_line_id.id,
            "given_email": "a@example.com",
            "given_name": "A",
            "option": f"{self.provider.id}-{self.provider.payment_method_ids[:1].id}",
        }
        headers = [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://other.example"},
        ]
        rules = [rule for rule, methods, kind in self._routes() if "POST" in methods and kind == "http"]
        self.assertGreater(len(rules), 10)
        before = self._rows()
        for rule in rules:
            if not rule.startswith("/paylink/stripe/"):  # Odoo's own pages send to that
                for header in headers:
                    answer = self.url_open(self._fill(rule), data=data, headers=header, allow_redirects=False)
                    self.assertIn(answer.status_code, (200, 303), rule)
        after = self._rows()
        self.assertFalse({table for table in after if after[table] != before[table]})
        sites = ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "null"}, {"Origin": self.base_url()})
        for amount, site in enumerate(sites, 1):
            self.url_open(
                f"/pay/{self.link.access_token}/answer/transfer", data={**data, "amount": amount}, headers=site
            )
        self.assertEqual(self.link.transfer_claim_count, 3)

    def test_who_sends_a_form_has_opened_its_page(self):
        """Whatever becomes of the form: where no script runs, nothing else says so. Colleagues do not count."""
        owned = [
            (rule, kind)
            for rule, methods, kind in self._routes()
            if "POST" in methods and "<string:token>" in rule and not rule.startswith("/card/open")
        ]
        self.assertGreater(len(owned), 20)
        [colleague] = self._people("everyone")
        for login in (None, colleague.login):
            self.authenticate(login, login)
            for rule, kind in owned if not login else owned[:1]:
                owner = self._owner(rule)
                owner.sudo().opened_at = False
                self.env.flush_all()
                with self.subTest(rule, login=login):
                    self.assertTrue(self._sent(rule, kind))
                    self.env.invalidate_all()
                    self.assertEqual(bool(owner.opened_at), not login)

    def _sent(self, rule, kind):
        """Send an empty form."""
        options = {"json": {"params": {}}} if kind == "jsonrpc" else {"data": {"x": "1"}}
        return self.url_open(self._fill(rule), allow_redirects=False, **options).status_code < 500

    def test_pages_of_what_is_paid_change_nothing(self):
        self._pay(self.link)
        for path in ("", "/help", "/status", "/receipt", "/receipt/page"):
            with self.subTest(path):
                self._assert_unchanged(f"/pay/{self.link.access_token}{path}", KEEPING)

    def test_document_does_not_touch_links(self):
        """Whatever the company puts on its PDFs: no link is made, none lasts longer, no address of the portal."""
        for on_pdf, portal_qr in ((True, False), (False, True), (True, True)):
            with self.subTest(on_pdf=on_pdf, portal_qr=portal_qr):
                self.company.paylink_on_invoice_pdf = on_pdf
                self.company.link_qr_code = portal_qr
                invoice = self._invoice(self.john)
                ends = fields.Datetime.now() + timedelta(hours=1)
                link = self._link(invoice, expires_at=ends)
                address = f"/pay/{link.access_token}/document/{link.line_ids.id}"
                self.assertEqual(self._assert_unchanged(address, KEEPING).status_code, 200)
                self.env.invalidate_all()
                self.assertEqual((link.expires_at, invoice.access_token), (ends, False))
                self.assertEqual(self.env["paylink.link.line"].search_count([("move_id", "=", invoice.id)]), 1)
                self.assertFalse(invoice.invoice_pdf_report_id, "What is sent has what the company wants on it")

    def test_document_of_a_link_that_was_sent_is_kept(self):
        """The address on the PDF lasts: it is what the company would send."""
        self.company.paylink_on_invoice_pdf = True
        invoice = self._invoice(self.john)
        link = self._link(invoice, expires_at=False)
        self.url_open(f"/pay/{link.access_token}/document/{link.line_ids.id}")
        self.env.invalidate_all()
        self.assertTrue(invoice.invoice_pdf_report_id)
