import re
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import HttpCase, tagged

from ...models.card import paylink_card_code
from ...tools.redact import TOKEN_IN_ADDRESS
from .open_common import OpenCommon


@tagged("post_install", "-at_install")
class TestCardOpen(OpenCommon, HttpCase):
    """The page for anyone, over HTTP."""

    def _url(self, path=""):
        return f"/card/open/{self.page.public_token}{path}"

    def _ask(self, email="ada@example.com", **said):
        return self.url_open(self._url("/ask"), data={"given_name": "Ada", "given_email": email, **said})

    def _ticket(self, page):
        return re.search(r'name="ticket" value="([^"]+)"', page.text)[1]

    def _enter(self, page, code=None):
        data = {"ticket": self._ticket(page), "code": code or self._code(), "email": "ada@example.com"}
        return self.url_open(self._url("/code"), data=data)

    def test_a_stranger_becomes_one_to_link(self):
        page = self.url_open(self._url("?lang=fr_FR"))
        self.assertIn("[fr] Store it", page.text)
        self._assert_nothing_leaks(page)
        before = self._things()
        page = self._ask(given_company="Atelier", given_phone="06 12 34 56 78")
        self.assertEqual(self._things()[:3], before[:3])
        mail = self._mails()[-1]
        self.assertEqual(mail.email_to, "ada@example.com")
        self.assertNotIn("Ada", mail.body_html, "What anyone has typed is sent to nobody.")
        self.assertEqual(self._enter(page, "000000" if self._code() != "000000" else "1").status_code, 422)
        entered = self._enter(page)
        request = self.page_requests()
        self.assertTrue(entered.url.startswith(f"{self.base_url()}/card/{request.access_token}"))
        self.assertIn("[fr] I authorize", entered.text)
        self.assertNotIn('name="given_name"', entered.text)
        self.assertEqual(
            (request.given_name, request.given_email, request.is_new, request.user_id, request.status),
            ("Ada", "ada@example.com", True, self.manager, "opened"),
        )
        self._store_card(request)
        self.assertEqual(request.linking, "to_link")
        self.assertEqual(self._enter(page).status_code, 422, "A code is good for once.")
        self.assertEqual(self.page.submission_count, 1)
        self.assertFalse(self.env["paylink.card.code"].sudo().search([("email", "!=", False)]))

    def page_requests(self):
        return self.env["paylink.card.request"].search([("template_id", "=", self.page.id)])

    def test_a_customer_is_recognized_by_the_code_alone(self):
        page = self._ask("Marie@example.com", given_name="Somebody Else")
        self._enter(page)
        request = self.page_requests()
        self.assertEqual((request.partner_id, request.is_new, request.given_name), (self.marie, False, False))
        token = self._store_card(request).token_id
        self.assertEqual((token.partner_id, self.marie.paylink_token_id), (self.marie, token))
        self.assertEqual(request.linking, "linked")
        request.action_undo_link()
        self.assertEqual((request.linking, request.customer_name), ("to_link", "marie@example.com"))

    def test_who_is_recognized(self):
        other = self._other_company(name="Other")
        firm = self._customer("Firm", is_company=True, email="firm@example.com")
        self._customer("Its accountant", parent_id=firm.id, email="firm@example.com")
        for values in ({}, {"name": "Twin"}):
            self._customer(**{"name": "Twice", "email": "twice@example.com"} | values)
        self._customer("Theirs", email="theirs@example.com", company_id=other.id)
        self._customer("Gone", email="gone@example.com").active = False
        self.manager.email = "employee@example.com"
        cases = {
            "marie@example.com": self.marie,
            "firm@example.com": firm,
            **dict.fromkeys(("twice@example.com", "theirs@example.com", "gone@example.com"), self.marie.browse()),
            **dict.fromkeys(("employee@example.com", "nobody@example.com"), self.marie.browse()),
        }
        for email, expected in cases.items():
            with self.subTest(email=email):
                self.assertEqual(self.page.sudo()._known_customer(email), expected)

    def test_nothing_tells_who_is_a_customer(self):
        """The same status, the same words, and as many queries."""
        answers, counts = [], []
        for email in ("warm@example.com", "marie@example.com", "nobody@example.com", "john@example.com"):
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            page = self._ask(email)
            counts.append(self.cr.sql_log_count - before)
            wrong = self._enter(page, "x")
            answers.append(
                [
                    (found.status_code, found.text.replace(email, "E").replace(self._ticket(page), "T"))
                    for found in (page, wrong)
                ]
            )
        self.assertEqual(len(set(map(str, answers))), 1)
        self.assertEqual(len(set(counts[1:])), 1, counts)

    def test_each_card_after_a_refused_one_wants_a_code(self):
        self._enter(self._ask())
        request = self.page_requests()
        self._store_card(request, state="error")
        with self.assertRaisesRegex(UserError, "no longer be used"):
            request.sudo()._start_attempt(self.provider.id, self.payment_method_id)
        url = f"/card/{request.access_token}"
        self.assertIn(f'action="{url}/code"', self.url_open(url).text)
        page = self.url_open(f"{url}/code", data={"x": "1"})
        data = {"ticket": self._ticket(page), "code": "123"}
        self.assertEqual(self.url_open(f"{url}/code", data=data).status_code, 422)
        self.assertEqual(self.url_open(self._url("/code"), data=data | {"code": self._code()}).status_code, 422)
        page = self.url_open(f"{url}/code", data=data | {"code": self._code()})
        self.assertEqual(page.status_code, 200)
        self._store_card(request)
        self.assertEqual(request.state, "stored")

    def test_guessed_codes(self):
        page = self._ask()
        right = self._code()
        for number in range(6):
            self._enter(page, f"{(int(right) + 1 + number) % 10**6:06}")
        self.assertEqual(self._enter(page, right).status_code, 422)
        with freeze_time(fields.Datetime.now() + timedelta(minutes=1)):
            page = self._ask()
        with freeze_time(fields.Datetime.now() + timedelta(minutes=17)):
            self.assertEqual(self._enter(page).status_code, 422)
        self.assertFalse(self.page_requests())

    def test_whatever_is_typed(self):
        before = self._things()
        texts = ("", "x", "\0", "\u202e", "é" * 5_000, "<script>", "a@example.com\nBcc: b@example.com", "{{7*7}}", "٣")
        with patch.dict(paylink_card_code.CAPS, {"address": 1000, "network": 1000, "page": 1000}):
            for text in texts:
                for field in ("given_name", "given_email", "given_phone", "given_vat", "website"):
                    with self.subTest(field=field, text=text[:20]):
                        self.assertIn(
                            self._ask(**{field: text} if field != "given_email" else {"email": text}).status_code,
                            (200, 422),
                        )
                for field in ("ticket", "code", "email"):
                    with self.subTest(field=field, text=text[:20]):
                        answer = self.url_open(self._url("/code"), data={"ticket": "x", "code": "1", field: text})
                        self.assertEqual(answer.status_code, 422)
        self.assertEqual(self._things()[:3], before[:3])
        self.assertEqual(self.url_open(self._url("/ask"), data="x" * 200_000).status_code, 413)

    def test_trap_for_machines(self):
        before = self._things()
        page = self._ask(website="https://example.com")
        self.assertIn('name="ticket"', page.text)
        self.assertEqual(self._things(), before)

    def test_switched_off_and_replaced(self):
        own = self.page.with_user(self.manager)
        self.assertIn(self.page.public_token, own.action_copy_address()["params"]["text"])
        for kind, mark in (("png", b"\x89PNG"), ("svg", b"<?xml")):
            picture = self.url_open(own._action_qr(kind)["url"])
            self.assertIn(mark, picture.content[:100])
        old = self._url()
        own.action_replace_address()
        self.assertEqual(self.url_open(old).status_code, 404)
        self.assertEqual(self.url_open(self._url()).status_code, 200)
        own.action_switch()
        for path in ("", "/qr.png", "/qr.svg"):
            self.assertEqual(self.url_open(self._url(path)).status_code, 410)
        self.assertEqual(self._ask().status_code, 410)
        self.assertEqual(self.url_open(self._url("/opened"), data={"x": 1}).status_code, 404)
        self.assertFalse(self._mails())
        with self.assertRaisesRegex(UserError, "switched off"):
            own.action_copy_address()

    def test_nothing_can_be_stored(self):
        """Nobody is sent a code for nothing, and nobody passes the address on."""
        self.provider.sudo().allow_tokenization = False
        self.assertEqual(self.url_open(self._url()).status_code, 410)
        self.assertEqual(self._ask().status_code, 410)
        self.assertFalse(self._mails())
        with self.assertRaisesRegex(UserError, "can store"):
            self.page.with_user(self.manager).action_copy_address()

    def test_address_is_not_logged(self):
        line = f'"GET {self._url("/qr.png")} HTTP/1.1" 200'
        self.assertNotIn(self.page.public_token, TOKEN_IN_ADDRESS.sub(r"\1…", line))

    def test_visits(self):
        self.url_open(self._url())
        self.assertFalse(self.page.visit_count)
        for _person in range(2):
            self.url_open(self._url("/opened"), data={"x": "1"})
        self.env.invalidate_all()
        self.assertEqual(self.page.visit_count, 2)

    def test_spoken_languages(self):
        self.page.update_field_translations("title", {"fr_FR": False})
        page = self.url_open(self._url("?lang=fr_FR"))
        self.assertIn('lang="en-US"', page.text)
        self.assertNotIn("?lang=fr_FR", page.text)


@tagged("post_install", "-at_install")
class TestCardCodes(OpenCommon):
    """How many codes are sent; what is forgotten."""

    def _send(self, email="ada@example.com", ip="192.0.2.1", page=None):
        with self._request(page or self.page) as own:
            return self._codes(own)._send(own.sudo(), email, {}, ip)

    @staticmethod
    def _codes(record):
        return record.env["paylink.card.code"].sudo()

    def test_limit_of_a_site_is_a_parameter(self):
        """Of all networks that one may have: one code is let through, and no other."""
        self.env["ir.config_parameter"].set_param("paylink_addon.max_card_codes_per_site", "1")
        sent = [bool(self._send(f"n{number}@example.com", f"2001:db8:1:{number}::1")) for number in range(3)]
        self.assertEqual(sent, [True, False, False])

    def test_caps(self):
        other = self.page.copy({"name": "Other"})
        cases = {
            "address": [{"ip": f"192.0.2.{n}", "page": page} for n in range(2) for page in (self.page, other)],
            "network": [{"email": f"a{n}@example.com", "ip": "192.0.2.99"} for n in range(11)],
            "one mailbox": [
                {"email": email, "ip": f"198.51.100.{n}"}
                for n, email in enumerate(
                    ("b.o.b@gmail.com", "bob+1@googlemail.com", "bo.b+2@gmail.com", "bob@googlemail.com")
                )
            ],
            "many networks": [{"email": f"c{n}@example.com", "ip": f"2001:db9:0:{n:x}::1"} for n in range(31)],
            "one home": [{"email": f"b{n}@example.com", "ip": f"2001:db8::{n + 1}"} for n in range(11)],
        }
        for name, tries in cases.items():
            with self.subTest(name):
                sent = [bool(self._send(**said)) for said in tries]
                self.assertEqual(sent, [True] * (len(tries) - 1) + [False])
        with freeze_time(fields.Datetime.now() + timedelta(hours=1, minutes=1)):
            self.assertTrue(self._send())
        for hour in range(2, 20):
            with freeze_time(fields.Datetime.now() + timedelta(hours=hour, minutes=2 * hour)):
                self._send(ip=None)
        self.assertEqual(len(self._mails().filtered(lambda mail: mail.email_to == "ada@example.com")), 9)

    def test_full_page(self):
        """Its people are told once a day; who has a request already goes on."""
        newcomer = self.company._paylink_newcomer()
        request = self._new_request(template_id=self.page.id, partner_id=newcomer.id).sudo()
        tasks = self.env["mail.activity"].sudo().with_context(active_test=False)
        domain = [("paylink_key", "=", f"card_page_full:{self.page.id}"), ("user_id", "=", self.manager.id)]
        with patch.dict(paylink_card_code.CAPS, {"page": 2}):
            sent = [bool(self._send(f"d{number}@example.com", f"203.0.113.{number}")) for number in range(5)]
            self.assertEqual(sent, [True, True, False, False, False])
            self.assertEqual(tasks.search_count(domain), 1)
            self.assertIn(self.page.name, tasks.search(domain).note)
            with self._request(request) as own:
                page = own.template_id.sudo()
                self.assertTrue(self._codes(own)._send(page, "d@example.com", {}, None, request=own))
        self.env.cr.flush()
        with freeze_time(fields.Datetime.now() + timedelta(days=1, minutes=1)):
            tasks.search(domain)._paylink_end_done()
        self.assertFalse(tasks.search(domain))

    def test_many_tries(self):
        """They make nothing but a bounded number of codes and messages, each answered by one query."""
        before, sent = self._things(), 0
        with patch.dict(paylink_card_code.CAPS, {"page": 20}), self._request(self.page) as own:
            codes, page = self._codes(own), own.sudo()
            for number in range(200):
                ip = f"198.51.{number % 250}.{number % 199}"
                sent += bool(codes._send(page, f"n{number}@example.com", {}, ip))
            with self.assertQueryCount(1):
                codes._send(page, "another@example.com", {}, None)
        self.assertEqual(sent, 20)
        self.assertEqual(len(self._mails()), 20)
        self.assertEqual(self._codes(self.page).search_count([]), 20)
        self.assertEqual(self._things()[:3], before[:3])

    def test_what_is_forgotten(self):
        self._send()
        code = self.env["paylink.card.code"].sudo().search([])
        code.said = {"given_name": "Ada"}
        request, kept = self._new_request(), self._new_request("kept@example.com")
        person = {"given_name": "Ada Martin", "given_email": "ada@example.com", "given_phone": "06 12 34 56 78"}
        request.sudo()._agree("192.0.2.7", person)
        (request | kept).action_send()
        customer = self._card_request()
        self._store_card(customer)
        (request | kept).action_cancel()
        now = fields.Datetime.now()
        kept.sudo().cancelled_at = now + timedelta(days=5)
        with freeze_time(now + timedelta(minutes=20)):
            self._run_cron("ir_cron_paylink_card_expire")
            self.assertEqual((code.email, code.said, code.code_hash), (False, False, False))
        with freeze_time(now + timedelta(days=91)):
            self._run_cron("ir_cron_paylink_card_expire")
        self.assertFalse(code.exists())
        self.assertEqual([request[name] for name in ("given_name", "given_email", "email", "consent_ip")], [False] * 4)
        self.assertTrue(request.erased_at)
        texts = str(request.message_ids.mapped("body")) + str(
            request.message_ids.notification_ids.mapped("mail_email_address")
        )
        self.assertNotIn("ada@", texts)
        self.assertEqual(kept.email, "kept@example.com")
        self.assertTrue(customer.email)

    def test_visitors_are_forgotten(self):
        """Those whose requests never end as well; what was told to others of them, and what Stripe was asked."""
        self.page.expiry_days = 0
        page = self.page.sudo().with_context(lang="en_US")
        said = {"given_name": "Ada Martin"}
        waiting, removed = (page._new_request(f"{name}@example.com", said) for name in ("ada", "bob"))
        lasting = page._new_request("eve@example.com", said)
        lasting.expires_at = fields.Datetime.now() + timedelta(days=300)
        self._store_card(waiting, state="error").paylink_stripe_request = {"customer_email": "ada@x.example", "n": 1}
        token = self._store_card(removed).token_id
        self.assertEqual(token.paylink_consent_ip, "192.0.2.7")
        self.assertIn("Ada Martin", str(removed.message_ids.mapped("body")))
        token.active = False
        self.env.flush_all()
        with freeze_time(fields.Datetime.now() + timedelta(days=91)):
            self._run_cron("ir_cron_paylink_card_expire")
        for request in waiting | removed:
            self.assertFalse(request.given_name or request.email or request.given_email)
            self.assertNotIn("Ada", str(request.message_ids.mapped("body")))
        self.assertEqual(waiting.state, "cancelled")
        self.assertEqual(waiting.transaction_ids.paylink_stripe_request, {"n": 1})
        self.assertFalse(token.paylink_consent_ip)
        self.assertTrue(lasting.given_name)

    def test_who_may_what(self):
        seller = self._user("open-seller", "paylink_addon.group_paylink_user")
        own = self.page.with_user(seller)
        self.assertTrue(own.action_copy_address())
        self.assertTrue(self.env["paylink.card.request"].with_user(seller).action_copy_open_address())
        for method in ("action_replace_address", "action_switch"):
            with self.subTest(method=method), self.assertRaises(AccessError):
                getattr(own, method)()
        with self.assertRaises(AccessError):
            self.page.with_user(self.manager).write({"public_token": "a" * 24})
        with self.assertRaises(AccessError):
            self.env["paylink.card.code"].with_user(self.manager).search([])
        for values in (
            {"company_id": False},
            {"user_id": self._user("far", "base.group_user", self._other_company(name="O")).id},
        ):
            with self.subTest(values=values), self.assertRaises(ValidationError):
                self.page.write(values)
