from odoo import models


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    def _message_parse_extract_payload(self, message, message_dict, save_original=False):
        """Leave out the addresses of customers' pages that an e-mail quotes.

        What an alias makes of it (an opportunity, a task, a ticket) may keep the text in fields of its own.
        """
        payload = super()._message_parse_extract_payload(message, message_dict, save_original=save_original)
        files = [file for file in payload["attachments"] if isinstance(file.content, str)]
        texts = [message_dict.get("subject"), payload["body"], *(file.content for file in files)]
        subject, body, *contents = self.env["paylink.request.mixin"]._without_tokens(texts)
        cleaned = {id(file): file._replace(content=text) for file, text in zip(files, contents, strict=True)}
        attachments = [cleaned.get(id(file), file) for file in payload["attachments"]]
        return payload | {"body": body, "attachments": attachments} | ({"subject": subject} if subject else {})
