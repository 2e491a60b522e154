from datetime import timedelta
from unittest.mock import patch

from lxml import html
from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ...models.answer import paylink_answer, paylink_answer_forward
from .answer_common import AnswerCommon


@tagged("post_install", "-at_install")
class TestForward(AnswerCommon):
    """A customer has the link sent to the accountant."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._user("seller", "paylink_addon.group_paylink_user", email="s@example.com")
        cls.link = cls._link(cls._invoice(), user_id=cls.seller.id)

    def _forward(self, email="Compta@cabinet.fr", link=None, **said):
        return self._send(link or self.link, "forward", email=email, lang="fr_FR", **said)

    def _sent_to(self, email="compta@cabinet.fr"):
        return self.env["mail.mail"].sudo().search([("email_to", "=", email)], order="id")

    def test_link_goes_to_one_more_address(self):
        """In the language that was chosen; the customer's own messages go where they went."""
        emails = self.link.email
        [form] = self._page(self.link, "/answer")[1].xpath("//form[contains(@action, '/answer/forward')]")
        self.assertEqual(form.xpath(".//option[@selected]/@value"), ["fr_FR"])
        for lang, word in (("fr_FR", "Montant"), ("en_US", "Amount to pay")):
            with self.subTest(lang):
                response = self._send(self.link, "forward", email=f"Compta <{lang}@cabinet.fr>", lang=lang)
                self.assertEqual(response.status_code, 303)
                [mail] = self._sent_to(f"{lang.lower()}@cabinet.fr")
                self.assertEqual(mail.state, "outgoing")
                self.assertIn(word, mail.body_html)
                self.assertIn(self.marie.name, mail.body_html)
        self.assertEqual((self.link.email, len(self._time_line(self.link, "forwarded"))), (emails, 2))
        told = self._told(self.link)
        self.assertEqual(told.partner_ids, self.seller.partner_id)
        self.assertIn("fr_fr@cabinet.fr", "".join(told.mapped("body")))
        self.assertIn("en_us@cabinet.fr", self._answers(self.link)[:1].text)
        self.assertIn("en_us@cabinet.fr", self.link.line_ids.move_id.paylink_last_answer)
        shown = self._page(self.link)[1].get_element_by_id("pl-answers").text_content()
        self.assertIn("f…@cabinet.fr", shown)
        self.assertNotIn("fr_fr@", shown)

    def test_all_of_it_is_in_the_language_that_was_chosen(self):
        """(the link's, what was chosen) → amount, days, what it is for, and the language its addresses open in."""
        days = {"invoice_date": "2026-03-03", "invoice_date_due": "2026-04-03"}
        moves = self.env["account.move"].union(*(self._invoice(amount=1234.5, **days) for _number in range(4)))
        for own in ("fr_FR", "en_US"):
            link = self._link(moves, lang=own, expires_at="2026-12-24 12:00:00")
            for lang, *told in (
                ("fr_FR", "4 938,00", "03/04/2026", "24/12/2026", "et 2 autres"),
                ("en_US", "4,938.00", "04/03/2026", "12/24/2026", "and 2 more"),
            ):
                with self.subTest(link=own, chosen=lang):
                    email = f"{own}.{lang}@cabinet.fr"
                    link.sudo()._forward(email, lang)
                    mail = self._sent_to(email)
                    body = html.fromstring(mail.body_html)
                    text = " ".join(body.text_content().split())
                    for words in told:
                        self.assertIn(words, text)
                    self.assertIn(told[0], " ".join(mail.subject.split()))
                    address = link.url if lang == own else f"{link.url}?lang={lang}"
                    self.assertEqual(set(body.xpath("//a/@href")), {address})
                    self.assertIn(address, body.xpath("//a/text()"))

    def test_nothing_that_was_typed_is_sent(self):
        """Whatever comes with the form: the message says what the company has on file."""
        words = {"note": "BUY NOW", "name": "BUY NOW", "subject": "BUY NOW", "text": "BUY NOW", "lang": "BUY NOW"}
        self._send(self.link, "forward", email='"BUY NOW" <compta@cabinet.fr>', **words)
        [mail] = self._sent_to()
        for field in ("subject", "body_html", "body", "email_to", "email_from", "reply_to", "headers"):
            self.assertNotIn("BUY", str(mail[field]), field)

    def test_what_is_no_address(self):
        cases = (
            *(
                "",
                "x",
                "a@b",
                "a@cabinet.fr, b@cabinet.fr",
                "a@cabinet.fr b@cabinet.fr",
                "a@cabinet.fr\nBcc: b@cabinet.fr",
            ),
            *("a@example.invalid", "\0@cabinet.fr", f"{'a' * 300}@cabinet.fr", "<script>@cabinet.fr"),
            *("é" * 2000, "a@cabinet.fr;b@cabinet.fr", "\u202e"),
        )
        for email in cases:
            with self.subTest(email=email[:40]):
                response = self._forward(email)
                self.assertEqual(response.status_code, 422)
                self.assertNotIn("<script>", response.text)
                self.assertIn('role="alert"', response.text)
        files = dict.fromkeys(("email", "lang", "line", "reason", "note", "date"), ("a@cabinet.fr", b"a@cabinet.fr"))
        for kind in ("forward", "objection", "promise", "transfer", "plan"):
            response = self.url_open(f"/pay/{self.link.access_token}/answer/{kind}", files=files)
            self.assertLess(response.status_code, 500, kind)
        self.assertFalse(self._answers(self.link))
        self.assertFalse(self.env["mail.mail"].sudo().search([("email_to", "ilike", "cabinet")]))

    def test_who_wants_no_messages(self):
        """Whoever has typed the address is not told so; staff are."""
        self.env["mail.blacklist"].sudo().create({"email": "no@cabinet.fr"})
        self.assertEqual(self._forward("no@cabinet.fr").status_code, 303)
        self.assertFalse(self._sent_to("no@cabinet.fr"))
        self.assertIn("not sent", self._answers(self.link).text)
        self.assertIn("n…@cabinet.fr", self._page(self.link)[1].get_element_by_id("pl-answers").text_content())

    def test_is_no_sending_of_the_owner(self):
        """What becomes of it says nothing of the customer's own messages."""
        before = self.link.delivery_state, len(self._time_line(self.link, "sent"))
        self._forward()
        self._sent_to().mail_message_id.notification_ids.notification_status = "exception"
        self.env.invalidate_all()
        self.assertEqual((self.link.delivery_state, len(self._time_line(self.link, "sent"))), before)
        self.assertEqual(len(self._time_line(self.link, "forward_sent")), 1)

    def test_all_addresses_that_are_replaced(self):
        """With a link that one is, too, to which it has led."""
        led_to = self._link(self._invoice(), user_id=self.seller.id)
        led_to.sudo().widened_from_id = self.link
        self._forward(link=led_to)
        self.link.action_replace_token()
        self.assertEqual(self._answers(led_to).state, "lifted")

    def test_limits(self):
        """By link, mailbox and network; what is too much is neither stored nor sent."""
        others = [self._link(self._invoice(), user_id=self.seller.id) for _number in range(4)]
        module = "odoo.addons.paylink_addon.tools.limits._network"
        cases = {
            "link": [{"email": f"l{n}@cabinet.fr", "link": self.link} for n in range(4)],
            "mailbox": [{"email": f"ca.binet+{n}@gmail.com", "link": link} for n, link in enumerate(others)],
        }
        with patch(module, return_value=None):
            for name, tries in cases.items():
                with self.subTest(name):
                    statuses = [self._forward(**said).status_code for said in tries]
                    self.assertEqual(statuses, [303, 303, 303, 429])
        with patch.dict(paylink_answer_forward.PLACES, {"network": 1}):
            statuses = [self._forward(f"n{n}@cabinet.fr", link=others[n]).status_code for n in range(2)]
            self.assertEqual(statuses, [303, 429])
        answers = self.env["paylink.answer"].search([("kind", "=", "forward")])
        self.assertEqual(len(answers), 7)
        with patch.object(paylink_answer, "PER_LINK", 1000), patch.object(paylink_answer, "EVER", 1000):
            rows = [
                {"kind": "forward", "link_id": others[3].id, "answered_at": fields.Datetime.now() - timedelta(hours=5)}
            ]
            self.env["paylink.answer"].sudo().create(rows * 10).flush_recordset()
            self.assertEqual(self._forward("d@cabinet.fr", link=others[3]).status_code, 429)

    def test_second_click(self):
        for _number in range(3):
            self.assertEqual(self._forward().status_code, 303)
        self.assertEqual((len(self._answers(self.link)), len(self._sent_to())), (1, 1))

    @mute_logger("odoo.http")
    def test_crash(self):
        """The message is queued with the answer, or not at all."""
        link = type(self.link)
        for name in ("_forward", "_create_emails"):
            with self.subTest(name), patch.object(link, name, side_effect=RuntimeError):
                self.assertEqual(self._forward().status_code, 500)
        forward = link._answer_forward
        with patch.object(link, "_answer_forward", lambda link_, said: forward(link_, said) and 1 / 0):
            self.assertEqual(self._forward().status_code, 500)
        self.assertFalse(self._answers(self.link))
        self.assertFalse(self._sent_to())

    def test_owner_replaces_the_address(self):
        """Then whoever was sent the old one has nothing; nothing else takes it back."""
        self._forward()
        [answer] = self._answers(self.link)
        self.assertFalse(answer.with_user(self.seller).can_lift)
        with self.assertRaises(UserError):
            answer.with_user(self.seller).action_lift()
        self._send(self.link, "forward/undo", answer=answer.id)
        self.assertEqual(answer.state, "standing")
        old = self.link.access_token
        self.link.with_user(self.seller).action_replace_token()
        self.assertEqual(answer.state, "lifted")
        self.assertEqual(self.url_open(f"/pay/{old}").status_code, 404)
        self.assertFalse(self._page(self.link)[1].get_element_by_id("pl-answers").xpath(".//*[@role='status']"))

    def test_help_says_what_is_true(self):
        text = self._page(self.link, "/help?lang=en_US")[1].text_content()
        self.assertNotIn("do not pass it on", text)
        self.assertIn("such as your accountant", text)
