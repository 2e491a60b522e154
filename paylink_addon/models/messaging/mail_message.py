from odoo import api, models

from ...tools.locks import take_free
from .paylink_sending_mixin import LEFT_STATUSES, UNSENT_STATUSES

QUOTING = ("subject", "body")


class MailMessage(models.Model):
    """Customers quote what they were sent: the addresses of their pages do not get into chatters with it.

    Whoever reads a chatter need not be who may have the customer's page. What colleagues write themselves stays: they
    may send a customer the address.
    """

    _inherit = "mail.message"

    @api.model_create_multi
    def create(self, vals_list):
        """By e-mail, in the portal, in a live chat."""
        theirs = [self._paylink_is_customers(vals.get("message_type") or "comment") for vals in vals_list]
        return super().create(self._paylink_without_addresses(vals_list, theirs))

    def write(self, vals):
        """Who has written a comment may change it."""
        if any(map(vals.get, QUOTING)):
            theirs = any(self._paylink_is_customers(message.message_type) for message in self.sudo())
            [vals] = self._paylink_without_addresses([vals], [theirs])
        return super().write(vals)

    def _paylink_take_back(self):
        """Have those not sent that have not left yet; what the mail queue is sending just now leaves.

        It writes the notifications of an e-mail before it sends that: whoever holds them first has decided.

        :return: those that will leave no more
        """
        waiting = self.sudo().notification_ids.filtered(lambda fate: fate.notification_status in UNSENT_STATUSES)
        free = take_free(waiting)
        taken = self - (waiting - free).mail_message_id.with_env(self.env)
        kept_back = free.filtered(lambda fate: fate.mail_message_id in taken.sudo())
        kept_back.mail_mail_id.cancel()
        kept_back.notification_status = "canceled"
        return taken

    def _paylink_waiting(self):
        """Those that have left nowhere, and may still leave."""
        fates = {message: set(message.sudo().notification_ids.mapped("notification_status")) for message in self}
        unsent = self.filtered(lambda message: fates[message].isdisjoint(LEFT_STATUSES))
        return unsent.filtered(lambda message: not fates[message].isdisjoint(UNSENT_STATUSES))

    @api.model
    def _paylink_is_customers(self, message_type):
        return message_type == "email" or (message_type == "comment" and not self.env.user._is_internal())

    @api.model
    def _paylink_without_addresses(self, vals_list, theirs):
        """:param list theirs: whether each of ``vals_list`` is a customer's"""
        places = [
            (number, name)
            for number, vals in enumerate(vals_list)
            for name in QUOTING
            if theirs[number] and vals.get(name)
        ]
        texts = [vals_list[number][name] for number, name in places]
        cleaned = [dict(vals) for vals in vals_list]
        for (number, name), text in zip(places, self.env["paylink.request.mixin"]._without_tokens(texts), strict=True):
            cleaned[number][name] = text
        return cleaned
