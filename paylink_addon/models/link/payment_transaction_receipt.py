"""Stage of ``payment.transaction``: the receipt of a payment by a link."""

from odoo import fields, models
from odoo.exceptions import UserError


class PaymentTransactionReceipt(models.Model):
    """Each payment has its own, whatever else was paid by the same link."""

    _name = "payment.transaction"
    _inherit = ["payment.transaction", "paylink.pdf.mixin"]

    paylink_receipt_pdf = fields.Binary(
        string="PDF of the Receipt", attachment=True, copy=False, readonly=True, groups="base.group_system"
    )

    def _paylink_receipts(self):
        """What the receipts of these say, for who may read their links; of what is no link's, nobody is told."""
        own = self.sudo().filtered("paylink_id")
        if strangers := self - own.with_env(self.env):
            strangers.check_access("read")
        own.paylink_id.with_env(self.env).check_access("read")
        return self._paylink_receipt_values()

    def _paylink_receipt_values(self):
        """What the receipts of these say, each in the language of its customer. Callers have checked the right.

        :rtype: list
        :raises UserError: one of them is no payment by a link
        """
        payments = self.sudo()
        if others := payments.filtered(lambda tx: not tx.paylink_id or not tx._paylink_received()):
            raise UserError(
                self.env._(
                    "There is no receipt of %(names)s: it has paid no collection link.",
                    names=", ".join(others.mapped("reference")),
                )
            )
        return [tx.paylink_id.with_context(lang=tx.paylink_id.lang)._receipt_values(tx) for tx in payments]

    def _paylink_receipt_pdf(self):
        """The receipt of one payment: see :meth:`_keep_pdf`."""
        link = self.paylink_id.with_context(lang=self.paylink_id.lang)
        name = link.env._("Receipt %(name)s", name=self.reference)
        report = "paylink_addon.report_receipt_transaction"
        return self._keep_pdf(
            "paylink_receipt_pdf",
            link._receipt_version(self),
            lambda: link._render_report(report, self.with_env(link.env), name),
        )

    def _paylink_standing_amount(self):
        """What of these payments no bank has taken back: whether it was refunded or not."""
        return sum(self.mapped("amount")) - self._paylink_taken_back_amount()

    def _paylink_booked_lines(self):
        """Hook: the lines of the entry that has booked it."""
        return self.payment_id.move_id.line_ids

    def _paylink_taken_rows(self, env):
        """Hook: what customers' banks have taken back of these payments, and given back.

        :param env: in whose language it is said
        :return: ``[(day, text, reference, amount), …]``, the amount (major units) less than zero where it was taken
        """
        return []
