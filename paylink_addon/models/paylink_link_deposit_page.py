from odoo import fields, models
from odoo.tools import format_date


class PaylinkLinkDepositPage(models.Model):
    """What the customer's page shows of the order of a deposit."""

    _inherit = "paylink.link"

    # Made by us alone, and what the customer gets: nobody else reads or changes it.
    order_pdf = fields.Binary(
        string="PDF of the Order", attachment=True, copy=False, readonly=True, groups="base.group_system"
    )

    def _closed_reason(self):
        """Once nothing can be asked as a deposit, *settled* if the order is paid, else ``invoiced``.

        Also after the link was cancelled for that.
        """
        order = self.sale_order_id
        if self.kind != "deposit" or not order:
            return super()._closed_reason()
        if not self._fits_order():
            return "cancelled"
        if order.state == "sale" and not order._paylink_rooms()[order.id]:
            return "settled" if order.currency_id.compare_amounts(self._left_of_order(), 0) <= 0 else "invoiced"
        return super()._closed_reason()

    def _left_of_order(self):
        """What the customer has to pay of the order, whichever way."""
        return max(self.sale_order_id.amount_total - self.sale_order_id._paylink_settled(), 0.0)

    def _page_texts(self, due):
        return super()._page_texts(due) | {"order": self._page_order(), "invoices": self._page_invoices()}

    def _page_invoices(self):
        """What is asked for by invoice instead of by this link: the open invoices, with the links that this customer
        has for them.
        """
        if self.kind != "deposit" or self._closed_reason() != "invoiced":
            return []
        invoices = self.sale_order_id.invoice_ids.filtered("paylink_can_send")
        links = self._links_of_invoices(invoices)
        tokens = {move: link.access_token for move, link in links.items() if link.partner_id == self.partner_id}
        return [{"name": move.name, "url": move in tokens and f"/pay/{tokens[move]}"} for move in invoices]

    def _page_subject(self):
        if self.kind != "deposit" or not self.sale_order_id:
            return super()._page_subject()
        return self.env._("Deposit on order %(name)s", name=self.sale_order_id.name)

    def _page_order(self):
        """The order as its customer knows it, ready to print, or ``False``."""
        order = self.sale_order_id
        if self.kind != "deposit" or not self._fits_order():
            return False
        settled = order._paylink_settled()
        return {
            "name": order.name,
            "date": format_date(self.env, fields.Datetime.context_timestamp(self, order.date_order)),
            "total": self._amount_text(order.amount_total),
            "settled": self._amount_text(settled) if settled > 0 else False,
            "left": self._amount_text(self._left_of_order()),
            "url": f"/pay/{self.access_token}/order" if self._has_order_pdf() else False,
        }

    # === THE PDF === #

    def _has_order_pdf(self):
        """Whether the customer may open the order."""
        customer = self.sale_order_id.partner_id.commercial_partner_id
        return self.kind == "deposit" and self._fits_order() and customer == self.partner_id.commercial_partner_id

    def _order_pdf(self):
        """The PDF of the order.

        :return: ``{filename, content_type, content}``; ``False`` while another request makes it; ``None`` if the link
            has none
        """
        if not self._has_order_pdf():
            return None
        if stored := self._stored_order_pdf():
            return {"filename": stored.name, "content_type": stored.mimetype, "content": stored.raw}
        # One worker makes it, nobody waits: it takes a second, and whoever holds a link may ask as often as he likes.
        key = f"paylink.order.{self.sale_order_id.id}"
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [key])
        if not self.env.cr.fetchone()[0]:
            return False
        pdf = self._render_report("sale.action_report_saleorder", self.sale_order_id, self.sale_order_id.name)
        if pdf["content_type"] == "application/pdf":
            self._store_order_pdf(pdf)
        return pdf

    def _order_version(self):
        """What changes whenever the order does."""
        order = self.sale_order_id
        dates = [order.write_date, *order.order_line.mapped("write_date")]
        return f"{self.lang} {order.state} {len(order.order_line)} {max(dates)}"

    def _order_pdf_domain(self):
        return [("res_model", "=", self._name), ("res_field", "=", "order_pdf"), ("res_id", "=", self.id)]

    def _stored_order_pdf(self):
        version = [("description", "=", self._order_version())]
        return self.env["ir.attachment"].sudo().search(self._order_pdf_domain() + version, limit=1)

    def _store_order_pdf(self, pdf):
        """Keep the PDF until the order changes. It is the link's: one customer's, in that language."""
        attachments = self.env["ir.attachment"].sudo()
        attachments.search(self._order_pdf_domain()).unlink()
        attachments.create(
            {
                "name": pdf["filename"],
                "raw": pdf["content"],
                "mimetype": pdf["content_type"],
                "res_model": self._name,
                "res_field": "order_pdf",
                "res_id": self.id,
                "description": self._order_version(),
            }
        )
