import base64
from email import message_from_string, policy
from urllib.parse import quote

from markupsafe import Markup
from odoo.tests import tagged

from ...tools.quotes import TOKEN_LENGTH
from ..common import PaylinkCommon

OUTLOOK = "https://eur03.safelinks.protection.outlook.com/?url={}&data=05%7C02%7Cmarie%40example.com"
EMAIL = """From: Marie <marie@example.com>
To: sales@example.com
Subject: {url}
Message-Id: <quotes@example.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="part"

--part
Content-Type: text/plain; charset=utf-8

> {url}
--part
Content-Type: text/plain; charset=utf-8
Content-Disposition: attachment; filename="quoted.txt"

{url}
--part--
"""


def _encoded(address, times=1):
    return quote(_encoded(address, times - 1), safe="") if times else address


@tagged("post_install", "-at_install")
class TestQuotes(PaylinkCommon):
    """Whoever may read a chatter, or what an alias makes, does not get the address of a customer's page from it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.invoice = cls._invoice()
        cls.link = cls._link(cls.invoice)
        cls.statement = cls.env["paylink.statement"]._for_customers(cls.john)
        cls.statement._activate()
        # It has what gateways write in another way.
        cls.link.sudo().access_token = "Ab-c_d-E_f".ljust(TOKEN_LENGTH, "7")
        cls.portal = cls._create_new_portal_user(login="quotes-portal")
        cls.unknown = "https://shop.example.com/pay/" + "a" * TOKEN_LENGTH

    def _addresses(self, token, path="/pay"):
        """How the address of a page may be quoted."""
        address = f"https://former.example.com{path}/{token}"
        proofpoint = address.replace("-", "-2D").replace("_", "-5F").replace(":", "-3A").replace("/", "_")
        sophos = base64.b64encode(address.encode()).decode()
        return {
            "as it is": f"{self.company._paylink_base_url()}{path}/{token}",
            "of a former host": address,
            "of a host in the network": f"http://10.0.0.1:8069{path}/{token}/document/12?amount=5",
            "in a language": f"https://pay.example.com/fr{path}/{token}",
            "Outlook": OUTLOOK.format(_encoded(address)),
            "twice encoded": OUTLOOK.format(_encoded(address, 2)),
            "Outlook within Outlook": OUTLOOK.format(_encoded(OUTLOOK.format(_encoded(address)))),
            "Google": f"https://www.google.com/url?q={_encoded(address)}&source=gmail&ust=17",
            "Cisco": f"https://secure-web.cisco.com/1x2y/{_encoded(address)}",
            "Proofpoint 2": f"https://urldefense.proofpoint.com/v2/url?u={proofpoint}&d=DwMFaQ&c=x",
            "Proofpoint 3": f"https://urldefense.com/v3/__{address}__;!!Ab3!x$",
            "Sophos": f"https://eu.protection.sophos.com?d=example.com&u={sophos}&i=NjE",
            "letters by their codes": address.replace(token, f"%{ord(token[0]):x}{token[1:]}"),
            "JSON": address.replace("/", "\\/"),
        }

    def _says(self, text, address, token):
        """Whether ``text`` still leads to the page."""
        text = str(text)
        return address in text or Markup.escape(address) in text or token in text

    def test_answers(self):
        """By e-mail, as text or in a link; what is not ours stays."""
        for request in (self.link, self.statement):
            token = request.access_token
            for name, address in self._addresses(token, request._page_path).items():
                html = Markup('<p>Thanks! {} <a href="{}">pay</a> {}</p>').format(address, address, self.unknown)
                subject = f"Re: {address}"
                with self.subTest(name, page=request._name):
                    message = self.invoice.message_post(body=html, message_type="email", subject=subject)
                    self.assertFalse(self._says(message.body, address, token), message.body)
                    self.assertFalse(self._says(message.subject, address, token))
                    self.assertIn(self.unknown, message.body)
                    self.assertIn("…", message.body)
                    self.assertIn(">pay</a>", message.body)

    def test_address_of_an_attempt(self):
        """The customer's way to a provider and back leads to the page, too."""
        token = "0a1b" * 10
        address = f"https://pay.example.com/paylink/stripe/return?tx=12&token={token}"
        for name, quoted in (("as it is", address), ("Outlook", OUTLOOK.format(_encoded(address)))):
            with self.subTest(name):
                message = self.invoice.message_post(body=quoted, message_type="email")
                self.assertNotIn(token, message.body)

    def test_comments(self):
        """In the portal, also where they are changed; a colleague may send a customer the address."""
        url, token = self.link.url, self.link.access_token
        invoice = self.invoice.with_user(self.portal).sudo()
        texts = [f"It does not work: {url}", f"Try again: {url}"]
        comment = invoice.message_post(body=texts[0], message_type="comment")
        self.assertNotIn(token, comment.body)
        comment.body = f"Still not: {url}"
        self.assertNotIn(token, comment.body)
        answer = self.invoice.message_post(body=texts[1], message_type="comment")
        self.assertIn(token, answer.body)
        answer.body = f"Please: {url}"
        self.assertIn(token, answer.body)

    def test_aliases(self):
        """What is made of an e-mail has no other text than its message."""
        url, token = self.link.url, self.link.access_token
        message = message_from_string(EMAIL.format(url=url), policy=policy.SMTP)
        parsed = self.env["mail.thread"].message_parse(message)
        for text in (parsed["subject"], parsed["body"], parsed["attachments"][0].content):
            self.assertIn("/pay/…", text)
            self.assertNotIn(token, text)
        self.assertEqual(parsed["attachments"][0].fname, "quoted.txt")

    def test_what_quotes_nothing_costs_nothing(self):
        Request = self.env["paylink.request.mixin"]
        plain = [f"<p>Payment of {number}: https://example.com/payments?a=b</p>" for number in range(50)]
        quoting = [*plain, self.link.url, self.statement.url, Markup("<p>{}</p>").format(self.unknown), False]
        self.env.flush_all()
        with self.assertQueryCount(0):
            self.assertEqual(Request._without_tokens(plain), plain)
        with self.assertQueryCount(1):
            cleaned = Request._without_tokens(quoting)
        self.assertEqual(cleaned[:50] + cleaned[52:], quoting[:50] + quoting[52:])
        self.assertNotIn(self.link.access_token, cleaned[50])
        self.assertIsInstance(cleaned[52], Markup)
