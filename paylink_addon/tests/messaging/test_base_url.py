from odoo.exceptions import ValidationError
from odoo.tests import tagged

from ..common import PaylinkCommon

GOOD = {
    "https://pay.example.com": "https://pay.example.com",
    " https://pay.example.com/ ": "https://pay.example.com",
    "http://localhost:8069": "http://localhost:8069",
    "HTTPS://Pay.Example.com": "https://Pay.Example.com",
    "https://paiement.établissements-lambert.example": "https://paiement.établissements-lambert.example",
    "http://192.168.1.4": "http://192.168.1.4",
    "http://[2001:db8::1]:8069": "http://[2001:db8::1]:8069",
}
BAD = (
    "pay.example.com",
    "//pay.example.com",
    "javascript:alert(1)",
    "javascript://pay.example.com/%0aalert(1)",
    "data:text/html,x",
    "ftp://pay.example.com",
    "https:/pay.example.com",
    "https://",
    "https:///pay",
    "https://pay.example.com/shop",
    "https://pay.example.com?x=1",
    "https://pay.example.com/?x=1",
    "https://pay.example.com#x",
    "https://user:secret@pay.example.com",
    "https://pay.example.com@evil.example",
    "https://pay example.com",
    "https://pay.example.com\\@evil.example",
    "https://pay.example.com:0",
    "https://pay.example.com:99999",
    "https://pay..example.com",
    "https://pay.example.com\nX: 1",
    'https://pay.example.com"><script>',
    "https://[::1",
)


@tagged("post_install", "-at_install")
class TestBaseUrl(PaylinkCommon):
    """The address of a company's pages: one of a server, or refused with words; what is there already does no harm."""

    def test_addresses(self):
        for text, address in GOOD.items():
            with self.subTest(text):
                self.company.paylink_base_url = text
                self.assertEqual(self.company._paylink_base_url(), address)

    def test_what_is_none_is_refused(self):
        settings = self.env["res.config.settings"].new({"company_id": self.company.id})
        for text in BAD:
            with self.subTest(text):
                with self.assertRaisesRegex(ValidationError, "is not a web address"):
                    self.company.paylink_base_url = text
                with self.assertRaisesRegex(ValidationError, "is not a web address"):
                    settings.paylink_base_url = text
                    settings._onchange_paylink_base_url()

    def test_what_was_written_before_counts_as_nothing(self):
        link = self._link(self._invoice())
        for text in BAD:
            with self.subTest(text):
                self.env.flush_all()
                self.env.cr.execute(
                    "UPDATE res_company SET paylink_base_url = %s WHERE id = %s", [text, self.company.id]
                )
                self.env.invalidate_all()
                self.assertEqual(link.url, f"https://pay.example.com/pay/{link.access_token}")
