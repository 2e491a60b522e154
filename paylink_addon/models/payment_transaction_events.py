import logging

from markupsafe import Markup
from odoo import fields, models
from psycopg2 import OperationalError

from ..tools.stripe_errors import redact

_logger = logging.getLogger(__name__)


class PaymentTransactionEvents(models.Model):
    _inherit = "payment.transaction"

    paylink_stripe_ask_at = fields.Datetime(
        string="Next Look-up",
        copy=False,
        readonly=True,
        help="When Stripe is asked what became of it, unless it tells us before.",
    )

    def _paylink_try_to_look_up(self):
        """Look one transaction up; what can't be booked keeps nobody from the next one."""
        self.ensure_one()
        try:
            self._paylink_stripe_lookup()
        except Exception:
            self.env.cr.rollback()
            _logger.exception("%s could not be looked up", self.reference)

    # === ANSWERS THAT DO NOT FIT === #

    def _paylink_stripe_refuse_answer(self, error):
        """What Stripe answers about this transaction can't be: undo it, and tell people. Commits."""
        self.ensure_one()
        self.env.cr.rollback()
        _logger.info("%s: Stripe's answer was refused: %s", self.reference, error)
        try:
            self._paylink_tell_managers("answer", redact(str(error)))
            self.env.cr.commit()  # pylint: disable=invalid-commit
        except OperationalError:
            self.env.cr.rollback()  # somebody else works on the same rows: it is asked again, and told then

    # === WHAT MANAGERS HAVE TO KNOW === #

    def _paylink_tell_managers(self, kind, reason):
        """Give the payment managers a task, on the link if it is about that; once, until it is done.

        :param str kind: ``answer``: Stripe's does not fit, and is not told of again; ``page``: it refuses to open that
            of this payment; ``key``: it refuses the provider's key
        :param str reason: what Stripe says, or is wrong with it
        """
        Activity = self.env["mail.activity"].sudo().with_context(active_test=kind != "answer")
        values = {"automated": True, "activity_type_id": self.env.ref("mail.mail_activity_data_todo").id}
        if self.paylink_id and kind != "key":
            values |= {"res_model_id": self.env["ir.model"]._get_id("paylink.link"), "res_id": self.paylink_id.id}
        for user in self.company_id._paylink_managers():
            texts = getattr(self.with_context(lang=user.lang), f"_paylink_{kind}_texts")(reason)
            if not Activity.search_count([("user_id", "=", user.id), ("summary", "=", texts["summary"])], limit=1):
                Activity.create({**values, **texts, "user_id": user.id})

    def _paylink_answer_texts(self, reason):
        """Summary and note of the task."""
        note = self.env._(
            "%(provider)s was asked what became of payment %(reference)s of %(partner)s, and its answer does not fit, "
            "so nothing was changed. The reason: %(reason)s Compare the payment at the provider with the one in Odoo.",
            **self._paylink_task_facts(reason),
        )
        summary = self.env._("The provider's answer about %(reference)s was refused", reference=self.reference)
        return {"summary": summary, "note": Markup("<p>%s</p>") % note}

    def _paylink_page_texts(self, reason):
        """Summary and note of the task."""
        note = self.env._(
            "%(partner)s wanted to pay %(reference)s by %(provider)s, which refused to open its page. The reason: "
            "%(reason)s The customer has been told that it is not possible at the moment.",
            **self._paylink_task_facts(reason),
        )
        document = self.paylink_id.name or self.reference  # the next try has another reference
        summary = self.env._("The payment page of %(document)s can't be opened", document=document)
        return {"summary": summary, "note": Markup("<p>%s</p>") % note}

    def _paylink_key_texts(self, reason):
        """Summary and note of the task."""
        note = self.env._(
            "%(partner)s wanted to pay %(reference)s by %(provider)s, and could not, as nobody can now: Stripe refuses "
            "the key. The reason: %(reason)s An administrator has to check “Stripe Secret Key” on the provider, and, "
            "for a restricted key, its permissions.",
            **self._paylink_task_facts(reason),
        )
        summary = self.env._("Nobody can pay by %(provider)s: its key is refused", provider=self.provider_id.name)
        return {"summary": summary, "note": Markup("<p>%s</p>") % note}

    def _paylink_task_facts(self, reason):
        return {
            "provider": self.provider_id.name,
            "reference": self.reference,
            "partner": self.partner_id.display_name,
            "reason": reason,
        }

    # === ACTIONS === #

    def action_paylink_view_events(self):
        """Show administrators what the provider has told about this transaction."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_event_action")
        return action | {"domain": [("transaction_id", "=", self.id)], "context": {}}
