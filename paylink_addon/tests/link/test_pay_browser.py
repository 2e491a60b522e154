from lxml import html
from odoo import Command
from odoo.tests import tagged

from ..browser_common import PhoneCommon


@tagged("post_install", "-at_install")
class TestPayBrowser(PhoneCommon):
    """The customer's page in a real browser, at the width of a phone, across its own navigation."""

    def test_pay(self):
        """Opened, paid, booked, and the page says so, in French."""
        link = self._link(self._invoice(amount=120))
        with self._browse(f"/pay/{link.access_token}") as evaluate:
            for place in (".pl-total", self.PAY):
                self.assertIn("120", evaluate(f"document.querySelector('{place}').innerText"))
            self.assertLessEqual(evaluate("document.documentElement.scrollWidth"), 390, "nothing sticks out on a phone")
            self._submit(evaluate, "done")
            self._wait(evaluate, "document.querySelector('.pl-success')")
            self.assertIn("Merci", evaluate("document.querySelector('.pl-success h1').innerText"))
        self.assertEqual((link.state, link.line_ids.move_id.payment_state), ("paid", "paid"))
        self.assertTrue(link.opened_at)

    def test_what_is_seen_first(self):
        """The amount, what it is for and the button: however long the names are, and however much there is to pay."""
        self.company.name = "Établissements Vandenbroucke-Desrousseaux et Fils, Matériaux de Construction du Nord"
        self.marie.name = "Société Coopérative Agricole des Producteurs Réunis de la Vallée de la Haute-Garonne"
        for count in (1, 12):
            with self.subTest(documents=count):
                invoices = [
                    self._invoice(
                        amount=1000,
                        ref=f"Chantier de la gare, lot {number}",
                        name=f"FACTURE/2026/{count:03}{number:06}",
                    )
                    for number in range(count)
                ]
                link = self._link(self.env["account.move"].union(*invoices), allow_partial=True)
                self._attempt(link)._set_error("Votre carte a été refusée par votre banque.")
                with self._browse(f"/pay/{link.access_token}") as evaluate:
                    self.assertLessEqual(evaluate("document.documentElement.scrollWidth"), 390)
                    for seen in (".pl-total", ".pl-subject", self.PAY):
                        bottom = evaluate(f"document.querySelector('{seen}').getBoundingClientRect().bottom")
                        self.assertLessEqual(bottom, 844, seen)

    def test_pending_page_follows_the_payment(self):
        """The page of a payment in progress becomes that of a paid one without anybody touching it."""
        link = self._link(self._invoice(amount=120))
        with self._browse(f"/pay/{link.access_token}") as evaluate:
            self._submit(evaluate, "pending")
            self._wait(evaluate, "document.querySelector('main[data-view=progress]')")
            with self._undisturbed():
                self.assertEqual(link.state, "pending")
                link.transaction_ids._set_done()
            self._wait(evaluate, "document.querySelector('.pl-success')")
        self.assertEqual(link.line_ids.move_id.payment_state, "paid")

    def test_following_ends_where_nobody_looks(self):
        """In a hidden tab, and after an hour: then it is for the customer to look again, as without scripts."""
        link = self._link(self._invoice())
        self._attempt(link)._set_pending()
        path = f"/pay/{link.access_token}"
        page = html.fromstring(self.url_open(path).content)
        self.assertEqual(page.xpath("//p[@id='pl-look'][not(@hidden)]/a/@href"), [path])
        self.assertTrue(page.xpath("//p[@id='pl-following'][@hidden]"))
        hidden = "[...document.querySelectorAll('#pl-following, #pl-look')].map((one) => one.hidden).join()"
        happen = "document.dispatchEvent(new Event('visibilitychange')); planned"
        show = "Object.defineProperty(document, 'visibilityState', {{value: '{}', configurable: true}})"
        with self._browse(path) as evaluate:
            self.assertEqual(evaluate(hidden), "false,true")
            evaluate("var planned = 0; window.setTimeout = () => (planned += 1)")
            self.assertEqual(evaluate(f"{show.format('hidden')}; planned = 0; {happen}"), 0)
            self.assertGreater(evaluate(f"{show.format('visible')}; {happen}"), 0)
            self.assertEqual(evaluate(f"Date.now = () => 9e15; planned = 0; {happen}"), 0)
            self.assertEqual(evaluate(hidden), "true,false")

    def test_declined_then_paid(self):
        link = self._link(self._invoice(amount=120))
        with self._browse(f"/pay/{link.access_token}") as evaluate:
            self._submit(evaluate, "error")
            self._wait(evaluate, "document.querySelector('.pl-alert-danger')")
            self._submit(evaluate, "done")
            self._wait(evaluate, "document.querySelector('.pl-success')")
        self.assertEqual((link.state, link.attempt_count), ("paid", 2))

    def test_paid_on_another_tab(self):
        """Who presses *Pay* sees that it is paid; so does who comes back to the tab. No error, and no button."""
        back = "document.dispatchEvent(new Event('visibilitychange'))"
        press = f"document.querySelector('{self.PAY}').click()"
        for touch in (press, back):
            with self.subTest(touch):
                link = self._link(self._invoice(amount=120))
                with self._browse(f"/pay/{link.access_token}") as evaluate:
                    with self._undisturbed():
                        self._pay(link)
                    evaluate(touch)
                    self._wait(evaluate, "document.querySelector('.pl-success')")
                self.assertEqual(len(link.transaction_ids), 1)

    def test_amount_that_has_changed(self):
        """It is said beside the new one: on the page, and on that with the fields of a method."""
        invoice = self._invoice(amount=120)
        link = self._link(invoice)
        with self._browse(f"/pay/{link.access_token}") as evaluate:
            with self._undisturbed():
                self._register_payment(invoice, amount=20)
            self._press_pay(evaluate)
            self._wait(evaluate, "document.querySelector('.pl-form [role=alert]')")
            self.assertIn("100", evaluate("document.querySelector('h1.pl-total').innerText"))
            self._press_pay(evaluate)
            self._wait(evaluate, "document.querySelector('button[name=o_payment_submit_button]:not(:disabled)')")
            with self._undisturbed():
                self._register_payment(invoice, amount=30)
            evaluate("document.querySelector('button[name=o_payment_submit_button]').click()")
            self._wait(evaluate, "document.querySelector('.modal-footer .btn-primary')")
            evaluate("document.querySelector('.modal-footer .btn-primary').click()")
            self._wait(evaluate, "document.querySelector('h1.pl-total').innerText.includes('70')")

    def test_what_is_typed_is_paid_by_the_one_button(self):
        """No second button; what can't be read is told beside the field, and stands there still."""
        link = self._link(self._invoice(amount=1000), allow_partial=True)
        problem = "document.querySelector('#pl-part-problem')"
        with self._browse(f"/pay/{link.access_token}") as evaluate:
            # Who has made a transfer tells it by a form of its own.
            buttons = "document.querySelectorAll('main button[type=submit]:not(.pl-button-light)').length"
            self.assertEqual(evaluate(buttons), 1)
            # Without an event another amount is selected: what is meant is asked.
            for text, event in (("300", "none"), ("abc", "none"), ("1000,01", "input")):
                evaluate(f"document.querySelector('#pl-part').value = '{text}'")
                evaluate(f"document.querySelector('#pl-part').dispatchEvent(new Event('{event}'))")
                evaluate("window.isBefore = true")
                self._press_pay(evaluate)
                self._wait(evaluate, f"!window.isBefore && document.readyState == 'complete' && !{problem}.hidden")
                self.assertEqual(evaluate("document.querySelector('#pl-part').value"), text)
            evaluate("document.querySelector('#pl-part').value = '300,50'")
            self._submit(evaluate, "done")
            self._wait(evaluate, "document.querySelector('.pl-alert[role=status]')")
            self.assertIn("300,50", evaluate("document.querySelector('.pl-alert[role=status]').innerText"))
            self.assertIn("699,50", evaluate("document.querySelector('h1.pl-total').innerText"))
        self.assertEqual(link.transaction_ids.mapped("amount"), [300.5])

    def test_installments_are_paid_one_by_one_or_all(self):
        """A link for the one that is due: all of them are paid by one press, too."""
        terms = self.env["account.payment.term"].create(
            {
                "name": "30, 70",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": share, "nb_days": days})
                    for share, days in ((30, 0), (70, 30))
                ],
            }
        )
        invoice = self._invoice(amount=1000, invoice_payment_term_id=terms.id)
        link = self._sent(self._wizard(invoice))
        with self._browse(f"/pay/{link.access_token}") as evaluate:
            self.assertIn("300,00", evaluate("document.querySelector('h1.pl-total').innerText"))
            button = f"document.querySelector('{self.PAY}').innerText"
            self.assertIn("300,00", evaluate(button))
            evaluate("document.querySelector('.pl-part input[value=whole]').click()")
            self.assertRegex(evaluate(button), r"1\s000,00")
            self._submit(evaluate, "done")
            self._wait(evaluate, "document.querySelector('.pl-success')")
        self.assertEqual((link.widened_ids.transaction_ids.amount, invoice.payment_state), (1000, "paid"))

    def test_a_look_without_a_touch_does_not_open(self):
        """Scripts run in a mail scanner too; only a touch counts as a person."""
        link = self._link(self._invoice())
        ready = f"document.querySelector('{self.PAY}:not(:disabled)')"
        answered = "window.answered"
        listen = "const ask = fetch; fetch = (...args) => ask(...args).then(() => { window.answered = true; });"
        touched = f"{listen} window.dispatchEvent(new Event('scroll'));"
        # The database is asked only when the browser is gone: until then its requests use the same connection.
        for touch, condition in (("", ready), (touched, answered)):
            with self.subTest(touch=touch):
                with self._browse(f"/pay/{link.access_token}") as evaluate:
                    self._wait(evaluate, ready)
                    evaluate(touch)
                    self._wait(evaluate, condition)
                self.assertEqual(bool(link.opened_at), bool(touch))

    def test_closed_link_leads_on(self):
        """An expired link offers to ask for a new one, and the owner is told."""
        link = self._link(self._invoice())
        link.action_cancel()
        with self._browse(f"/pay/{link.access_token}") as evaluate:
            evaluate("document.querySelector('form[action$=renew] button').click()")
            self._wait(evaluate, "location.pathname.endsWith('/renew')")
        self.assertEqual(link.activity_ids.user_id, link.user_id)
