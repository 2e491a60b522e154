from odoo import api, models


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def message_parse(self, message, save_original=False):
        """Leave out the addresses of customers' pages that an e-mail quotes.

        What an alias makes of it (an opportunity, a task, a ticket) may keep the text in fields of its own.
        """
        parsed = super().message_parse(message, save_original=save_original)
        names = [name for name in ("subject", "body") if parsed.get(name)]
        attached = parsed.get("attachments") or []
        readable = [number for number, file in enumerate(attached) if isinstance(file[1], str)]
        texts = [*(parsed[name] for name in names), *(attached[number][1] for number in readable)]
        cleaned = iter(self.env["paylink.request.mixin"]._without_tokens(texts))
        parsed |= {name: next(cleaned) for name in names}
        for number in readable:
            attached[number] = attached[number]._replace(content=next(cleaned))
        return parsed
