import hashlib
import inspect
import logging
import secrets
from contextlib import closing
from datetime import timedelta
from unittest.mock import Mock, patch
from urllib.parse import quote

from lxml import html
from odoo import fields, sql_db
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import SQL, file_open

from ...const import TOKEN_BYTES
from ...tools import locks
from ...tools.redact import LOGGERS
from .pay_common import PayCommon


@tagged("post_install", "-at_install")
class TestPay(PayCommon):
    """The customer's pages over HTTP, without login."""

    # === PAGES === #

    def test_page_says_who_what_and_how_much(self):
        invoice = self._invoice(amount=1234.5)
        page = self._get(self._link(invoice))
        self.assertEqual(page.status_code, 200)
        for text in (self.company.name, "Marie Dubois", invoice.name, "1", "234,50", "pl-pay", "FR76"):
            self.assertIn(text, page.text)
        self.assertIn('lang="fr-FR"', page.text)

    def test_headers(self):
        link = self._link(self._invoice())
        for path in ("", "/help", "/status"):
            with self.subTest(path=path):
                self._assert_nothing_leaks(self._get(link, path))

    def test_page_of_each_state(self):
        """A page of its own, with the right code, for whatever became of the link."""

        def expire(link):
            link.expires_at = fields.Datetime.now() - timedelta(minutes=1)

        def settle(link):
            self.env["account.payment.register"].with_context(
                active_model="account.move", active_ids=link.line_ids.move_id.ids
            ).create({})._create_payments()

        cases = {
            "open": (lambda link: None, 200, 'data-view="pay"'),
            "failed": (lambda link: self._attempt(link)._set_error("Declined"), 200, "did not succeed"),
            "pending": (lambda link: self._attempt(link)._set_pending(), 200, 'data-view="progress"'),
            "cancelled while it is paid": (
                lambda link: self._end(link, "action_cancel"),
                200,
                "goes on: if it arrives",
            ),
            "settled while it is paid": (lambda link: self._end(link, settle), 200, "pays it back"),
            "expired while it is paid": (lambda link: self._end(link, expire), 200, "ask for a new link on this page"),
            "paid": (self._pay, 200, "Paid. Thank you!"),
            "refunded": (lambda link: self._refund(self._pay(link), link.amount), 200, "has been refunded"),
            "refunded in part": (lambda link: self._refund(self._pay(link), 1), 200, "Paid. Thank you!"),
            "cancelled": (lambda link: link.action_cancel(), 410, "was canceled"),
            "expired": (expire, 410, "has expired"),
            "settled": (settle, 410, "Nothing is due anymore"),
            "draft": (lambda link: setattr(link.sudo(), "issued_at", False), 404, "We can't find this link"),
        }
        for name, (lead, code, text) in cases.items():
            with self.subTest(name):
                link = self._link(self._invoice(self.john))
                lead(link)
                page = self._get(link)
                self.assertEqual(page.status_code, code)
                self.assertIn(text, page.text.replace("&#39;", "'"))

    def _end(self, link, end):
        """While a debit runs."""
        self._attempt(link)._set_pending()
        if callable(end):
            end(link)
        else:
            getattr(link, end)()

    def test_payment_that_runs_on_after_the_link(self):
        """The page of a link that was canceled follows it to its end; nobody asks for a new link meanwhile."""
        for outcome, view, text in (("_set_error", "closed", "was canceled"), ("_set_done", "paid", "Thank you")):
            with self.subTest(outcome):
                link = self._link(self._invoice(self.john, amount=100, invoice_date="2026-01-05"))
                self._end(link, "action_cancel")
                self.assertEqual(link._page_view(), "progress")
                self.assertIn("100.00", self._get(link).text)
                self.assertNotIn("Overdue", self._get(link).text)
                self.assertNotIn("/renew", self._get(link).text)
                self.assertEqual(link._portal_rows()[0]["status"][0], "Payment in progress")
                self.url_open(f"/pay/{link.access_token}/renew", method="POST")
                self.assertFalse(link.activity_ids)
                args = ["No"] if outcome == "_set_error" else []
                getattr(link.transaction_ids, outcome)(*args)
                self.assertEqual(self._get(link, "/status").json()["view"], view)
                self.assertIn(text, self._get(link).text)

    def test_unknown_tokens(self):
        """Guessing finds nothing, whatever is asked, and never an error page."""
        for token in ("x" * 24, "é" * 24, "' OR 1=1", "a", "0" * 5000):
            for path in ("", "/help", "/status", "/receipt", "/qr", "/document/1"):
                with self.subTest(token=token[:20], path=path):
                    response = self.url_open(f"/pay/{token}{path}")
                    self.assertEqual(response.status_code, 404)
                    self.assertNotIn("Traceback", response.text)

    def test_language_can_be_switched(self):
        link = self._link(self._invoice())
        self.assertIn('lang="fr-FR"', self._get(link).text)
        english = self._get(link, "?lang=en_US")
        self.assertIn('lang="en-US"', english.text)
        self.assertIn("What it is for", english.text)
        self.assertIn('lang="en-US"', self._get(link).text, "the choice is kept")
        self.assertIn('lang="en-US"', self._get(link, "?lang=xx_YY").text)

    def test_a_get_changes_nothing(self):
        """A mail scanner that fetches everything does not open the link; a person's touch does, once."""
        link = self._link(self._invoice())
        for path in ("", "/help", "/status", "/qr"):
            self._get(link, path)
        self.assertFalse(link.opened_at)
        self.assertEqual(link.status, "not_opened")
        self.assertEqual(self.url_open(f"/pay/{link.access_token}/opened", method="POST").status_code, 200)
        link.invalidate_recordset()
        self.assertEqual(link.status, "opened")

    def test_employees_do_not_count(self):
        link = self._link(self._invoice())
        self.authenticate("admin", "admin")
        self.url_open(f"/pay/{link.access_token}/opened", method="POST")
        link.invalidate_recordset()
        self.assertFalse(link.opened_at)

    def test_ask_for_a_new_link(self):
        link = self._link(self._invoice())
        link.action_cancel()
        for _ in range(2):
            page = self.url_open(f"/pay/{link.access_token}/renew", method="POST")
            self.assertEqual(page.status_code, 200)
        link.invalidate_recordset()
        self.assertEqual(len(link.activity_ids), 1)
        self.assertEqual(link.activity_ids.user_id, link.user_id)
        payable = self._link(self._invoice())
        self.assertIn("Pay", self.url_open(f"/pay/{payable.access_token}/renew", method="POST").text)
        payable.invalidate_recordset()
        self.assertFalse(payable.activity_ids, "it can be paid by now: the page was an old one")

    def test_nobody_is_asked_for_a_link_that_was_sent(self):
        """The page says that there is a newer one, not where; or, once that is paid, that nothing is due."""
        free = {"partner_id": self.john.id, "email": "john@example.com"}
        cases = {
            "renewed": (lambda: self._free_link(**free), self._renewed, True),
            "not sent yet": (lambda: self._free_link(**free), lambda link: link.sudo()._renew(False, {}), False),
            "of the same invoice": (
                lambda: self._link(self._invoice(self.john)),
                lambda link: self._sent(self._wizard(link.line_ids.move_id)),
                True,
            ),
        }
        for name, (make, replace, is_sent) in cases.items():
            with self.subTest(name):
                link = make()
                link.action_cancel()
                newer = replace(link)
                page = self._get(link)
                self.assertEqual(page.status_code, 410)
                self.assertEqual("a new link was sent" in page.text, is_sent)
                self.assertEqual("/renew" in page.text, not is_sent)
                self.assertNotIn(newer.access_token, page.text)
                answer = self.url_open(f"/pay/{link.access_token}/renew", method="POST")
                self.assertEqual("a new link was sent" in answer.text, is_sent)
                self.assertEqual(len(link.activity_ids), 0 if is_sent else 1)
                if is_sent:
                    self._pay(newer)
                    self.assertIn("Nothing is due anymore", self._get(link).text)

    def test_receipt_is_promised_as_it_comes(self):
        """On the page of a payment in progress, and in its help."""
        cases = {
            "by e-mail": {"email": "john@example.com"},
            "by SMS": {"email": False, "send_sms": True, "phone": "+33639981234"},
            "your receipt": {"email": False},
        }
        for promise, values in cases.items():
            with self.subTest(promise):
                self.john.email = values["email"]
                link = self._free_link(partner_id=self.john.id, lang="en_US", **values)
                self._attempt(link)._set_pending()
                for path in ("", "/help"):
                    text = self._get(link, path).text
                    told = [other for other in cases if f"{other}." in text]
                    self.assertEqual(told, [promise])
        self.env.ref("paylink_addon.mail_template_receipt").unlink()
        link.email = "john@example.com"
        self.assertIn("has your receipt", self._get(link, "/help").text)

    def test_button_names_what_is_chosen(self):
        """What can't be changed; else our script names it."""
        for allow_partial in (False, True):
            link = self._link(self._invoice(self.john), allow_partial=allow_partial)
            page = html.fromstring(self._get(link).content)
            (button,) = page.xpath("//form//button[@type='submit'][.//*[@class='pl-chosen']]")
            self.assertEqual("100.00" in button.text_content(), not allow_partial)
            self.assertEqual(len(page.xpath("//fieldset/@data-pattern")), allow_partial)

    def test_part_can_be_chosen_where_allowed(self):
        """By the address, too: it is what the page with the fields of a method pays."""
        link, fixed = (self._link(self._invoice(self.john), allow_partial=allowed) for allowed in (True, False))
        option = f"{self.provider.id}-{self.payment_method_id}"
        cases = {"40": "40.0", "40,50": "40.5", "500": None, "-1": None, "abc": None, "nan": None}
        for text, paid in cases.items():
            with self.subTest(amount=text):
                page = html.fromstring(self._get(link, f"?amount={text}&method={option}").content)
                self.assertEqual(page.xpath("//form/@data-amount"), [paid] if paid else [])
        self.assertIn('data-amount="100.0"', self._get(fixed, f"?amount=40&method={option}").text)

    def test_part_that_cannot_be_paid_is_told(self):
        """Near the field, in the customer's language; nothing is said of what can be paid."""
        link = self._link(self._invoice(amount=1000), allow_partial=True)
        for text, told in (("1000,01", True), ("0", True), ("abc", True), ("1000", False), ("40,5", False)):
            with self.subTest(amount=text):
                page = html.fromstring(self._get(link, f"?lang=en_US&amount={text}").content)
                messages = page.xpath("//*[@class='pl-part']//*[@role='alert']/text()")
                self.assertEqual(bool(messages), told)
                self.assertEqual(bool(page.xpath("//input[@aria-describedby='pl-part-problem']")), told)
                if told:
                    self.assertRegex(messages[0], r"at most \D*1,000\.00")

    def test_amount_is_read_in_the_language_of_the_page(self):
        """What can be read two ways is asked back; the currency may stand beside it."""
        link = self._link(self._invoice(amount=5000), allow_partial=True)
        cases = {
            ("en_US", "1,000"): "1000.0",
            ("en_US", "$1,000.50"): "1000.5",
            ("fr_FR", "1 000,50 USD"): "1000.5",
            ("fr_FR", "1.000,50"): "1000.5",
            ("fr_FR", "300.50"): "300.5",
            ("fr_FR", "1,000"): None,
            ("fr_FR", "1.000"): None,
            ("en_US", "1.000"): None,
        }
        for (lang, text), expected in cases.items():
            with self.subTest(lang=lang, text=text):
                query = f"?lang={lang}&amount={quote(text)}&method={self.provider.id}-{self.payment_method_id}"
                page = html.fromstring(self._get(link, query).content)
                message = " ".join(page.xpath("//*[@id='pl-part-problem']/text()"))
                self.assertEqual(text in message, expected is None)
                self.assertEqual(page.xpath("//form/@data-amount"), [expected] if expected else [])

    def test_query_count(self):
        """The page of ten invoices takes as few queries as that of one."""
        counts = []
        for number in (1, 10):
            link = self._link(self.env["account.move"].union(*(self._invoice() for _ in range(number))))
            self._get(link)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._get(link)
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0])
        self.assertLessEqual(counts[1], 10)
        Link = self.registry["paylink.link"]
        with patch.object(Link, "_page_texts", autospec=True, side_effect=Link._page_texts) as texts:
            self._get(link)
        self.assertEqual(texts.call_count, 1, "what is said is made once")

    def test_what_is_remembered_is_never_old(self):
        """Another worker changes what this one has shown: as here, where nothing but the database knows."""
        link = self._link(self._invoice(amount=1000))
        account = link.bank_account_id
        bank = self.env["res.bank"].create({"name": "Banque du Rhône", "bic": "AGRIFRPP"})
        account.write({"bank_id": bank.id, "acc_holder_name": False})
        for row, column, value, shown in (
            (self.company, "name", "Scierie Morel", "Scierie Morel"),
            (self.company, "phone", "+33 1 99 00 12 34", "+33 1 99 00 12 34"),
            (link.currency_id, "symbol", "§", "§"),
            (account.partner_id, "name", "Morel SARL", "Morel SARL"),
            (account, "acc_holder_name", "Morel & Fils", "Morel &amp; Fils"),
            (bank, "bic", "CMCIFRPP", "CMCIFRPP"),
        ):
            with self.subTest(row=row._name, column=column):
                self.env.flush_all()
                self.assertNotIn(shown, self._get(link).text)
                query = SQL(
                    "UPDATE %s SET %s = %s WHERE id = %s", *map(SQL.identifier, (row._table, column)), value, row.id
                )
                self.env.cr.execute(query)
                self.env.invalidate_all()
                self.assertIn(shown, self._get(link).text)

    # === THE FORM === #

    def _pay_elsewhere(self):
        """Customers pay on the page of the provider."""
        self.provider.is_published = False
        self.dummy_provider.write({"is_published": True, "state": "test"})
        return f"{self.dummy_provider.id}-{self.dummy_provider.payment_method_ids[:1].id}"

    def test_page_is_plain(self):
        """One style sheet, one script, nothing of Odoo's, no script in the page: whatever can be paid with."""
        for lead in (lambda: None, self._pay_elsewhere):
            lead()
            answer = self._get(self._link(self._invoice(), allow_partial=True))
            page = html.fromstring(answer.content)
            files = page.xpath("//script/@src") + page.xpath("//link[@rel='stylesheet']/@href")
            for name, address in zip(("pay.js", "pay.css"), files, strict=True):
                # Browsers keep it for a week: another content has another address.
                with file_open(f"paylink_addon/static/src/pay/{name}", "rb") as file:
                    version = hashlib.sha256(file.read()).hexdigest()[:8]
                self.assertEqual(address, f"/paylink_addon/static/src/pay/{name}?{version}")
            self.assertFalse(page.xpath("//style | //script[not(@src)] | //@style | //@onclick | //noscript"))
            self.assertNotIn("unsafe", answer.headers["Content-Security-Policy"])
            self.assertLess(len(answer.content), 12_000)

    def test_one_way_to_pay_is_chosen_and_the_others_are_folded(self):
        """The one that was chosen before comes first, with its own message; test mode is said in words."""
        link = self._link(self._invoice())
        self.dummy_provider.write({"is_published": True, "pre_msg": "<p>With shells</p>"})
        self.env.flush_all()
        self.env.cr.execute("UPDATE payment_provider SET state = 'enabled' WHERE id = %s", [self.dummy_provider.id])
        self.env.invalidate_all()
        other = f"{self.dummy_provider.id}-{self.dummy_provider.payment_method_ids[:1].id}"
        for path, first in (("", f"{self.provider.id}-{self.payment_method_id}"), (f"&method={other}", other)):
            with self.subTest(path):
                page = html.fromstring(self._get(link, f"?lang=en_US{path}").content)
                self.assertEqual(page.xpath("//input[@name='option'][@checked]/@value"), [first])
                self.assertEqual(page.xpath("//input[@name='option'][not(ancestor::details)]/@value"), [first])
                ways = {
                    box.get("value"): box.xpath("string(ancestor::div[1])")
                    for box in page.xpath("//input[@name='option']")
                }
                for way, text in ways.items():
                    self.assertEqual("no money moves" in text, way != other)
                    self.assertEqual("With shells" in text, way == other)
        self.dummy_provider.is_published = False
        self.provider.payment_method_ids.filtered("active")[1:].active = False
        page = html.fromstring(self._get(link).content)
        self.assertEqual(page.xpath("//input[@name='option']/@type"), ["hidden"])

    def test_what_is_typed_is_what_is_paid(self):
        option = self._pay_elsewhere()
        for lang, text, paid in (("en_US", "300", 300), ("fr_FR", "300,50", 300.5), ("en_US", "", 1000)):
            with self.subTest(text=text):
                link = self._link(self._invoice(amount=1000), allow_partial=True, lang=lang)
                values = {"part": "other", "amount": text} if text else {}
                page = self.url_open(f"/pay/{link.access_token}/pay?lang={lang}", data={"option": option, **values})
                form = html.fromstring(page.content).xpath("//main//*[@data-send]//form")[0]
                self.assertEqual(len(form.xpath(".//button[@type='submit']")), 1)
                self.assertEqual((link.transaction_ids.amount, link.transaction_ids.state), (paid, "draft"))

    def test_amount_that_has_changed_is_told(self):
        """Whatever of what the page has offered; nothing is begun, and the next press pays."""
        self._pay_elsewhere()
        for allow_partial, values in ((False, {}), (True, {"part": "other", "amount": "10"})):
            link = self._link(self._invoice(), allow_partial=allow_partial)
            shown = link._shown_offers(link._page_offers(100))
            self._register_payment(link.line_ids.move_id, amount=20)
            for text in (shown, "", "all=x", "é"):
                answer = self._send_form(link, shown=text, **values)
                self.assertEqual((answer.status_code, link.transaction_ids.ids), (422, []))
                self.assertIn("The amount has changed", answer.text)
            self.assertEqual(self._send_form(link, **values).status_code, 200)
            self.assertEqual(link.transaction_ids.amount, 10 if values else 80)

    def test_typed_amount_is_refused_and_kept(self):
        """Nothing is begun; what was typed stands there still, with what is wrong with it."""
        self._pay_elsewhere()
        link = self._link(self._invoice(amount=1000), allow_partial=True)
        cases = {
            ("other", "abc"): "not an amount",
            ("other", "1.000"): "can be read as",
            ("other", "0"): "at least",
            ("other", "1000.01"): "at most",
            ("other", ""): "not an amount",
            ("all", "300"): "select “Another amount”",
        }
        for (part, text), told in cases.items():
            with self.subTest(part=part, text=text):
                answer = self._send_form(link, part=part, amount=text)
                self.assertEqual(answer.status_code, 422)
                page = html.fromstring(answer.content)
                self.assertIn(told, page.xpath("//*[@id='pl-part-problem']")[0].text_content())
                self.assertEqual(page.xpath("//input[@id='pl-part']")[0].get("value") or "", text)
                self.assertEqual(page.xpath("//input[@name='part'][@checked]/@value"), ["other"])
        self.assertFalse(link.transaction_ids)

    def test_what_cannot_be_paid_is_told(self):
        link = self._link(self._invoice())
        answers = [self._send_form(link, option=value).text for value in ("", "x-y", "1-", "token-", "٣-٣")]
        self.assertTrue(all("Choose how to pay" in text for text in answers))
        for option in ("99999-99999", "token-999999", f"{self.dummy_provider.id}-{self.payment_method_id}"):
            answer = self._send_form(link, option=option)
            self.assertEqual((answer.status_code, "no longer available" in answer.text), (422, True))
        page = self._get(link, f"?lang=en_US&method={self.dummy_provider.id}-{self.payment_method_id}")
        self.assertIn("no longer available", page.text)
        self.assertFalse(link.transaction_ids)
        self._pay(link)
        self.assertEqual(self.url_open(f"/pay/{link.access_token}/pay", data={}).status_code, 200)

    def test_methods_with_fields_on_the_page(self):
        """Odoo's form is on a page of its own, with that method and the amount that was chosen; also of providers that
        have a page of their own, for other methods: nobody is led nowhere.
        """
        link = self._link(self._invoice(amount=1000), allow_partial=True)
        option = f"{self.provider.id}-{self.payment_method_id}"
        answer = self._send_form(link, part="other", amount="300.50")
        self.assertEqual((answer.status_code, link.transaction_ids.ids), (303, []))
        answer = self.url_open(answer.headers["Location"])
        page = html.fromstring(answer.content)
        self.assertEqual(page.xpath("//form[@id='o_payment_form']/@data-amount"), ["300.5"])
        (box,) = page.xpath("//input[@name='o_payment_radio']")
        self.assertEqual(f"{box.get('data-provider-id')}-{box.get('data-payment-option-id')}", option)
        self.assertIn("needs JavaScript", page.xpath("string(//noscript)"))
        self.assertIn("no money moves", answer.text)
        self.assertIn("unsafe-eval", answer.headers["Content-Security-Policy"])
        (back,) = page.xpath("//main/p/a/@href")
        page = html.fromstring(self.url_open(back).content)
        self.assertEqual(page.xpath("//input[@id='pl-part']/@value"), ["300.50"])
        page = html.fromstring(self._get(link, f"?lang=en_US&method={option}&part=other&amount=abc").content)
        self.assertIn("not an amount", page.xpath("string(//*[@id='pl-part-problem'])"))
        self._pay_elsewhere()
        provider, method = self.dummy_provider.sudo(), self.dummy_provider.payment_method_ids[:1].sudo()
        self.assertFalse(provider._paylink_shows_fields(method))
        provider.inline_form_view_id = self.provider.sudo().inline_form_view_id
        for code, method_code, here in (
            ("xendit", "card", True),
            ("xendit", "dana", False),
            ("mollie", "card", True),
        ):
            with self.subTest(code=code, method=method_code):
                self.env.flush_all()
                self.env.cr.execute("UPDATE payment_provider SET code = %s WHERE id = %s", [code, provider.id])
                self.env.cr.execute("UPDATE payment_method SET code = %s WHERE id = %s", [method_code, method.id])
                self.env.invalidate_all()
                self.assertEqual(provider._paylink_shows_fields(method), here)
        provider.redirect_form_view_id = provider.inline_form_view_id = False
        self.assertTrue(provider._paylink_shows_fields(method), "It has no page of its own")

    def test_provider_that_is_asked_while_its_form_is_made(self):
        """It may be silent: one worker is left to others, and no row is held. What it refuses ends the attempt."""
        option, link = self._pay_elsewhere(), self._link(self._invoice())
        with self._busy():
            answer = self._send_form(link, option=option)
        self.assertIn("try again in a minute", answer.text)
        self.assertFalse(link.transaction_ids)

        def ask(_transaction, _values):
            with closing(sql_db.db_connect(self.env.cr.dbname).cursor()) as others:
                answer = f"A slot is free: {locks.take_slot(others)}."
            raise ValidationError(answer)

        self.patch(locks, "THREADS", 1)
        self.patch(type(self.env["payment.transaction"]), "_get_specific_rendering_values", ask)
        answer = self._send_form(link, option=option)
        self.assertEqual((answer.status_code, "A slot is free: False." in answer.text), (422, True))
        self.env.invalidate_all()
        self.assertEqual(link.transaction_ids.mapped("state"), ["error"], "It was committed before")
        for provider_id in (True, "1", [], -1, 2**40, None, self.provider.id):
            self.assertFalse(self.env["payment.provider"]._paylink_asked_for_form(provider_id))
        form_on_our_page = self.dummy_provider.new({"code": "stripe"})  # Odoo's own makes its intent meanwhile
        self.assertTrue(form_on_our_page._paylink_asked_for_form_general())

    def test_what_is_offered_is_remembered(self):
        """However many amounts a visitor makes up, it is looked up once; where there is a limit the amount counts."""
        link = self._link(self._invoice(), allow_partial=True)
        Provider, asked = type(self.env["payment.provider"]), []
        look_up = Provider._paylink_options

        def spy(provider, *args):
            asked.append(args)
            return look_up(provider, *args)

        self.patch(Provider, "_paylink_options", spy)
        self.provider.name = "Another"  # whatever was remembered before
        for amount in range(1, 6):
            self.assertTrue(self._offered(link, f"?amount={amount}"))
        self.assertEqual(len(asked), 1)
        self.provider.maximum_amount = 3
        told = ["up to" in self._get(link, f"?lang=en_US&amount={amount}").text for amount in (2, 4)]
        self.assertEqual(told, [False, True])
        fixed = self._link(self._invoice())
        self.assertFalse(self._offered(fixed))

    def test_change_of_what_is_offered_is_seen_at_once(self):
        link = self._link(self._invoice())
        method = self.provider.payment_method_ids.filtered("active")[:1]
        self.assertTrue(self._offered(link))
        method.name = "Pay in shells"
        self.assertIn("Pay in shells", self._get(link, "?lang=en_US").text)
        for values in ({"is_published": False}, {"state": "disabled", "is_published": True}):
            with self.subTest(values):
                self.provider.write(values)
                self.assertFalse(self._offered(link))
        self.provider.state = "test"
        self.assertTrue(self._offered(link))

    def _offered(self, link, path=""):
        return f'value="{self.provider.id}-' in self._get(link, path).text

    def test_wire_transfer_of_odoos_own_provider_is_told(self):
        """Who has chosen it sees where to send the money, as that provider says it; and may still pay otherwise."""
        link = self._link(self._invoice())
        transaction = self._attempt(link)
        self.env.cr.execute("UPDATE payment_provider SET code = 'custom' WHERE id = %s", [self.provider.id])
        self.provider.invalidate_recordset(["code"])
        self.provider.sudo().write({"pending_msg": "<p>Send it to FR99</p>", "is_published": False})
        for tell, told in ((lambda: None, False), (transaction._set_pending, True), (transaction._set_canceled, False)):
            tell()
            page = self._get(link, "?lang=en_US").text
            found = [text in page for text in ("<p>Send it to FR99</p>", "You chose to pay")]
            self.assertEqual(found, [told] * 2, html.fromstring(page).xpath("//main")[0].text_content())

    def test_transfer_and_qr(self):
        """Also where reportlab, with which Odoo draws barcodes, has no renderer: on Python 3.12 and above."""
        self.patch(type(self.env["ir.actions.report"]), "barcode", Mock(side_effect=ImportError("no renderPM")))
        link = self._link(self._invoice(currency_id=self.currency_euro.id))
        page = self._get(link)
        self.assertIn("FR76", page.text)
        self.assertIn(link.name, page.text)
        image = self._get(link, "/qr")
        self.assertEqual(image.headers["Content-Type"], "image/png")
        self.assertEqual(image.content[:4], b"\x89PNG")

    def test_no_qr_of_what_is_no_sepa_transfer(self):
        """An IBAN of a country outside of SEPA has no picture, rather than a broken one."""
        self.bank_account.acc_number = "TN5910006035183598478831"
        link = self._link(self._invoice(currency_id=self.currency_euro.id))
        page = self._get(link)
        self.assertIn("TN59", page.text)
        self.assertNotIn("/qr", page.text)
        self.assertEqual(self._get(link, "/qr").status_code, 404)

    def test_documents_are_the_links_own(self):
        """A line of another link is not found with this link's token."""
        link, other = self._link(self._invoice()), self._link(self._invoice(self.john))
        link.line_ids.move_id.invoice_pdf_report_file = "JVBERi0xLjQK"
        own = self._get(link, f"/document/{link.line_ids.id}")
        self.assertEqual((own.status_code, own.headers["Content-Type"]), (200, "application/pdf"))
        self.assertEqual(self._get(link, f"/document/{other.line_ids.id}").status_code, 404)

    def test_receipt(self):
        link = self._link(self._invoice())
        self.assertEqual(self._get(link, "/receipt").status_code, 404)
        self._pay(link)
        receipt = self._get(link, "/receipt")
        self.assertEqual(receipt.status_code, 200)
        self.assertRegex(receipt.headers["Content-Disposition"], "^inline")

    def _token_addresses(self, token):
        """The addresses of our routes that anybody may call, as Odoo knows them, with ``token`` wherever they take one
        in the path or as a parameter.
        """
        for rule in self.env["ir.http"].routing_map().iter_rules():
            endpoint = rule.endpoint
            if not endpoint.__module__.startswith("odoo.addons.paylink_") or endpoint.routing["auth"] == "user":
                continue
            names = rule.arguments | set(inspect.signature(endpoint.original_endpoint).parameters)
            tokens = {name: token for name in names if "token" in name}
            if tokens:
                _domain, address = rule.build(dict.fromkeys(rule.arguments, 7) | tokens)
                yield address

    def test_tokens_are_not_logged(self):
        """The line of each request is logged, its token is not."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        addresses = list(self._token_addresses(token))
        for path in (f"/pay/{token}", f"/account/{token}/pay", f"/paylink/stripe/return?token={token}"):
            self.assertIn(path, addresses)
        for address in addresses:
            with self.subTest(address), self.assertLogs("werkzeug", logging.INFO) as logs:
                self.url_open(address)
                self.assertIn(address.replace(token, "…"), "\n".join(logs.output))

    def test_tokens_are_not_logged_with_anything_else(self):
        """A refused form, a stuck server: whoever writes addresses, and however they are written."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        lines = {
            f"CSRF validation failed on path '/account/{token}/pay'": "CSRF validation failed on path '/account/…/pay'",
            f"(url:https://example.com/pay/{token}?lang=fr) (qc:3)": "(url:https://example.com/pay/…?lang=fr) (qc:3)",
            f"GET //Pay//{token.replace('-', '%2D')} ": "GET //Pay//… ",
            "GET /pay/a /account/init 100%": "GET /pay/a /account/init 100%",
        }
        for name in LOGGERS:
            for line, logged in lines.items():
                with self.subTest(name, line=line), self.assertLogs(name, logging.INFO) as logs:
                    logging.getLogger(name).info("%s", line)
                    self.assertEqual(logs.records[0].getMessage(), logged)

    # === PORTAL === #

    def test_portal_users_see_their_own(self):
        user = self._create_new_portal_user(login="client")
        user.partner_id.parent_id = self.marie
        own, other = self._link(self._invoice()), self._link(self._invoice(self.john))
        draft = self.env["paylink.link"].create({"partner_id": self.marie.id, "amount": 5})
        self.authenticate("client", "client")
        page = self.url_open("/my/payment_links").text
        self.assertIn(own.access_token, page)
        self.assertNotIn(other.access_token, page)
        self.assertNotIn(draft.name, page)
        self.assertEqual(self.env["paylink.link"].with_user(user).search([]), own)
