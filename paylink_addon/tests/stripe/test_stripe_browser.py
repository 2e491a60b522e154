from odoo.tests import tagged

from ..browser_common import PhoneCommon
from .stripe_common import StripeCommon


@tagged("post_install", "-at_install")
class TestStripeBrowser(PhoneCommon, StripeCommon):
    """A customer on a phone: the link's page, Stripe's page, and back, through every redirect and policy."""

    def setUp(self):
        super().setUp()
        self.company.paylink_base_url = self.base_url()
        self.link = self._free_link(120, currency_id=self.currency_euro.id)

    def _go_to_stripe(self, evaluate, total="120.00 EUR"):
        """Press the button of the link's page; wait for Stripe's."""
        self._press_pay(evaluate)
        self._wait(evaluate, "document.querySelector('#total')")
        self.assertEqual(evaluate("document.querySelector('#total').innerText"), total)

    def _click(self, evaluate, button):
        """Press one of the buttons of Stripe's page."""
        self._wait(evaluate, f"document.querySelector(\"button[value='{button}']\")")
        evaluate(f"document.querySelector(\"button[value='{button}']\").click()")

    def test_paid(self):
        with self._browse(f"/pay/{self.link.access_token}") as evaluate:
            self._go_to_stripe(evaluate)
            self._click(evaluate, "card")
            self._wait(evaluate, "document.querySelector('.pl-success')")
            self.assertIn(f"/pay/{self.link.access_token}", evaluate("location.href"))
        self.assertEqual((self.link.state, self.link.attempt_count), ("paid", 1))

    def test_declined_then_paid(self):
        with self._browse(f"/pay/{self.link.access_token}") as evaluate:
            self._go_to_stripe(evaluate)
            self._click(evaluate, "card_declined")
            self._wait(evaluate, "document.querySelector('[role=alert]')")
            self._click(evaluate, "card_3ds")
            self._click(evaluate, "3ds_succeed")
            self._wait(evaluate, "document.querySelector('.pl-success')")
        self.apply_events()
        self.assertEqual((self.link.state, self.link.attempt_count), ("paid", 2))

    def test_abandoned_then_paid(self):
        """Back without paying, the form is there at once, and leads to a new page."""
        with self._browse(f"/pay/{self.link.access_token}") as evaluate:
            self._go_to_stripe(evaluate)
            evaluate("document.querySelector('#cancel').click()")
            self._wait(evaluate, "document.querySelector('main[data-view=pay]')")
            self._go_to_stripe(evaluate)
            self._click(evaluate, "card")
            self._wait(evaluate, "document.querySelector('.pl-success')")
        self.assertEqual((self.link.state, len(self.link.transaction_ids)), ("paid", 2))

    def test_without_scripts(self):
        """A part, declined and then paid; abandoned, and the rest as a debit that takes days."""
        link = self._free_link(120, currency_id=self.currency_euro.id, allow_partial=True)
        with self._browse(f"/pay/{link.access_token}", scripts=False) as evaluate:
            self.assertFalse(evaluate("document.documentElement.classList.contains('pl-scripted')"))
            evaluate("document.querySelector('#pl-part-other').click()")
            evaluate("document.querySelector('#pl-part').value = '50,5'")
            self._go_to_stripe(evaluate, "50.50 EUR")
            self._click(evaluate, "card_declined")
            self._wait(evaluate, "document.querySelector('[role=alert]')")
            self._click(evaluate, "card")
            self._wait(evaluate, "document.querySelector('.pl-alert[role=status]')")
            self.assertIn("69,50", evaluate("document.querySelector('h1.pl-total').innerText"))
            self._go_to_stripe(evaluate, "69.50 EUR")
            evaluate("document.querySelector('#cancel').click()")
            self._wait(evaluate, "document.querySelector('.pl-alert-danger')")
            self._go_to_stripe(evaluate, "69.50 EUR")
            self._click(evaluate, "sepa_debit")
            self._wait(evaluate, "document.querySelector('main[data-view=progress]')")
            with self._undisturbed():
                self.fake.settle(link.transaction_ids.sorted("id")[-1].paylink_stripe_intent)
                self.apply_events()
            evaluate("document.querySelector('#pl-look a').click()")
            self._wait(evaluate, "document.querySelector('.pl-success')")
        self.assertEqual(sorted(link.transaction_ids._paylink_received().mapped("amount")), [50.5, 69.5])

    def test_expired_then_paid(self):
        """The page was left open for too long: the link is interrupted, and leads to a new page."""
        with self._browse(f"/pay/{self.link.access_token}") as evaluate:
            self._go_to_stripe(evaluate)
            self.fake.expire(self.link.transaction_ids.paylink_stripe_session)
            self._click(evaluate, "card")
            self._wait(evaluate, "document.querySelector('#status')")
            with self._undisturbed():
                self.apply_events()
                self.assertEqual((self.link.state, self.link.status), ("failed", "interrupted"))
            evaluate(f"location.href = '{self.base_url()}/pay/{self.link.access_token}'")
            self._wait(evaluate, "document.querySelector('main[data-view=pay]')")
            self._go_to_stripe(evaluate)
            self._click(evaluate, "card")
            self._wait(evaluate, "document.querySelector('.pl-success')")
        self.assertEqual((self.link.state, self.link.attempt_count), ("paid", 2))

    def test_debit_takes_days(self):
        with self._browse(f"/pay/{self.link.access_token}") as evaluate:
            self._go_to_stripe(evaluate)
            self._click(evaluate, "sepa_debit")
            self._wait(evaluate, "document.querySelector('main[data-view=progress]')")
            with self._undisturbed():
                self.fake.settle(self.link.transaction_ids.paylink_stripe_intent)
                self.apply_events()
            self._wait(evaluate, "document.querySelector('.pl-success')")
        self.assertEqual(self.link.state, "paid")

    def test_stripe_does_not_answer(self):
        """The page says so, and its button tries again."""
        self.fake.fault("503", "POST", "/v1/checkout/sessions", times=3)
        with self._browse(f"/pay/{self.link.access_token}") as evaluate:
            self._press_pay(evaluate)
            self._wait(evaluate, "document.querySelector('.pl-form [role=alert]')")
            self._go_to_stripe(evaluate)
            self._click(evaluate, "card")
            self._wait(evaluate, "document.querySelector('.pl-success')")
        self.assertEqual(self.link.state, "paid")
