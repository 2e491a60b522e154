from odoo import models
from odoo.exceptions import UserError
from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)


class PaylinkLink(models.Model):
    _inherit = "paylink.link"

    def _charge_stored(self, token):
        """Charge ``token`` for all that may be paid by this link now, as soon as that is committed.

        What is due is computed under lock. Callers have checked the right to charge it.

        :return: the transaction
        :raises UserError: nothing is left to charge, or a payment is on its way
        """
        self.ensure_one()
        self._wait_and_hold()
        values = self._charge_values({self.id: token})
        if not values:
            raise UserError(self.env._("Nothing is left to pay here, or a payment is in progress: reload the page."))
        transaction = self.env["payment.transaction"].sudo().create(list(values.values()))
        transaction._log_sent_message()
        transaction._paylink_wish_and_send("charge")
        return transaction

    def _charge_values(self, tokens):
        """The values of the transactions that charge stored methods for all that may be paid by these links now.

        The rows are held (see :meth:`_wait_and_hold`).

        :param dict tokens: the method by id of the link
        :return: values by id of the link: not of those of which nothing is left to charge, or it is on its way
        """
        amounts = self._payable_amounts()
        ready = self.filtered(lambda link: amounts[link.id] > 0 and not link.cancel_requested_at and link._is_live())
        ready._open_drafts()._paylink_close(_lt("It is charged to the stored payment method."))
        return {link.id: link._charge_value(tokens[link.id], amounts[link.id]) for link in ready}

    def _charge_value(self, token, amount):
        return {
            "provider_id": token.provider_id.id,
            "payment_method_id": token.payment_method_id.id,
            "token_id": token.id,
            "operation": "offline",
            "amount": amount,
            "currency_id": self.currency_id.id,
            "partner_id": self.partner_id.id,
            "reference": self.env["payment.transaction"]._compute_reference(token.provider_code, prefix=self.name),
            "paylink_id": self.id,
            "paylink_day": self._today(),
            **self._of_kind("attempt_documents"),
        }
