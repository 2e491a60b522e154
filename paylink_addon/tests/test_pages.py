import re

from lxml import html
from odoo.tests import tagged

from .axe_common import AxeCommon
from .pages_common import LANGUAGES, PagesCommon

SCRIPTS = re.compile(r"<script\b.*?</script>|<noscript\b.*?</noscript>", re.DOTALL)


# What sticks out of the screen of a phone.
OUTSIDE = """
[...document.querySelectorAll("main *")].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width > 1 && !one.closest(".pl-hidden") && (box.left < -1 || box.right > innerWidth + 1);
}).map((one) => one.outerHTML.slice(0, 200))
"""
# What can be seen of what only scripts can do.
SCRIPTED = """
document.querySelectorAll("details").forEach((one) => (one.open = true));
[...document.querySelectorAll("button[type=button], #pl-following")].filter((one) => one.offsetParent).map(
    (one) => one.innerText.trim()
)
"""


@tagged("post_install", "-at_install")
class TestPages(PagesCommon, AxeCommon):
    """Everybody can use the customer's pages: in all languages, with a keyboard, with a screen reader."""

    def test_each_page_is_tried(self):
        """A new page belongs into :class:`PagesCommon`."""
        self._all_pages()
        self.assertFalse(self._page_templates() - self.rendered)

    def test_pages_are_read_from_the_side_of_their_language(self):
        for lang, pages in self._all_pages().items():
            for name, text in pages.items():
                with self.subTest(lang=lang, page=name):
                    root = html.fromstring(text)
                    self.assertEqual((root.get("lang"), root.get("dir")), (lang.replace("_", "-"), LANGUAGES[lang]))

    def test_no_barriers(self):
        """No violation of WCAG 2.2 AA that a program can find; nothing sticks out, nothing is dead without scripts."""
        pages, alive = self._all_pages(), set()
        with self._browse(f"/pay/{'x' * 24}") as evaluate:
            for lang in pages:
                for name, text in pages[lang].items():
                    with self.subTest(lang=lang, page=name):
                        self._show(evaluate, SCRIPTS.sub("", text))
                        self.assertFalse(self._violations(evaluate))
                        self.assertFalse(evaluate(OUTSIDE))
                        if "o_payment_form" not in text:  # such a page says that it needs them
                            alive.update(evaluate(SCRIPTED))
                            evaluate("document.documentElement.classList.remove('pl-scripted')")
                            self.assertFalse(evaluate(SCRIPTED))
        self.assertLessEqual({"Copier", "Imprimer"}, {text.split("\n")[0] for text in alive})

    # === KEYBOARD === #

    def test_keyboard_pays(self):
        """Ticked on the statement page, then paid; nothing is changed by who only passes by it."""
        link = self._link(self._invoice(amount=120), allow_partial=True)
        statement = self.env["paylink.statement"]._for_customers(self.marie)
        statement._activate()
        submit, path = "button[name=o_payment_submit_button]", self._path(link)
        with self._browse(f"/account/{statement.access_token}?lang=ar_001") as evaluate:
            self._tab_to(evaluate, "[data-pay]")
            self.assertIn("120.00", evaluate("document.activeElement.innerText"), "the digits of the server")
            evaluate(f"location.href = '{path}'")
            self._wait(evaluate, "document.querySelector('[data-view=pay]')")
            self._tab_to(evaluate, self.PAY)
            self._press(evaluate, "Enter")
            self._wait(evaluate, f"document.querySelector('{submit}:not(:disabled)')")
            self._tab_to(evaluate, submit)
            self._press(evaluate, "Enter")
            self._wait(evaluate, "document.querySelector('.pl-success')")
        self.assertEqual(link.state, "paid")

    def test_keyboard_answers(self):
        """Each form opens; one that is filled in already, and one in which something is chosen, are sent."""
        link = self._link(self._invoice())
        kinds = [kind for kind, _form in link.sudo()._answer_forms()]
        with self._browse(self._path(link)) as evaluate:
            self._tab_to(evaluate, "a[href$='/answer']")
            self._press(evaluate, "Enter")
            self._wait(evaluate, "document.querySelector('details')")
            for kind in kinds:
                self._tab_to(evaluate, f"#pl-answer-{kind} summary")
                self._press(evaluate, "Enter")
                self._wait(evaluate, f"document.querySelector('#pl-answer-{kind}').open")
            for kind, choice in (("promise", None), ("objection", "[name=reason]")):
                form = f"#pl-answer-{kind}"
                evaluate(f"location.assign('{self._path(link, f'/answer?kind={kind}')}')")
                self._wait(evaluate, f"location.search && document.querySelector('{form}[open]')")
                if choice:
                    self._tab_to(evaluate, f"{form} {choice}")
                    self._press(evaluate, " ")
                self._tab_to(evaluate, f"{form} button")
                self._press(evaluate, "Enter")
                self._wait(evaluate, "document.querySelector('[data-view=pay] .pl-answer')")
        self.assertIn("promise", kinds)
        answers = self.env["paylink.answer"].search([("link_id", "=", link.id)])
        self.assertEqual(answers.mapped("kind"), ["objection", "promise"])
        self.assertEqual(answers[0].reason, "amount")
