import re
from contextlib import contextmanager
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .stripe_common import StripeCommon

# Of 150, once 100 of it are in installments; all of it can still be paid.
DUE_NOW = 90


@tagged("post_install", "-at_install")
class TestStripeChanges(StripeCommon):
    """What has changed between the page and the click: what is left is paid, or the customer is told before."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.terms = cls.env["account.payment.term"].create(
            {
                "name": "In two parts",
                "line_ids": [
                    fields.Command.create({"value_amount": 40, "nb_days": 0}),
                    fields.Command.create({"value_amount": 60, "nb_days": 30}),
                ],
            }
        )

    # === CHANGES === #

    def _lose_item(self, link):
        """Its line has no item from now on."""
        invoice = link.line_ids.move_id[:1]
        invoice.button_draft()
        invoice.invoice_payment_term_id = self.terms
        self.env.flush_all()

    def _change(self, link):
        self._lose_item(link)
        link.line_ids.move_id[:1].action_post()

    def _delete(self, link):
        invoice = link.line_ids.move_id[:1]
        invoice.button_draft()
        invoice.with_context(force_delete=True).unlink()

    def _cancel_invoice(self, link):
        invoice = link.line_ids.move_id[:1]
        invoice.button_draft()
        invoice.button_cancel()

    def _settle(self, link):
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=link.line_ids.move_id[:1].ids
        ).create({})._create_payments()

    def _merge(self, link):
        kept = self._customer("Kept", email="kept@example.com")
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((kept | link.partner_id).ids, kept)

    def _leave(self, link):
        link.sudo().user_id = self._user("leaver", "base.group_user")
        link.sudo().user_id.active = False

    def _changes(self):
        """By name: what changes, and what is offered then, at first; ``None``: nothing."""
        provider, method = self.provider, self.provider.payment_method_ids
        return {
            "an item is gone": (self._lose_item, 50),
            "installments": (self._change, DUE_NOW),
            "an invoice is deleted": (self._delete, 50),
            "an invoice is cancelled": (self._cancel_invoice, 50),
            "an invoice is paid": (self._settle, 50),
            "the customer is merged": (self._merge, 150),
            "the customer is archived": (lambda link: link.partner_id.write({"active": False}), 150),
            "the account is closed": (lambda link: self.bank_account.write({"active": False}), 150),
            "the owner has left": (self._leave, 150),
            "partial payments": (lambda link: link.sudo().write({"allow_partial": True}), 150),
            "the provider is off": (lambda link: provider.write({"state": "disabled"}), None),
            "the provider is hidden": (lambda link: provider.write({"is_published": False}), None),
            "the method is off": (lambda link: method.write({"active": False}), None),
            "the journal is archived": (lambda link: provider.journal_id.write({"active": False}), None),
            "the currency is archived": (lambda link: link.currency_id.write({"active": False}), None),
            "the address is replaced": (lambda link: link.action_replace_token(), None),
            "the link is cancelled": (lambda link: link.action_cancel(), None),
            "it expires": (self._expire, None),
        }

    def _expire(self, link):
        link.sudo().expires_at = fields.Datetime.now() - timedelta(minutes=1)

    # === THE CUSTOMER === #

    def _offered(self, path):
        """What the page offers to pay by our provider, as text, or ``None``."""
        page = self.url_open(path)
        self.env.invalidate_all()
        self.assertIn(page.status_code, (200, 404, 410))
        self.assertIn("pl-body", page.text)
        if f'name="option" value="{self.provider.id}-' not in page.text:
            return None
        return float(re.search(r'name="shown" value="\w+=([\d.]+)', page.text)[1])

    def _click(self, path, amount):
        """The answer to the form: the transaction's values, or the text for the customer."""
        answer = self.make_jsonrpc_request(
            f"{path}/transaction",
            {
                "provider_id": self.provider.id,
                "payment_method_id": self.payment_method_id,
                "token_id": None,
                "amount": amount,
                "flow": "redirect",
                "tokenization_requested": False,
            },
        )
        self.env.invalidate_all()
        if answer.get("state") == "error":
            self.assertTrue(answer["state_message"])
            return None
        return self.env["payment.transaction"].search([("reference", "=", answer["reference"])])

    def _pay_what_is_shown(self, path, amount):
        """The whole way to Stripe's page.

        :return: whether the customer has come there; else they have been told
        """
        tx = self._click(path, amount)
        if not tx:
            return False
        answer = self.checkout(tx)
        self.assertEqual(answer.status_code, 303, answer.text[:300])
        self.assertEqual(self.fake.get(tx.paylink_stripe_session)["amount_total"], round(amount * 100))
        return True

    def test_between_page_and_click(self):
        """The click on the old page is told or paid; the page that is loaded again says what can be paid, rightly."""
        for name, (change, payable) in self._changes().items():
            with self.subTest(name), self._undone():
                usd, partner = self.env.ref("base.USD"), self._customer("Anna", lang="en_US")
                foreign = usd if usd != self.company.currency_id else self.env.ref("base.EUR")
                foreign.active = True
                currency = foreign if "currency" in name else self.company.currency_id
                invoices = [self._invoice(partner, amount, currency_id=currency.id) for amount in (100, 50)]
                link = self._link(invoices[0] | invoices[1])
                path = f"/pay/{link.access_token}"
                self.assertEqual(self._offered(path), 150)
                change(link)
                self.assertEqual(self._pay_what_is_shown(path, 150), payable in (150, DUE_NOW))
                link.sudo().transaction_ids.filtered(lambda tx: tx.state == "draft")._paylink_close("next")
                self.assertEqual(self._offered(path), payable)
                for below in ("/help", "/status", "/receipt", "/qr", f"/document/{link.line_ids[:1].id}"):
                    self.assertIn(self.url_open(path + below).status_code, (200, 404), below)
                if payable:
                    self.assertTrue(self._pay_what_is_shown(path, payable))

    @contextmanager
    def _undone(self):
        """What is changed in the block is undone."""
        savepoint = self.env.cr.savepoint()
        try:
            yield
        finally:
            savepoint.close(rollback=True)
            self.env.invalidate_all()

    def test_rest_is_booked(self):
        """What was paid while one of the invoices was being changed settles the other one."""
        first, second = self._invoice(amount=100), self._invoice(amount=50)
        link = self._link(first | second)
        self._lose_item(link)
        self.pay_on_page(link)
        self.assertEqual((second.payment_state, link.status, link.amount_paid), ("paid", "partly_paid", 50))
        first.action_post()
        self.assertEqual(link.amount_due, 100)
