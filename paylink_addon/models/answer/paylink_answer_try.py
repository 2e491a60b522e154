from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ...tools import limits
from ...tools.hooks import named_hook
from ...tools.limits import Cap, same

TABLE = "paylink_answer_try"
# How many forms of one kind are sent in an hour from one place (see ``tools.limits``), for one customer: whoever shares
# a place with others, as behind the router of an office or of a carrier, keeps nobody else from answering.
PLACES = {"network": 20, "site": 40}


class TooManyAnswers(UserError):
    """More than are taken: later."""


class PaylinkAnswerTry(models.Model):
    """The form of an answer was sent, whatever was in it: it is counted by where it came from.

    Apart from the answers: these wait for the rows of what they are about, and nobody is to wait for that. After a day
    it is forgotten.
    """

    _name = "paylink.answer.try"
    _description = "Sent Form of an Answer"
    _log_access = False

    kind = fields.Char(required=True)
    customer_id = fields.Many2one("res.partner", index="btree_not_null", ondelete="cascade")
    tried_at = fields.Datetime(required=True, index=True)
    address = fields.Char(help="Of whom it is to be sent to; not to be read.")
    network = fields.Char(help="Likewise.")
    site = fields.Char(help="Of IPv6: the many networks that one may have.")

    @api.model
    def _count(self, link, kind, marks):
        """Count one more, unless there were too many. Commits before and after.

        :param dict marks: see :func:`~..tools.limits.marks`
        :raises TooManyAnswers: with a text for the customer
        """
        values = {
            "kind": kind,
            "customer_id": link.partner_id.commercial_partner_id.id or None,
            "tried_at": fields.Datetime.now(),
            **marks,
        }
        caps = named_hook(self.env["paylink.answer"], "place_caps", kind)(values)
        reached = limits.store(self.env, TABLE, values, "tried_at", caps)
        if limits.BUSY in reached:
            raise TooManyAnswers(self.env._("Please try again in a minute."))
        self._refuse(reached, caps)

    @api.model
    def _refuse(self, reached, caps):
        """Say when there is room again.

        :param reached: names of caps, as of :func:`~..tools.limits.full`
        """
        if any(cap.within != limits.HOUR for cap in caps if cap.name in reached):
            raise TooManyAnswers(self.env._("There were too many answers: please contact us."))
        if reached:
            raise TooManyAnswers(self.env._("Too many answers: please try again in an hour, or contact us."))

    @api.model
    def _caps_of_places(self, values):
        """What bounds those like that of ``values`` from one place, for one customer."""
        alike = SQL("kind = %s AND customer_id = %s", values["kind"], values["customer_id"])
        return [Cap(name, most, SQL("%s AND %s", alike, same(name, values[name]))) for name, most in PLACES.items()]

    @api.autovacuum
    def _forget_old(self):
        """What no cap looks back to."""
        self.search([("tried_at", "<", fields.Datetime.now() - limits.DAY)]).unlink()
