"""Stage of ``paylink.answer``: the link was sent to somebody else."""

from odoo import fields, models
from odoo.tools import SQL

from ...tools.limits import DAY, Cap, same

# How many such messages are sent: for one link in an hour and in a day, to one mailbox in a day, and in an hour for who
# asks from one place (see ``tools.limits``).
PER_LINK, PER_LINK_DAY, PER_MAILBOX = 3, 10, 3
PLACES = {"network": 10, "site": 20}


class PaylinkAnswerForward(models.Model):
    """The link was sent to one more address, such as the accountant's, until it has another address itself."""

    _inherit = "paylink.answer"

    email_to = fields.Char(string="Sent to", readonly=True)

    # === HOOKS OF THE KIND === #

    def _text_forward(self, env):
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

    def _caps_forward(self, link, marks):
        """What bounds these messages, besides the answers."""
        of_link = _forwards("link_id", link.id)
        return [
            Cap("mailbox_day", PER_MAILBOX, _forwards("address", marks["address"]), DAY),
            Cap("link_day", PER_LINK_DAY, of_link, DAY),
            Cap("link", PER_LINK, of_link),
            *(Cap(name, most, _forwards(name, marks[name])) for name, most in PLACES.items()),
        ]


def _forwards(column, value):
    return SQL("kind = 'forward' AND %s", same(column, value))
