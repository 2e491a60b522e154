from odoo.tests import HttpCase, tagged

from .deposit_common import DepositCommon


@tagged("post_install", "-at_install")
class TestDepositPage(DepositCommon, HttpCase):
    """The customer's page of a deposit, over HTTP."""

    def setUp(self):
        super().setUp()
        self.order = self._order(1000, partner=self.john)
        self.link = self._deposit(self.order, 300, lang="en_US")

    def _get(self, path="", link=None):
        return self.url_open(f"/pay/{(link or self.link).access_token}{path}")

    def _text(self, path=""):
        return " ".join(self._get(path).text.split())

    def test_page_shows_the_order(self):
        text = self._text()
        for shown in (
            f"Deposit on order {self.order.name}",
            "Your order",
            "Left to pay",
            f"/{self.link.access_token}/order",
        ):
            with self.subTest(shown=shown):
                self.assertIn(shown, text)
        self.assertNotIn("Already paid", text)
        self.assertIn("1,000.00", text)

    def test_page_after_the_payment(self):
        self._pay(self.link)
        text = self._text()
        self.assertIn("Paid. Thank you!", text)
        self.assertIn("Already paid", text)
        self.assertIn("700.00", text)
        self.assertIn(f"Deposit on order {self.order.name}", self._get("/receipt").text)

    def test_paid_over_http(self):
        """The payment form's route makes a transaction of the order."""
        answer = self.make_jsonrpc_request(
            f"/pay/{self.link.access_token}/transaction",
            {
                "provider_id": self.provider.id,
                "payment_method_id": self.payment_method_id,
                "token_id": None,
                "amount": 300,
                "flow": "direct",
                "tokenization_requested": False,
                "landing_route": "/payment/status",
                "is_validation": False,
            },
        )
        self.env.invalidate_all()
        transaction = self.order.transaction_ids
        self.assertEqual((transaction.reference, transaction.amount), (answer["reference"], 300))
        self.assertEqual((transaction.paylink_id, transaction.sale_order_ids), (self.link, self.order))
        transaction._set_done()
        self.assertEqual(self._get("/status").json()["state"], "paid")
        self.env.invalidate_all()
        self.assertEqual(self.order.state, "sale")

    def test_closed_pages(self):
        self.order.action_cancel()
        answer = self._get()
        self.assertEqual(answer.status_code, 410)
        self.assertIn("This link was canceled", answer.text)
        self.assertEqual(self._get("/order").status_code, 404)

    def test_order_that_was_invoiced_is_paid_by_its_invoice(self):
        """Nothing is called settled while the invoice is open; its link is offered to the same customer."""
        self.order.action_confirm()
        invoice = self._final_invoice(self.order)
        self.assertEqual((self.link.state, self.link._closed_reason()), ("cancelled", "invoiced"))
        answer = self._get()
        self.assertEqual(answer.status_code, 410)
        for shown in ("The order has been invoiced", invoice.name):
            self.assertIn(shown, answer.text)
        self.assertNotIn("Nothing is due anymore", answer.text)
        foreign = self._link(invoice, partner_id=self.marie.id, lang="en_US")
        self.assertNotIn(foreign.access_token, self._text())
        link = self._link(invoice, lang="en_US")
        self.assertIn(f"/pay/{link.access_token}", self._text())
        self._pay(link)
        self.link.invalidate_recordset()
        self.assertEqual(self.link._closed_reason(), "settled")
        self.assertIn("Nothing is due anymore", self._text())

    def test_links_of_other_kinds_show_no_order(self):
        link = self._free_link(50, partner_id=self.john.id)
        self.assertNotIn("Your order", self._get(link=link).text)
        self.assertEqual(self._get("/order", link).status_code, 404)

    # === THE PDF === #

    def test_pdf_is_made_once_for_each_version_of_the_order(self):
        rendered = []
        Link = type(self.env["paylink.link"])

        def render(_link, report, records, name):
            rendered.append((report, records))
            content = b"%PDF-1.4 " + name.encode()
            return {"filename": f"{name}.pdf", "content_type": "application/pdf", "content": content}

        self.patch(Link, "_render_report", render)
        answers = [self._get("/order"), self._get("/order")]
        self.assertEqual({answer.headers["Content-Type"] for answer in answers}, {"application/pdf"})
        self.assertEqual(rendered, [("sale.action_report_saleorder", self.order)])
        self.env["sale.order.line"].create({"order_id": self.order.id, "product_id": self.product.id})
        self._get("/order")
        self.assertEqual(len(rendered), 2)
        stored = [("res_model", "=", "paylink.link"), ("res_field", "=", "order_pdf"), ("res_id", "=", self.link.id)]
        self.assertEqual(self.env["ir.attachment"].search_count(stored), 1)

    def test_order_given_to_another_customer_is_not_shown(self):
        self.order.partner_id = self.marie
        self.assertEqual(self._get("/order").status_code, 404)
        self.assertNotIn(f"/{self.link.access_token}/order", self._text())
