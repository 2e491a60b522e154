from odoo.tests import tagged

from .stripe_common import StripeCommon


@tagged("post_install", "-at_install")
class TestStripePortal(StripeCommon):
    """Invoices paid in Odoo's own portal, alone and beside links."""

    def test_native_invoice_payment(self):
        """Paid in Odoo's portal: no link is involved, Odoo's job books it."""
        invoice = self._invoice(self.john)
        tx = self._portal_attempt(invoice)
        self.assertEqual(self.checkout(tx).status_code, 303)
        self.assertTrue(self.come_back(tx, cancelled="1").headers["Location"].endswith("/my/invoices"))
        self.fake.pay(tx.paylink_stripe_session)
        self.assertTrue(self.come_back(tx).headers["Location"].endswith("/payment/status"))
        self.assertEqual(tx.state, "done")
        tx._post_process()
        self.assertEqual(invoice.payment_state, "paid")

    def test_refund_that_is_heard_of_with_its_payment(self):
        """Odoo books no payment of which something was given back: it would be a capture in parts."""
        invoice = self._invoice(self.john)
        tx = self._portal_attempt(invoice)
        self.checkout(tx)
        self.fake.pay(tx.paylink_stripe_session)
        self.fake.refund(self.fake.get(tx.paylink_stripe_session)["payment_intent"], 1000)
        self.apply_events()
        refund = tx.child_transaction_ids
        self.assertEqual((tx.payment_id.amount, refund.payment_id.amount), (100, 10))
        self.assertEqual(refund.payment_id.source_payment_id, tx.payment_id)
        self.assertEqual((invoice.payment_state, invoice.amount_residual), ("paid", 0))

    def test_long_reference(self):
        """Of many invoices paid at once: Stripe keeps the beginning, which is enough."""
        tx = self._portal_attempt(self._invoice(self.john), reference="INV/2026/00001," * 20)
        self.assertEqual(self.checkout(tx).status_code, 303)
        self.fake.pay(tx.paylink_stripe_session)
        self.apply_events(only=("checkout.session.completed",))
        self.assertEqual(tx.state, "done")

    def _status(self, tx):
        """Of the page at Stripe, once what is to be sent is sent."""
        self.send_waiting()
        return self.fake.get(tx.paylink_stripe_session)["status"]

    def _settle(self, invoice):
        self.env["account.payment.register"].with_context(active_model="account.move", active_ids=invoice.ids).create(
            {}
        )._create_payments()

    def test_newest_page_of_an_invoice_counts(self):
        """Of the portal and of links: the others are closed, here and at Stripe."""
        invoice = self._invoice()
        link = self._link(invoice)
        portal = self._portal_attempt(invoice)
        self.checkout(portal)
        by_link = self.start(link)
        self.assertEqual((portal.state, self._status(portal)), ("cancel", "expired"))
        again = self._portal_attempt(invoice)
        self.assertEqual(self.checkout(again).status_code, 303)
        self.assertEqual((by_link.state, self._status(by_link)), ("cancel", "expired"))
        self.assertEqual((again.state, self._status(again)), ("draft", "open"))

    def test_payment_in_the_portal_closes_the_pages_of_links(self):
        """Also one by another provider."""
        for code in ("stripe_checkout", "none"):
            with self.subTest(code):
                invoice = self._invoice()
                tx = self.start(self._link(invoice))
                portal = self._portal_attempt(invoice)
                portal.provider_id = self.provider if code == "stripe_checkout" else self.dummy_provider
                portal._set_done()
                portal._post_process()
                self.assertEqual((tx.state, self._status(tx)), ("cancel", "expired"))
                self.assertEqual(tx.paylink_id.state, "paid")

    def test_portal_page_that_was_paid_before_it_was_closed(self):
        """By card or by a debit: money is never refused."""
        for method in ("card", "sepa_debit"):
            with self.subTest(method):
                invoice = self._invoice(currency_id=self.currency_euro.id)
                portal = self._portal_attempt(invoice)
                self.checkout(portal)
                self.fake.pay(portal.paylink_stripe_session, method)
                self.start(self._link(invoice))
                self.assertEqual(portal.state, "cancel")
                self.send_waiting()
                self.apply_events()
                self.assertEqual(portal.state, "done" if method == "card" else "pending")

    def test_portal_form_of_what_is_settled_or_being_paid(self):
        """No page is made for it, whether the form was open before or the page was."""
        invoice, debited = self._invoice(), self._invoice(currency_id=self.currency_euro.id)
        portal, other = self._portal_attempt(invoice), self._portal_attempt(debited)
        self._settle(invoice)
        self.pay_on_page(self._link(debited), "sepa_debit")
        (portal | other).state = "draft"
        for tx in (portal, other):
            response = self.checkout(tx)
            self.assertEqual((response.status_code, tx.paylink_stripe_session), (200, False), response.text)

    def test_pages_of_what_was_settled_by_transfer(self):
        """Those of links, and those of the portal, also where a part is settled: the page asks for the whole."""
        invoice, other, part = self._invoice(), self._invoice(), self._invoice()
        tx, portal = self.start(self._link(invoice)), self._portal_attempt(other)
        of_both, of_part = self._portal_attempt(other | part), self._portal_attempt(part)
        for one in (portal, of_both, of_part):
            self.checkout(one)
            (portal | of_both | of_part).write({"state": "draft", "paylink_todo": False})
        self._settle(invoice | other)
        self.assertEqual((tx.paylink_id.state, tx.state, self._status(tx)), ("paid", "cancel", "expired"))
        self.assertEqual((portal.state, self._status(portal)), ("cancel", "expired"))
        self.assertEqual((of_both.state, self._status(of_both)), ("cancel", "expired"))
        self.assertEqual((of_part.state, self._status(of_part)), ("draft", "open"))
