import re
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from lxml import html
from odoo import Command, fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from ...models.card import paylink_card_code
from ..link.pay_common import PayCommon
from .card_common import CardCommon

DIGITS = "4321"
MANY = {"address": 1000, "network": 1000, "page": 1000}


@tagged("post_install", "-at_install")
class TestSavedByCode(CardCommon, PayCommon):
    """Who holds the address of a link pays with what its customer has saved after a code, and not before."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.firm = cls._customer("Firm", is_company=True, lang="en_US")
        cls.marie.write({"email": '"Marie" <marie@example.com>', "lang": "en_US", "parent_id": cls.firm.id})
        cls.paul = cls._customer("Paul", email="paul@example.com", lang="en_US", parent_id=cls.firm.id)
        cls._create_new_portal_user(login="paul", partner_id=cls.paul.id)
        cls.token = cls._saved(cls.marie)
        cls.link = cls._link(cls._invoice(cls.marie), email="boss@example.com")

    @classmethod
    def _saved(cls, partner, **values):
        token = cls.env["payment.token"].sudo()
        return token.create(
            {
                "provider_id": cls.provider.id,
                "payment_method_id": cls.payment_method_id,
                "payment_details": DIGITS,
                "partner_id": partner.id,
                "provider_ref": "saved",
                "demo_simulated_state": "done",
                **values,
            }
        )

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.dict(paylink_card_code.CAPS, MANY))
        self.authenticate(None, None)

    # === WHAT A VISITOR DOES === #

    def _post(self, link, path, data, **kwargs):
        return self.url_open(f"/pay/{link.access_token}{path}", data=data, **kwargs)

    def _ask(self, link=None):
        return self._post(link or self.link, "/saved", {"x": "1"})

    def _ticket(self, page):
        return re.search(r'name="ticket" value="([^"]+)"', page.text)[1]

    def _codes(self):
        """The messages with codes, the last one first."""
        return self.env["mail.mail"].sudo().search([("subject", "like", "your code")], order="id desc")

    def _code(self):
        return re.search(r">(\d{6})<", self._codes()[0].body_html)[1]

    def _enter(self, page, code=None, link=None):
        data = {"ticket": self._ticket(page), "code": code or self._code()}
        return self._post(link or self.link, "/saved/code", data)

    def _prove(self, link=None):
        entered = self._enter(self._ask(link), link=link)
        self.assertEqual(entered.status_code, 200)
        self.env.invalidate_all()

    def _is_shown(self, link=None):
        return DIGITS in self._get(link or self.link).text

    def _can_charge(self, link=None):
        """Whether what is saved can be charged; neither the page's form nor its script charges it otherwise."""
        link = link or self.link
        token = self.env["payment.token"].sudo().search([("partner_id", "=", link.partner_id.id)])[:1] or self.token
        csrf = html.fromstring(self._get(link).content).xpath("//input[@name='csrf_token']/@value")
        option = {"option": f"token-{token.id}"}
        self._post(link, "/pay", option, allow_redirects=False)
        self.env.invalidate_all()
        self.assertFalse(link.transaction_ids, "Another site can send that.")
        self._post(link, "/pay", option | {"csrf_token": (csrf or ["x"])[0]}, allow_redirects=False)
        self.env.invalidate_all()
        if not link.transaction_ids:
            answer = self._transaction(link, token_id=token.id, flow="token")
            self.assertEqual(answer["state"], "error")
        self.env.invalidate_all()
        return bool(link.transaction_ids.filtered(lambda tx: tx.token_id and tx.state == "done"))

    # === TESTS === #

    def test_code_to_the_address_on_file(self):
        link = self.link
        self.assertIn(f'href="/pay/{link.access_token}/saved"', self._get(link).text)
        self.assertFalse(self._is_shown() or self._can_charge())
        offer, page = self._get(link, "/saved"), self._ask()
        for shown in (offer, page):
            self._assert_nothing_leaks(shown)
            self.assertNotRegex(shown.text, rf"{DIGITS}|marie@|boss@")
        self.assertEqual(self._codes().mapped("email_to"), ["marie@example.com"], "not where the link was sent")
        self.assertFalse(self._is_shown())
        self.assertEqual(self._enter(page, "x").status_code, 422)
        self.assertFalse(self._is_shown())
        before = {cookie.value for cookie in self.opener.cookies if cookie.name == "session_id"}
        entered = self._enter(page)
        self.assertEqual(entered.url.partition("?")[0], f"{self.base_url()}/pay/{link.access_token}")
        self.assertIn(DIGITS, entered.text)
        self.assertNotIn(f'href="/pay/{link.access_token}/saved"', entered.text)
        after = {cookie.value for cookie in self.opener.cookies if cookie.name == "session_id"}
        self.assertFalse(before & after, "Who knew the session before does not have what was proved.")
        self.assertTrue(self._can_charge())
        self.assertEqual(link.transaction_ids.mapped("paylink_by_code"), [True])
        self.assertFalse(self.env["paylink.card.code"].sudo().search([("email", "!=", False)]))
        names = link.message_ids.sorted("id").subtype_id.mapped("name")
        self.assertEqual([name for name in names if "Code" in name], ["Code asked for", "Code entered"])

    def test_who_is_asked_nothing(self):
        """The owner, and where nobody can save anything."""
        self._create_new_portal_user(login="marie", partner_id=self.marie.id)
        offered = f'href="/pay/{self.link.access_token}/saved"'
        for login, expected in (("marie", False), ("paul", True), (None, True)):
            self.authenticate(login, login)
            with self.subTest(login=login):
                self.assertEqual(offered in self._get(self.link).text, expected)
                self.assertEqual(self._is_shown(), login == "marie")
        self.provider.sudo().allow_tokenization = False
        self.assertNotIn(offered, self._get(self.link).text)

    def test_nothing_tells_what_is_saved(self):
        """Of whom something is saved, and who has an address, one can't tell by words, status or number of queries."""
        emails = ("none@x.fr", "none@x.fr", "saved@x.fr", False, "one@x.fr, two@x.fr", "nonsense", "archived@x.fr")
        people = [self._customer("Ada Martin", email=email, lang="en_US") for email in emails]
        for partner in people[2:]:
            self._saved(partner)
        links = [self._link(self._invoice(partner), email="boss@example.com") for partner in people]
        people[-1].active = False
        told, counts = [], []
        for link in links:
            self.env.invalidate_all()
            self.assertIn('/saved"', self._get(link).text)
            offer = self._get(link, "/saved")
            before = self.cr.sql_log_count
            page = self._ask(link)
            counts.append(self.cr.sql_log_count - before)
            wrong = self._post(link, "/saved/code", {"ticket": self._ticket(page), "code": "x"})
            own = "|".join(map(re.escape, (link.access_token, link.name, self._ticket(page))))
            told.append([(found.status_code, re.sub(own, "…", found.text)) for found in (offer, page, wrong)])
        self.assertEqual(len(set(map(str, told))), 1)
        self.assertEqual(counts[1], counts[2], "saved or not")
        self.assertEqual(sorted(self._codes().mapped("email_to")), ["none@x.fr", "none@x.fr", "saved@x.fr"])

    def test_proof_is_of_one_thing_for_a_while(self):
        """Of one contact and address, on one link, by one visitor, for half an hour."""

        def merge(partner):
            other = self._customer("Other", email="other@example.com")
            wizard = self.env["base.partner.merge.automatic.wizard"].create({})
            wizard._merge([partner.id, other.id], other)

        cases = {
            "address changed": lambda partner: partner.write({"email": "new@example.com"}),
            "two addresses": lambda partner: partner.write({"email": f"{partner.email}, new@example.com"}),
            "archived": lambda partner: partner.write({"active": False}),
            "merged": merge,
            "another visitor": lambda _partner: self.authenticate(None, None),
            "a colleague in the portal": lambda _partner: self.authenticate("paul", "paul"),
            "nothing": lambda _partner: None,
        }
        for name, change in cases.items():
            with self.subTest(name):
                self.authenticate(None, None)
                partner = self._customer("Ada", email="ada@example.com", lang="en_US", parent_id=self.firm.id)
                self._saved(partner)
                link, other = (self._link(self._invoice(partner)) for _time in range(2))
                self._prove(link)
                self.assertTrue(self._is_shown(link))
                self.assertFalse(self._is_shown(other), "another link of the same customer")
                change(partner)
                self.env.flush_all()
                self.assertEqual(self._is_shown(link), name == "nothing")
                self.assertEqual(self._can_charge(link), name == "nothing")
        self._prove()
        with freeze_time(fields.Datetime.now() + timedelta(minutes=31)):
            self.assertFalse(self._is_shown() or self._can_charge())

    def test_codes_of_others(self):
        """A code is for its link, and for the address it was sent to as long as that is on file."""
        other = self._link(self._invoice(self.john))
        page = self._ask(other)
        self.assertEqual(self._codes()[0].email_to, self.john.email)
        self.assertEqual(self._enter(page).status_code, 422, "sent for another link")
        page = self._ask()
        code = self._code()
        self.marie.email = "new@example.com"
        self.assertEqual(self._enter(page, code).status_code, 422, "sent to an address that is not on file anymore")
        self.assertFalse(self._is_shown())
        page = self._ask()
        right = self._code()
        for number in range(paylink_card_code.MAX_TRIES):
            self._enter(page, f"{(int(right) + 1 + number) % 10**6:06}")
        self.assertEqual(self._enter(page, right).status_code, 422, "guessed too often")
        for field in ("ticket", "code"):
            for text in ("", "\0", "é" * 5_000, "<script>", "٣"):
                answer = self._post(self.link, "/saved/code", {"ticket": "x", "code": "1", field: text})
                self.assertEqual(answer.status_code, 422)
        foreign = {"Sec-Fetch-Site": "cross-site"}
        count = len(self._codes())
        self._post(self.link, "/saved", {"x": "1"}, headers=foreign)
        self.assertEqual(len(self._codes()), count, "sent by the page of another site")

    def test_few_codes(self):
        """As many for a contact as for an address, counted apart: they don't tell that it is one that was typed."""
        page = self.env.ref("paylink_addon.paylink_card_template_existing")
        page = page.copy({"kind": "generic", "company_id": self.company.id, "name": "Page"})
        other = self._link(self._invoice(self.marie))
        with patch.dict(paylink_card_code.CAPS, {"address": 2}):
            answers = [self._ask(link).status_code for link in (self.link, other, self.link, other)]
            self.assertEqual(answers, [200, 200, 429, 429])
            said = {"given_name": "Ada", "given_email": "marie@example.com"}
            answer = self.url_open(f"/card/open/{page.public_token}/ask", data=said)
            self.assertEqual(answer.status_code, 200)
            self.assertEqual(self._ask(self._link(self._invoice(self.john))).status_code, 200)

    def test_many_customers_in_one_network(self):
        """Do not use up each other's codes, nor those of pages for cards; there are only so many all the same."""
        others = self._link(self._invoice(self.john)) + self._link(self._invoice(self.paul))
        with (
            patch.dict(paylink_card_code.CAPS, {"network": 1}),
            patch.object(paylink_card_code, "NETWORKS_OF_LINKS", 2),
        ):
            self.assertEqual([self._ask(link).status_code for link in self.link + others], [200, 200, 429])
            self.assertTrue(self._codes())
        with patch.object(paylink_card_code, "PER_LINK", 2):
            self.assertEqual([self._ask().status_code for _number in range(2)], [200, 429])

    def test_closed_links_send_no_codes(self):
        for close in (lambda link: link.action_cancel(), self._pay):
            link = self._link(self._invoice(self.marie))
            close(link)
            self._ask(link)
            self._get(link, "/saved")
        self.assertFalse(self._codes())
        self.assertEqual(self.url_open("/pay/AAAAAAAAAAAAAAAAAAAAAAAA/saved", data={"x": "1"}).status_code, 404)

    def test_nothing_is_saved(self):
        """Who has proved it may know; and may save something from now on, which is the customer's own."""
        link = self._link(self._invoice(self.john))
        self._transaction(link, tokenization_requested=True)
        self.assertIn("You have saved nothing", self._enter(self._ask(link), link=link).text)
        self._transaction(link, tokenization_requested=True)
        self.env.invalidate_all()
        self.assertEqual(link.transaction_ids.sorted("id").mapped("tokenize"), [False, True])
        self.assertEqual(link.transaction_ids.partner_id, self.john)

    def test_other_company(self):
        """What was saved with another company is not offered here."""
        self._prove()
        provider = self._demo_provider(self._other_company())
        self.token.sudo().write({"provider_id": provider.id})
        self.assertFalse(self._is_shown() or self._can_charge())

    def test_all_installments(self):
        """What is chosen to be paid by another link, on the page of this one, is paid with what was proved here."""
        terms = self.env["account.payment.term"].create(
            {
                "name": "Halves",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": 50, "nb_days": days}) for days in (0, 30)
                ],
            }
        )
        invoice = self._invoice(self.marie, amount=100, invoice_payment_term_id=terms.id)
        first = invoice._paylink_open_items().sorted("date_maturity")[:1]
        link = self.env["paylink.link"]._create_for_items([({}, first)], partner_id=self.marie.id)
        link._issue()
        self._prove(link)
        form = html.fromstring(self._get(link).content)
        (csrf,) = form.xpath("//input[@name='csrf_token']/@value")
        data = {"option": f"token-{self.token.id}", "csrf_token": csrf, "part": "whole"}
        self._post(link, "/pay", data, allow_redirects=False)
        self.env.invalidate_all()
        self.assertEqual(link.widened_ids.transaction_ids.mapped("amount"), [100])
        self.assertEqual(link.widened_ids.transaction_ids.mapped("state"), ["done"])

    def test_owner_is_told_where_the_receipt_goes_elsewhere(self):
        for email, told in (("boss@example.com", ["marie@example.com"]), ("marie@example.com", []), (False, [])):
            with self.subTest(email=email):
                link = self._link(self._invoice(self.marie), email=email)
                self._prove(link)
                link.lang = "fr_FR"
                self.assertTrue(self._can_charge(link))
                link._book_confirmed()
                sent = [("model", "=", link._name), ("res_id", "=", link.id), ("email_to", "!=", False)]
                mails = self.env["mail.mail"].sudo().search(sent)
                own = mails.filtered(lambda mail: "saved method" in mail.subject)
                self.assertEqual(own.mapped("email_to"), told)
                self.assertEqual((mails - own).mapped("email_to"), [email or "marie@example.com"])
                if own:  # in the language of the owner, all of it
                    self.assertIn("$", own.subject)
                    self.assertIn("100.00", own.body_html)
                    self.assertIn(f"{link.url}/receipt?lang=en_US", own.body_html)

    # === ODOO'S OWN PAGES === #

    def test_pages_of_odoo(self):
        """Whoever has the address of an invoice, and a colleague in the portal, charges nothing that is not theirs."""
        invoice = self._invoice(self.marie)
        access_token = invoice._portal_ensure_token()
        own = self._saved(self.paul, payment_details="8765")
        for login, token, expected in ((None, self.token, False), ("paul", self.token, False), ("paul", own, True)):
            self.authenticate(login, login)
            with self.subTest(login=login, owner=token.partner_id.name):
                page = self.url_open(f"/my/invoices/{invoice.id}?access_token={access_token}").text
                self.assertEqual(token.payment_details in page, expected)
                with mute_logger("odoo.http"):
                    answer = self._native(invoice, access_token, token)
                self.assertEqual("error" not in answer, expected, answer)
                charged = self.env["payment.transaction"].sudo().search([("token_id", "=", token.id)])
                self.assertEqual(bool(charged), expected)

    def _native(self, invoice, access_token, token):
        params = {
            "provider_id": token.provider_id.id,
            "payment_method_id": None,
            "token_id": token.id,
            "amount": invoice.amount_residual,
            "flow": "token",
            "tokenization_requested": False,
            "landing_route": "/my",
            "access_token": access_token,
        }
        return self.url_open(f"/invoice/transaction/{invoice.id}", json={"params": params}).json()

    def test_colleague_changes_the_address(self):
        """Of an address of the company, colleagues in the portal change the e-mail: not where something is saved."""
        self.marie.type = "invoice"
        empty = self._customer("Empty", parent_id=self.firm.id, type="invoice")
        paul = self.env["res.users"].search([("login", "=", "paul")])
        for partner, expected in ((self.marie, False), (empty, True), (self.paul, True)):
            own = partner.with_user(paul).sudo()
            self.assertEqual(own._can_be_edited_by_current_customer(), expected, partner.name)

    # === OTHER PAGES WITH AN ADDRESS === #

    def test_no_page_names_a_card(self):
        """Whoever has the address of a card request or of automatic payments reads which kind it is, not which one."""
        request = self._card_request(self.marie, replaces_id=self.token.id)
        page = self.url_open(f"/card/{request.access_token}?lang=en_US").text
        self.assertIn("It will replace", page)
        self.assertNotIn(DIGITS, page)
        self._store_card(request)
        page = self.url_open(f"/card/{request.access_token}?lang=en_US").text
        self.assertIn("Stored", page)
        self.assertNotIn("1234", page)
        self.firm.paylink_autopay = self.company.paylink_autopay = True
        self.env["paylink.autopay.rule"].create({"name": "All", "ignore_before": False})
        due = fields.Date.today() + timedelta(days=2)
        self._invoice(self.marie, invoice_date_due=due)
        page = self.env["paylink.autopay.page"]._for_customers(self.firm, self.company, self.env.user)
        rows = page.sudo()._page_values()["rows"]
        self.assertTrue(rows)
        self.assertNotIn("1234", str(rows))
