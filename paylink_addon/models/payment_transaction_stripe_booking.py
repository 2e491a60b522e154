from markupsafe import Markup
from odoo import models
from odoo.tools import format_amount


class PaymentTransaction(models.Model):
    """How payments by stored methods that were registered in Accounting get into the books."""

    _inherit = "payment.transaction"

    def _post_process(self):
        """Post the payment that waited for its charge, or give it up; book the money of one that was cancelled."""
        stripe = self.filtered(lambda tx: tx._paylink_is_stripe() and not tx.is_post_processed)
        for tx in stripe.filtered(lambda tx: tx.state == "done" and tx.payment_id.state in ("canceled", "rejected")):
            tx.payment_id = False
        declined = stripe.filtered(lambda tx: tx.operation == "offline" and tx.state == "error" and not tx.paylink_id)
        registered = stripe.filtered(lambda tx: tx.operation == "offline" and tx.payment_id)
        registered.filtered(lambda tx: tx.state in ("error", "cancel"))._paylink_give_up_payment()
        result = super()._post_process()
        for tx in registered.filtered(lambda tx: tx.state == "done"):
            tx.with_company(tx.company_id)._paylink_post_payment()
        for tx in declined:
            tx._paylink_report_declined()
        return result

    def _paylink_give_up_payment(self):
        """Take the payments out of the books, also those whose entries somebody has posted meanwhile."""
        waiting = self.payment_id.filtered(lambda payment: payment._paylink_is_waiting())
        waiting.action_cancel()
        (self.payment_id - waiting).filtered(lambda payment: payment.move_id.state == "posted")._paylink_undo()

    def _paylink_post_payment(self):
        if self.payment_id._paylink_is_waiting():
            self.payment_id.action_post()
        items = self.invoice_ids.line_ids.filtered(lambda line: line._paylink_is_collectable())
        self.payment_id._paylink_reconcile([items])

    # === CHARGES THAT FAIL === #

    def _paylink_report_declined(self):
        """Nobody waits for the answer: give the salesperson, else the payment managers, a task on the document.

        What is charged for no document here (by another module) is left to whoever charges it.
        """
        document = self.invoice_ids[:1] or self.payment_id
        salesperson = self.invoice_ids.invoice_user_id.filtered(lambda user: user.active and not user.share)[:1]
        users = salesperson or self.company_id._paylink_managers()
        if not document or not users:
            return
        links = self._paylink_links_to_confirm(users[0]) if self.paylink_action_needed else ()
        for user in users:
            texts = self.with_context(lang=user.lang)._paylink_declined_texts(links)
            document.activity_schedule("mail.mail_activity_data_todo", user_id=user.id, **texts)

    def _paylink_links_to_confirm(self, user):
        """Links by which the customer can pay where the bank can ask them; nobody has been sent them."""
        owners = dict.fromkeys(self.invoice_ids, user)
        return self.env["paylink.link"].with_company(self.company_id)._links_for_invoices(owners).values()

    def _paylink_declined_texts(self, links):
        """Summary and note of the task."""
        amount = format_amount(self.env, self.amount, self.currency_id)
        parts = [
            self.env._(
                "%(amount)s could not be charged to the stored method of %(partner)s (%(reference)s). The reason: "
                "%(reason)s",
                amount=amount,
                partner=self.partner_id.display_name,
                reference=self.reference,
                reason=self.state_message,
            )
        ]
        if links:
            parts.append(
                self.env._(
                    "The bank wants the customer to confirm the payment. Send them this link: %(links)s",
                    links=Markup(", ").join(link._get_html_link() for link in links),
                )
            )
        note = Markup("").join(Markup("<p>%s</p>") % part for part in parts)
        return {"summary": self.env._("%(amount)s could not be charged", amount=amount), "note": note}
