from odoo import models
from odoo.tools.mail import email_normalize_all

from ...tools.texts import one_line

HEADERS = ("subject", "email_from", "reply_to")


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _prepare_outgoing_list(self, mail_server=False, doc_to_followers=None):
        """Whatever becomes a header is one line: a label or a name may have more, and no such e-mail can be sent.

        Hidden copies (``Bcc`` among the headers) reach the envelope, once; Odoo takes the header itself away.
        """
        results = super()._prepare_outgoing_list(mail_server=mail_server, doc_to_followers=doc_to_followers)
        for position, values in enumerate(results):
            values.update(self._paylink_one_line(values))
            hidden = values["headers"].get("Bcc")
            if not hidden:
                continue
            if position:
                values["headers"] = {name: value for name, value in values["headers"].items() if name != "Bcc"}
            else:
                values["email_to_normalized"] = [*values["email_to_normalized"], *email_normalize_all(hidden)]
        return results

    def _paylink_one_line(self, values):
        """What of the ``values`` of an outgoing e-mail becomes headers, on one line each."""
        return {
            **{name: one_line(values[name]) for name in HEADERS},
            **{name: [one_line(address) for address in values[name]] for name in ("email_to", "email_cc")},
            "headers": {
                name: one_line(value) if isinstance(value, str) else value for name, value in values["headers"].items()
            },
            "attachments": [(one_line(name), *rest) for name, *rest in values["attachments"]],
        }
