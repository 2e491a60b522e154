from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import MAX_SMS_PARTS, SMS_LENGTH, SMS_PART_LENGTH
from ..tools.gsm import gsm_parts, to_gsm


class PaylinkRequestSms(models.AbstractModel):
    """The SMS of requests: in the GSM alphabet, of a limited length, queued in Odoo's outbox."""

    _inherit = "paylink.sending.mixin"

    @api.model
    def _sms_problem(self, text, name):
        """Why ``text`` can't be sent to ``name``, and what to do, or ``False``."""
        parts = gsm_parts(to_gsm(text or ""), SMS_LENGTH, SMS_PART_LENGTH)
        if parts <= MAX_SMS_PARTS:
            return False
        return self.env._(
            "The SMS to %(name)s would be sent as %(count)s messages, no more than %(limit)s are possible: shorten its "
            "text or template.",
            name=name,
            count=parts,
            limit=MAX_SMS_PARTS,
        )

    @api.model
    def _sms_warning(self, text):
        """What speaks against a text that can be sent, or ``False``."""
        parts = gsm_parts(to_gsm(text or ""), SMS_LENGTH, SMS_PART_LENGTH)
        if not 1 < parts <= MAX_SMS_PARTS:
            return False
        return self.env._(
            "The SMS is longer than %(limit)s characters: it is sent, and billed, as %(count)s messages.",
            limit=SMS_LENGTH,
            count=parts,
        )

    def _check_sms(self, texts):
        """Refuse texts that would be sent as too many messages.

        :param dict texts: the message in the GSM alphabet, by id of request
        """
        for request in self:
            if problem := self._sms_problem(texts[request.id], request.partner_id.display_name):
                raise UserError(problem)

    def _create_sms(self, texts):
        """Create the SMS in one batch, with the notifications that will tell their fate.

        :param dict texts: the message by id of request
        :return: the ``mail.message`` of each request
        """
        if not self:
            return self.env["mail.message"]
        subtype = self._event_subtype_id("sent")
        texts = {res_id: to_gsm(text) for res_id, text in texts.items()}
        self._check_sms(texts)
        messages = (
            self.env["mail.message"]
            .sudo()
            .create(
                [
                    request._message_values(subtype)
                    | {
                        "message_type": "sms",
                        "email_from": request._sender()[0],
                        "reply_to": request._sender()[1],
                        "body": texts[request.id],
                    }
                    for request in self
                ]
            )
        )
        sms = (
            self.env["sms.sms"]
            .sudo()
            .create(
                [
                    {
                        "body": texts[request.id],
                        "number": request.phone,
                        "partner_id": request.partner_id.id,
                        "mail_message_id": message.id,
                    }
                    for request, message in zip(self, messages, strict=True)
                ]
            )
        )
        self.env["mail.notification"].sudo().create(
            [
                {
                    "author_id": text.mail_message_id.author_id.id,
                    "mail_message_id": text.mail_message_id.id,
                    "res_partner_id": text.partner_id.id,
                    "sms_number": text.number,
                    "sms_id_int": text.id,
                    "sms_tracker_ids": [fields.Command.create({"sms_uuid": text.uuid})],
                    "notification_type": "sms",
                    "notification_status": "ready",
                    "is_read": True,
                }
                for text in sms
            ]
        )
        self.env.ref("sms.ir_cron_sms_scheduler_action").sudo()._trigger()
        return messages
