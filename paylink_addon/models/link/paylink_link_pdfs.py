"""Stage of ``paylink.link``: what the customer opens as a PDF."""

import hashlib

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools.locks import a_slot

# Who only looks makes no addresses, and has not modified the document.
LOOKING = {"paylink_customer_asks": True, "skip_is_manually_modified": True}


class PaylinkLinkPdfs(models.Model):
    """The receipt, and the documents. Callers have checked the token; everything is in sudo mode.

    Each is made once, then kept. Nothing else is changed by it: that a customer looks at a document is no reason to
    make a link for it, or to have one last longer.
    """

    _inherit = "paylink.link"

    # Made by us alone, and what the customer gets: nobody else reads or changes it.
    receipt_pdf = fields.Binary(
        string="PDF of the Receipt", attachment=True, copy=False, readonly=True, groups="base.group_system"
    )

    # === THE RECEIPT === #

    def _receipt_pdf(self):
        """The receipt: see :meth:`_keep_pdf`."""
        link = self.with_context(lang=self.lang)
        name = link.env._("Receipt %(name)s", name=self.name)
        return self._keep_pdf(
            "receipt_pdf",
            link._receipt_version(),
            lambda: link._render_report("paylink_addon.report_receipt", link, name),
        )

    def _receipt_version(self):
        """What changes whenever the receipt does: what it says, and whose letter it is written on."""
        shown = sorted(self._receipt_values().items()), self.lang, self.partner_id.name
        company = self.company_id
        letter = company.write_date, company.partner_id.write_date
        return hashlib.sha256(repr((shown, letter)).encode()).hexdigest()

    def _receipt_values(self):
        """What the receipt says, ready to print, in the language of the context: the payments, one by one, and of each
        document what was asked for, what these payments have paid of it, and what is left.
        """
        self.ensure_one()
        received = self.transaction_ids._paylink_received()
        total = sum(received.mapped("amount"))
        rows, used = self._of_kind("receipt_rows")
        if is_waiting := bool(received._paylink_unbooked()):  # what they pay of each is not known yet
            rows = [row | {"paid": False, "left": False} for row in rows]
        excess = self.currency_id.round(total - used - self.amount_refunded)
        return {
            "purpose": self._purpose_text(),
            "payments": self._page_payments(),
            "total": self._amount_text(total) if len(received) > 1 else False,
            "refunded": self._amount_text(self.amount_refunded) if self.amount_refunded else False,
            "excess": self._amount_text(excess) if excess > 0 and not is_waiting else False,
            "rows": rows,
        }

    def _receipt_rows_general(self):
        """:return: the rows, and how much of the payments is in them"""
        if self.line_ids:
            return self._receipt_rows_items()
        paid = min(self._received_amount(), self.amount)
        left = self._due_amounts()[self.id]
        name = self._of_kind("page_subject") or self.env._("The amount asked for")
        return [self._receipt_row(name, self.amount, paid, left)], paid

    def _receipt_rows_items(self):
        """Each item by itself; what is not booked yet has paid none of them."""
        paid, left = self._paid_shares(), self.line_ids._due()
        rows = []
        for line in self.line_ids:
            own = paid.get(line.move_line_id.id, 0.0)
            rows.append(
                self._receipt_row(
                    line._customer_name(self.env),
                    max(line.amount, own + left[line.id]) if line.amount > 0 else line.amount,
                    own,
                    left[line.id],
                )
                | {"date": format_date(self.env, line.date), "due": format_date(self.env, line.date_due)}
            )
        return rows, sum(paid.values())

    def _receipt_row(self, name, amount, paid, left):
        """A document as the receipt tells it.

        :param amount: what was asked for (major units); less than zero: a credit
        :param paid: how much of it the payments of this link have paid
        :param left: what is left of it
        """
        texts = {"paid": paid, "left": left}
        return {
            "name": name,
            "date": False,
            "due": False,
            "amount": self._amount_text(amount),
            **{key: self._amount_text(value) if amount > 0 else False for key, value in texts.items()},
        }

    def _paid_shares(self):
        """What the payments of this link have paid of each of its items, by id; a discount is not paid."""
        items = self.line_ids.move_line_id
        payments = self.transaction_ids._paylink_received().payment_id
        shares = dict.fromkeys(items.ids, 0.0)
        for payment in payments:
            used = payment.move_id.line_ids.matched_debit_ids
            used = used.filtered(lambda partial: partial.debit_move_id in items).sorted("id")
            granted = sum(used.mapped("debit_amount_currency")) - payment.amount
            for partial in used:
                item = partial.debit_move_id
                discount = item.amount_currency - item.discount_amount_currency if item.discount_date else 0.0
                discount = max(min(discount, granted), 0.0)
                granted -= discount
                shares[item.id] += partial.debit_amount_currency - discount
        return shares

    # === THE DOCUMENTS === #

    def _document_pdf(self, line_id):
        """The PDF of the invoice of one line of this link: see :meth:`_invoice_pdf`; ``None`` if the line has none: it
        is not the link's, or its document is a draft or has become another customer's.
        """
        line = self.line_ids.filtered(lambda line: line.id == line_id and line._has_pdf())
        return self._invoice_pdf(line.move_id) if line else None

    @api.model
    def _invoice_pdf(self, move):
        """The PDF of an invoice that its customer may open: that which is sent with it, where it may be made.

        :return: ``{filename, content_type, content}``; ``False`` while another request makes it
        """
        version = f"{move.write_date} {move.partner_id.lang}"
        may_be_sent = self._can_make_pdf() and not move._paylink_pdf_lacks_link()
        is_made = move.invoice_pdf_report_id or move._kept_pdf("paylink_document_pdf", version)
        if may_be_sent and not is_made and not self._make_missing_pdf(move):
            return False
        if stored := move.invoice_pdf_report_id:
            return {"filename": stored.name, "content_type": "application/pdf", "content": stored.raw}
        name = f"{move._get_report_base_filename() or move.name}"
        report = "account.account_invoices"
        return move._keep_pdf("paylink_document_pdf", version, lambda: self._render_report(report, move, name))

    def _make_missing_pdf(self, move):
        """Make the PDF of ``move``, unless another request does, or as many are being made as may be. Commits: no row
        is held meanwhile, and whoever comes next finds it.

        :return: whether it was tried
        """
        with a_slot(self.env.cr, f"account.move.pdf.{move.id}") as is_free:
            if is_free:
                move.invalidate_recordset(["invoice_pdf_report_id"])
                if not move.invoice_pdf_report_id:  # made since this request began
                    self._make_pdf(move)
                self.env.cr.commit()  # pylint: disable=invalid-commit
        return is_free

    def _make_pdf(self, move):
        """Make and keep the PDF as Odoo does when it sends the invoice, electronic formats included; nothing is sent.

        What an administration has to be told first (``extra_edis``) is left to who sends the invoice. If it can't be
        made so, nothing is kept: the customer gets the plain document.
        """
        Send = self.env["account.move.send"].sudo().with_context(**LOOKING)
        move = move.sudo()
        was_sent = move.is_move_sent
        try:
            with self.env.cr.savepoint():
                settings = Send._get_default_sending_settings(move, sending_methods=[], extra_edis=[])
                Send._generate_invoice_documents({move: settings})
        except UserError:
            move.invalidate_recordset(["invoice_pdf_report_id"])
        if move.is_move_sent != was_sent:
            move.with_context(**LOOKING).is_move_sent = was_sent

    # === MADE ONCE === #

    def _render_report(self, report, records, name):
        """A report as PDF, or as HTML where wkhtmltopdf is missing. What Odoo writes when it prints is undone."""
        with self.env.cr.savepoint() as savepoint:
            made = self._render(report, records, name.replace("/", "-"))
            savepoint.rollback()
        return made

    def _render(self, report, records, name):
        Report = self.env["ir.actions.report"].sudo().with_context(paylink_customer_asks=True)
        if not self._can_make_pdf():
            content = Report._render_qweb_html(report, records.ids)[0]
        else:
            content = Report._render_qweb_pdf(report, records.ids)[0]
        if content[:4] == b"%PDF":
            return {"filename": f"{name}.pdf", "content_type": "application/pdf", "content": content}
        return {"filename": f"{name}.html", "content_type": "text/html; charset=utf-8", "content": content}
