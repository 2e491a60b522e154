from odoo import models
from odoo.tools.mail import email_normalize_all


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _prepare_outgoing_list(self, mail_server=False, doc_to_followers=None):
        """Let hidden copies (``Bcc`` among the headers) reach the envelope, once; Odoo takes the header itself away."""
        results = super()._prepare_outgoing_list(mail_server=mail_server, doc_to_followers=doc_to_followers)
        for position, values in enumerate(results):
            hidden = values["headers"].get("Bcc")
            if not hidden:
                continue
            if position:
                values["headers"] = {name: value for name, value in values["headers"].items() if name != "Bcc"}
            else:
                values["email_to_normalized"] = [*values["email_to_normalized"], *email_normalize_all(hidden)]
        return results
