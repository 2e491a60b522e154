"""Stage of ``payment.transaction``: what is said of payments, and in whose language."""

from markupsafe import Markup
from odoo import fields, models
from odoo.tools import LazyTranslate, format_amount

from ...tools.collected import Collected
from ...tools.texts import coded, decoded

_lt = LazyTranslate(__name__)
# What documents say about it.
DOCUMENT_TEXTS = {
    "payment": {
        "pending": _lt("Payment in progress:"),
        "authorized": _lt("Payment authorized:"),
        "done": _lt("Payment confirmed:"),
        "cancel": _lt("Payment canceled:"),
        "error": _lt("Payment failed:"),
    },
    "refund": {
        "pending": _lt("Refund in progress:"),
        "done": _lt("Refund confirmed:"),
        "cancel": _lt("Refund canceled:"),
        "error": _lt("Refund failed:"),
    },
}


class PaymentTransactionTexts(models.Model):
    """The customer reads why a payment failed; everybody in the company, what its documents say."""

    _inherit = "payment.transaction"

    # What ``state_message`` says to one reader, for all others: see ``tools.texts.coded``.
    paylink_state_text = fields.Json(string="Message as a Code", copy=False, readonly=True)

    def _paylink_last_reason(self):
        """Hook: why the last try was declined; empty: it was not. A provider that knows more than the text says it.

        :return: see :func:`~..tools.texts.said`
        """
        return self._paylink_state_reason()

    def _paylink_state_reason(self):
        """What was said when the state changed last: see :func:`~..tools.texts.said`."""
        self.ensure_one()
        return decoded(self.paylink_state_text) or self.state_message

    def _paylink_declines(self):
        """Hook: which tries were declined within this attempt, before what has become of it.

        :return: ``[(moment, reason), …]`` in their order; reasons: see :func:`~..tools.texts.said`
        """
        return []

    def _paylink_keep_text(self, message):
        """:param message: what ``state_message`` has been made of"""
        stored = coded(message)
        self.filtered(lambda tx: (tx.paylink_state_text or None) != stored).sudo().paylink_state_text = stored

    def _get_sent_message(self):
        """On documents, in the language of the company."""
        if not self.paylink_id:
            return super()._get_sent_message()
        return super(PaymentTransactionTexts, self.company_id._paylink_in_its_language(self))._get_sent_message()

    def _get_received_message(self):
        """Odoo's texts have English words in any language."""
        if not self.paylink_id:
            return super()._get_received_message()
        env = self.company_id._paylink_env()
        texts = DOCUMENT_TEXTS["refund" if self.operation == "refund" else "payment"]
        if self.state not in texts:
            return None
        amount = format_amount(env, abs(self.amount), self.currency_id)
        return Markup("%s %s – %s") % (env._(texts[self.state]), self._get_html_link(), amount)

    def _paylink_customer_env(self):
        """An environment in the language of who pays."""
        lang = self.env["res.lang"]._paylink_nearest(self.paylink_id.lang, self.partner_lang) or self.env.lang
        return self.with_context(lang=lang).env

    def _paylink_reader_env(self):
        """An environment in the language of who reads the outcome: the customer of a payment, else the company."""
        return self.company_id._paylink_env() if self.source_transaction_id else self._paylink_customer_env()

    def _log_message_on_linked_documents(self, message):
        """One batch for all documents of a link, or of several, instead of a post on each."""
        self.ensure_one()
        if not self.paylink_id:
            return super()._log_message_on_linked_documents(message)
        messages = self.env.context.get("paylink_messages")
        if messages is None:
            return self._paylink_log_on_documents([(self, message)])
        return messages.append((self, message))

    def _log_sent_message(self):  # pylint: disable=missing-return
        """Those of links in one batch."""
        self._paylink_in_one_batch(lambda own: super()._log_sent_message())

    def _log_received_message(self):  # pylint: disable=missing-return
        """Likewise."""
        self._paylink_in_one_batch(lambda own: super()._log_received_message())

    def _paylink_in_one_batch(self, work):
        """Do what has something to tell on the documents of these, which is told at its end: in one line on each.

        :param work: a function of these, with a context in which it is collected
        """
        if self.env.context.get("paylink_messages") is not None:
            work(self)
            return
        messages = Collected()
        work(self.with_context(paylink_messages=messages))
        self._paylink_log_on_documents(messages)

    def _paylink_log_on_documents(self, messages):
        """Tell on the documents of payments by links what becomes of these.

        Of money that has come they are told when it is booked: see ``paylink.link._log_on_documents``.

        :param list messages: ``(transaction, message)``
        """
        booked, texts = self.env.context.get("paylink_booked_ids", ()), {}
        for tx, message in messages:
            for document in tx.invoice_ids if tx.state != "done" and tx.id not in booked else ():
                texts.setdefault(tx._paylink_author(), {}).setdefault(document.id, []).append(message)
        for author, found in texts.items():
            bodies = {document_id: Markup("<br/>").join(parts) for document_id, parts in found.items()}
            self.env["account.move"].browse(bodies)._message_log_batch(bodies, author_id=author.id)
