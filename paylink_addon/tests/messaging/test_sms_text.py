from odoo.tests import tagged

from ...tools.gsm import sms_size, sms_text
from ..common import PaylinkCommon


@tagged("post_install", "-at_install")
class TestSmsText(PaylinkCommon):
    """What an SMS says is never lost, and its price is known."""

    def test_letters_are_never_lost(self):
        cases = {
            "Crêpes, œufs – 12,50\u202f€": ("Crepes, oeufs - 12,50 €", (160, 1)),
            "Łódź Wałęsa": ("Łódź Wałęsa", (70, 1)),
            "Київ": ("Київ", (70, 1)),
            "日本": ("日本", (70, 1)),
            "١٢": ("١٢", (70, 1)),
            "Merci 🙂": ("Merci ", (160, 1)),
            "К" * 71: ("К" * 71, (70, 2)),
            "😀К" * 40: ("😀К" * 40, (70, 2)),
            "a" * 161: ("a" * 161, (160, 2)),
            "€" * 81: ("€" * 81, (160, 2)),
        }
        for text, (expected, size) in cases.items():
            with self.subTest(text=text):
                self.assertEqual(sms_text(text), expected)
                self.assertEqual(sms_size(expected)[1:], size)

    def test_amounts_keep_their_currency(self):
        """The ISO code stands where GSM can't write the symbol of the link's currency."""
        for code in ("KWD", "PLN", "CZK", "BGN", "JOD", "UAH", "ILS"):
            currency = self.env["res.currency"].with_context(active_test=False).search([("name", "=", code)])
            currency.active = True
            with self.subTest(currency=code):
                link = self._free_link(amount=12, currency_id=currency.id, partner_id=self.john.id)
                text = link._sms_text(link.amount_display)
                self.assertIn(code, text)
                self.assertEqual(sms_size(text).limit, 160)

    def test_foreign_name_is_sent_and_its_price_told(self):
        self.company.name = "Київська майстерня «Світанок»"
        self.john.phone = "+33639981234"
        wizard = self._wizard(self._invoice(self.john), send_email=False, send_sms=True)
        self.assertIn("Київська", wizard.sms_body)
        self.assertIn("not in the alphabet", wizard.sms_warning)
        link = self._sent(wizard)
        domain = [("mail_message_id.model", "=", "paylink.link"), ("mail_message_id.res_id", "=", link.id)]
        sms = self.env["sms.sms"].sudo().search(domain)
        self.assertIn("Київська", sms.body)
        self.assertIn(link.url, sms.body)
