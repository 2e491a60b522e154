"""Stage of ``paylink.answer``: the link was sent to somebody else."""

from odoo import fields, models
from odoo.tools import SQL

from ...tools.limits import DAY, Cap, same

# How many such messages are sent: for one link in an hour and in a day, to one mailbox in a day for one customer and at
# all, and in an hour for who asks from one place (see ``tools.limits``).
PER_LINK, PER_LINK_DAY, PER_MAILBOX, PER_MAILBOX_ALL = 3, 10, 3, 20
PLACES = {"network": 10, "site": 20}


class PaylinkAnswerForward(models.Model):
    """The link was sent to one more address, such as the accountant's, until it has another address itself."""

    _inherit = "paylink.answer"

    email_to = fields.Char(string="Sent to", readonly=True)
    was_unwanted = fields.Boolean(
        string="Not Sent", readonly=True, help="The owner of the address wants no e-mails: none was sent."
    )

    # === HOOKS OF THE KIND === #

    def _text_forward(self, env):
        if self.was_unwanted:
            return env._(
                "The link was not sent to %(email)s: the owner of this address wants no e-mails from us.",
                email=self.email_to,
            )
        return env._("The link was sent to %(email)s.", email=self.email_to)

    def _page_text_forward(self, env):
        """Whoever holds the link need not know the address: as much of it as its sender recognizes."""
        local, _at, domain = (self.email_to or "").rpartition("@")
        return env._("This page was sent to %(email)s.", email=f"{local[:1]}…@{domain}")

    def _stands_forward(self):
        return True

    def _may_undo_forward(self):
        """What is sent is sent."""
        return False

    def _may_lift_forward(self):
        """The address of the link is replaced instead."""
        return False

    def _caps_forward(self, alike):
        """They are messages: fewer than other answers."""
        return [
            *self._caps_general(alike),
            Cap("link_few", PER_LINK, alike),
            Cap("link_day", PER_LINK_DAY, alike, DAY),
        ]

    def _place_caps_forward(self, values):
        """Also by the mailbox: many customers may have the same accountant. What names none is no message."""
        sent = SQL("kind = 'forward' AND address IS NOT NULL AND customer_id = %s", values["customer_id"])
        mailbox, few = same("address", values["address"]), PLACES.items()
        return [
            Cap("mailbox", PER_MAILBOX, SQL("%s AND %s", sent, mailbox), DAY),
            Cap("mailbox_all", PER_MAILBOX_ALL, SQL("kind = 'forward' AND %s", mailbox), DAY),
            *(Cap(f"few_{name}", most, SQL("%s AND %s", sent, same(name, values[name]))) for name, most in few),
            *self._place_caps_general(values),
        ]
