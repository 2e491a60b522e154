"""Stage of ``paylink.link``: the customer has the link sent to somebody else."""

from odoo import models
from odoo.exceptions import UserError

from ...tools import limits
from ...tools.address_checks import check_email
from ...tools.addresses import MAX_EMAIL_LENGTH, BadAddress, split_emails
from ...tools.texts import typed


class PaylinkLinkForward(models.Model):
    """The link goes to one more address, such as the accountant's. Nothing that was typed is in the message but its
    address, which it is sent to: strangers can have no words of theirs sent.
    """

    _inherit = "paylink.link"

    # === HOOKS OF THE KIND === #

    def _answer_form_forward(self):
        """The languages to choose from: that of the page, if nothing is chosen."""
        installed = self.env["res.lang"].get_installed()
        named_in_itself = [(code, name.rpartition("/")[2].strip()) for code, name in installed]
        return {"languages": named_in_itself, "lang": self.env.lang}

    def _answer_marks_forward(self, said, ip):
        """Also by whom it is sent to."""
        return limits.marks(self.env, "paylink.answer", ip, _one_email(said.get("email")))

    def _answer_forward(self, said):
        """The message is queued in the transaction that stores the answer: both are there, or none."""
        email = _one_email(said.get("email"))
        if not email or check_email(email).state == "invalid":
            raise UserError(self.env._("Enter one e-mail address that we can write to."))
        is_unwanted = self._is_unwanted(email)
        values = {"email_to": email, "was_unwanted": is_unwanted, "line_ids": self.line_ids.ids}
        answer = self._note_answer("forward", "forwarded", **values)
        if not is_unwanted:
            self._forward(email, self.env["res.lang"]._paylink_nearest(typed(said.get("lang"))) or self.env.lang)
        return answer

    # === HELPERS === #

    def _is_unwanted(self, email):
        """Whether its owner wants no messages: whoever has typed the address is not told so."""
        return bool(self.env["mail.blacklist"].sudo().search_count([("email", "=", email)], limit=1))

    def _forward(self, email, lang):
        """Queue the message, in the language that was chosen. The customer's own messages are what they were."""
        template = self.env.ref("paylink_addon.mail_template_forward", raise_if_not_found=False)
        told = self._read_in(lang)
        values = told._prepare_emails(
            self._existing(template).with_env(told.env(su=True)), email_to={self.id: email}, event="forward_sent"
        )
        told._create_emails(values)

    # === ITS ADDRESS === #

    def _after_token_replaced(self):
        """Whoever was sent the old one cannot use it anymore; what was answered by it leaves room for other answers."""
        result = super()._after_token_replaced()
        answers = self.env["paylink.answer"].sudo().search([("link_id", "in", self.ids)])
        answers.filtered(lambda answer: answer.kind == "forward")._end()
        answers._count_no_more()
        return result


def _one_email(text):
    """The one address in what was typed, normalized, or ``None``.

    :param text: as it came: anything
    """
    try:
        found = split_emails(typed(text, 2 * MAX_EMAIL_LENGTH))
    except BadAddress:
        return None
    return found[0] if len(found) == 1 else None
