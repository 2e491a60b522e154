from odoo.tests import tagged

from ..browser_common import PhoneCommon
from .open_common import OpenCommon


@tagged("post_install", "-at_install")
class TestCardBrowser(OpenCommon, PhoneCommon):
    """The customer's pages in a real browser, in French, at the width of a phone."""

    def _fits(self, evaluate):
        self.assertLessEqual(evaluate("document.documentElement.scrollWidth"), 390, "nothing sticks out on a phone")
        self.assertEqual(evaluate("document.documentElement.lang"), "fr-FR")

    def _press(self, evaluate, wait_for):
        evaluate("document.querySelector('#pl-main form button[type=submit]').click()")
        self._wait(evaluate, f"document.readyState == 'complete' && document.querySelector('{wait_for}')")
        self._fits(evaluate)

    def _agree_and_store(self, evaluate):
        evaluate("document.querySelector('input[name=agreed]').click()")
        self._press(evaluate, self.PAY)
        self._submit(evaluate, "done")
        self._wait(evaluate, "document.querySelector('.pl-success')")
        self._fits(evaluate)

    def test_a_customer_stores_a_card(self):
        request = self._card_request()
        with self._browse(f"/card/{request.access_token}") as evaluate:
            self._fits(evaluate)
            self.assertIn("J'autorise", evaluate("document.body.innerText"))
            self._agree_and_store(evaluate)
        self.assertEqual((request.state, request.token_id.partner_id), ("stored", self.marie))

    def test_anyone_stores_a_card(self):
        path = f"/card/open/{self.page.public_token}?lang=fr_FR"
        with self._browse(path) as evaluate:
            self._fits(evaluate)
            for name, value in {"name": "Ada Martin", "company": "Atelier", "email": "ada@example.com"}.items():
                evaluate(f"document.querySelector('#pl-{name}').value = '{value}'")
            self._press(evaluate, "#pl-code")
            with self._undisturbed():
                code = self._code()
            evaluate(f"document.querySelector('#pl-code').value = '{code}'")
            self._press(evaluate, "input[name=agreed]")
            self._agree_and_store(evaluate)
        request = self.env["paylink.card.request"].search([("template_id", "=", self.page.id)])
        self.assertEqual((request.linking, request.customer_name), ("to_link", "Atelier, Ada Martin"))
