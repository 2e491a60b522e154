import logging
from datetime import timedelta

from markupsafe import Markup
from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from psycopg2 import OperationalError

from ..tools.stripe_errors import StripeFailure, redact
from .payment_transaction_stripe import PaylinkStripeMismatch

_logger = logging.getLogger(__name__)

# After which pauses (in minutes) what failed is tried again: for three days, as long as Stripe repeats a message.
PAUSES = (1, 5, 30, 120, 360, 720, 720, 720, 720, 720)
ERROR_LENGTH = 2000


class PaylinkEventOutcome(models.Model):
    """What became of an event: noted, tried again, or told to people."""

    _inherit = "paylink.event"

    def _conclude(self, state, error=False):
        self.write({"state": state, "error": error, "handled_at": fields.Datetime.now(), "next_try_at": False})

    def _conclude_alone(self, error):
        """Store the error of an event whose handling was undone, unless somebody else is at it or has handled it."""
        try:
            for event in self._take(SQL("id = %s", self.id), 1):
                event._fail(error)
            self.env.flush_all()
        except OperationalError as conflict:
            self._undo(conflict)

    def _fail(self, error):
        """Note why the event was not handled, and when it is tried again; in the end, tell people."""
        self.ensure_one()
        text = _explain(error)
        if isinstance(error, PaylinkStripeMismatch):
            self._conclude("refused", text)
            self._try_to_tell()
        elif self.try_count == len(PAUSES):
            self._conclude("failed", text)
            self._try_to_tell()
        else:
            next_try = fields.Datetime.now() + timedelta(minutes=PAUSES[self.try_count])
            self._conclude("waiting", text)
            self.write({"try_count": self.try_count + 1, "next_try_at": next_try, "handled_at": False})

    # === TELLING PEOPLE === #

    def _try_to_tell(self):
        """Tell people; not being able to must not undo what is noted."""
        try:
            with self.env.cr.savepoint():
                self._tell_managers()
        except OperationalError:
            raise
        except Exception:
            _logger.exception("Nobody was told of event %s", self.event_id)

    def _tell_managers(self):
        """Give the payment managers of the company a task, on the link if there is one."""
        self.ensure_one()
        link = (self.transaction_id or self._look_for_transaction()).paylink_id
        values = {"automated": True, "activity_type_id": self.env.ref("mail.mail_activity_data_todo").id}
        if link:
            values |= {"res_model_id": self.env["ir.model"]._get_id("paylink.link"), "res_id": link.id}
        self.env["mail.activity"].sudo().create(
            [
                {**values, "user_id": user.id, **self.with_context(lang=user.lang)._problem_texts()}
                for user in self.provider_id.company_id._paylink_managers()
            ]
        )

    def _look_for_transaction(self):
        """The transaction that an event which was not handled is about, if that can be found out."""
        Transaction = self.env["payment.transaction"].sudo()
        try:
            with self.env.cr.savepoint():
                (found,) = Transaction._paylink_stripe_find(self.provider_id, [self.payload["object"]])
        except OperationalError:
            raise
        except Exception:  # noqa: BLE001  perhaps the very reason why it was not handled
            found = Transaction.browse()
        self.transaction_id = found
        return found

    def _problem_texts(self):
        """Summary and note of the task."""
        values = {"event": self.event_id, "type": self.type, "provider": self.provider_id.name, "reason": self.error}
        if self.state == "refused":
            summary = self.env._("A message of %(provider)s was refused", provider=self.provider_id.name)
            note = self.env._(
                "Event %(event)s (%(type)s) of %(provider)s does not fit the payment that it is about, so nothing was "
                "changed. The reason: %(reason)s Compare the payment at the provider with the one in Odoo.",
                **values,
            )
        else:
            summary = self.env._("A message of %(provider)s could not be handled", provider=self.provider_id.name)
            note = self.env._(
                "Event %(event)s (%(type)s) of %(provider)s could not be handled for three days. The reason: "
                "%(reason)s Once that is mended, an administrator can handle it again under Collection Links, "
                "Configuration, Provider Events.",
                **values,
            )
        return {"summary": summary, "note": Markup("<p>%s</p>") % note}


def _explain(error):
    """The text of an error, for administrators."""
    text = str(error) or type(error).__name__
    if not isinstance(error, UserError | StripeFailure):
        text = f"{type(error).__name__}: {text}"
    return redact(text)[:ERROR_LENGTH]
