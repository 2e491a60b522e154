import json
import tempfile
from datetime import timedelta
from pathlib import Path

from odoo import fields
from odoo.tests import tagged

from ..browser_common import PhoneCommon
from ..reminder.reminder_common import ReminderCommon
from .answer_common import AnswerMixin

# What sticks out of the screen, hidden texts for those who listen aside.
STICKS_OUT = """[...document.querySelectorAll('body *:not(.pl-hidden)')]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5)
    .map((one) => one.outerHTML).join()"""


@tagged("post_install", "-at_install")
class TestAnswersBrowser(AnswerMixin, PhoneCommon, ReminderCommon):
    """On a French phone, without scripts: each answer, what the page says of it, what reminders do, and taken back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rule = cls._rule(days=(3,))
        due = fields.Date.today() - timedelta(days=5)
        cls.invoice = cls._invoice(amount=120, invoice_date=due - timedelta(days=30), invoice_date_due=due)
        cls.link = cls._link(cls.invoice)
        cls.day = cls.link._today() + timedelta(days=6)

    def test_answers(self):
        """One after the other, on one phone."""
        day, today = f"{self.day:%d/%m/%Y}", f"{self.link._today():%d/%m/%Y}"
        answers = {
            "promise": ({"date": str(self.day)}, [f"Vous paierez le {day}", "nous ne vous relançons pas"]),
            "transfer": (
                {"amount": "99,50", "account": "0189"},
                ["99,50", f"le {today}", "Nous ne vous relançons pas d'ici au"],
            ),
            "objection": ({"note": "La porte est rayée."}, ["Vous nous avez signalé", self.invoice.name]),
        }
        with self._browse(f"/pay/{self.link.access_token}", scripts=False) as evaluate:
            self.assertTrue(self._is_reminded_of())
            for kind, (said, texts) in answers.items():
                with self.subTest(kind):
                    shown = self._answer(evaluate, kind, said)
                    for text in texts:
                        self.assertIn(text, shown)
                    self.assertFalse(self._is_reminded_of())
                    evaluate("document.querySelector('.pl-answer form button').click()")
                    self._wait(
                        evaluate, "document.querySelector('#pl-answers') && !document.querySelector('.pl-answer')"
                    )
                    self.assertTrue(self._is_reminded_of())
            shown = self._answer(evaluate, "forward", {"email": "compta@cabinet.fr", "lang": "en_US"})
            self.assertIn("Cette page a été envoyée à c…@cabinet.fr", shown)
            self.assertFalse(evaluate("document.querySelector('.pl-answer form')"), "What is sent is sent")
        answers = self._answers(self.link).grouped("kind")
        files = answers["objection"].attachment_ids.sudo()
        self.assertEqual(files.mapped("mimetype"), ["application/pdf"])
        [mail] = self.env["mail.mail"].sudo().search([("email_to", "=", "compta@cabinet.fr")])
        self.assertEqual(mail.state, "outgoing")
        self.assertIn("Amount to pay", mail.body_html)
        self.assertEqual(answers["forward"].state, "standing")

    def _answer(self, evaluate, kind, said):
        """Go to the forms, fill in that of ``kind`` and send it; what the page to pay says then."""
        evaluate("document.querySelector('#pl-answers a[href$=\"/answer\"]').click()")
        form = f"#pl-answer-{kind}"
        self._wait(evaluate, f"document.querySelector('{form} form')")
        self.assertFalse(evaluate("document.querySelector('details[open]')"))
        evaluate(f"document.querySelector('{form} summary').click()")
        self._wait(evaluate, f"document.querySelector('{form}[open]')")
        for name, value in said.items():
            evaluate(f"document.querySelector('{form} [name={name}]').value = {json.dumps(value)}")
        if kind == "objection":
            evaluate(f"document.querySelector('{form} [name=reason][value=other]').click()")
            self._choose_file(evaluate, f"{form} [name=file]")
        self.assertFalse(evaluate(STICKS_OUT))
        evaluate(f"document.querySelector('{form} form button').click()")
        self._wait(evaluate, "document.querySelector('main[data-view=pay] .pl-answer')")
        self.assertFalse(evaluate(STICKS_OUT))
        return evaluate("document.querySelector('.pl-answer p').textContent")

    def _choose_file(self, evaluate, selector):
        """As the browser's own dialog does."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = Path(folder.name, "rayure.pdf")
        file.write_bytes(b"%PDF-1.4\n%%EOF\n")
        ask = evaluate.browser._websocket_request
        root = ask("DOM.getDocument")["root"]["nodeId"]
        node = ask("DOM.querySelector", params={"nodeId": root, "selector": selector})["nodeId"]
        ask("DOM.setFileInputFiles", params={"files": [str(file)], "nodeId": node})

    def _is_reminded_of(self):
        """Whether the rule picks the invoice."""
        with self._undisturbed():
            return self.invoice.id in [pick.move_id for pick in self.rule._pick(fields.Date.today())]
