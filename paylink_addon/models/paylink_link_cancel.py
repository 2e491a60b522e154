from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_amount
from psycopg2 import OperationalError

# A provider that has not answered by then is asked again by who insists, or by the job.
ANSWER_AFTER = timedelta(minutes=5)
RESUME_AFTER = timedelta(hours=1)


class PaylinkLinkCancel(models.Model):
    """Cancelling links, also while money is under way.

    A link with an authorized payment is cancelled when its provider has released the amount, not before: the wish is
    stored and committed, then the provider is asked; what it answers, now or later, ends the cancellation or takes the
    wish back.
    """

    _inherit = "paylink.link"

    cancel_requested_at = fields.Datetime(string="Cancellation asked on", readonly=True, copy=False)

    def action_cancel(self):
        """Cancel links: their URLs say so from then on. What is under way is closed at the provider.

        Where an authorized amount has to be released first, this commits.

        :raises UserError: if a provider refuses to release it: that link is not cancelled
        """
        self.check_access("write")
        if done := self.filtered(lambda link: link.state == "paid"):
            raise UserError(self.env._("%(name)s is paid: refund it instead.", name=done[0].display_name))
        foreign = self.filtered(lambda link: link.user_id != self.env.user)
        if foreign and not self.env.su and not self.env.user.has_group("paylink_addon.group_payment_manager"):
            raise AccessError(self.env._("Only payment managers can cancel the links of others."))
        links = self.filtered(lambda link: not link.cancelled_at)
        authorized = links.filtered("amount_authorized")
        (links - authorized)._cancel()
        authorized._cancel_authorized()
        return True

    def _cancel(self, reason=""):
        """Cancel links of which nothing is authorized; what is pending may still come, and is booked then.

        :param str reason: what the time line says, where nobody has asked for it
        """
        if not self:
            return
        self.sudo().write({"cancelled_at": fields.Datetime.now(), "cancel_requested_at": False})
        self._close_attempts(self.env._("The link was cancelled."))
        self.sudo().transaction_ids._paylink_withdraw_charges(self.env._("The link was cancelled."))
        self._log_events(
            "cancelled",
            {link.id: " ".join(filter(None, [reason, link._pending_text()])) for link in self},
        )

    def _pending_text(self):
        return self.amount_pending and self.env._(
            "%(amount)s is on its way: it can still arrive, and will be booked then.",
            amount=format_amount(self.env, self.amount_pending, self.currency_id),
        )

    def _cancel_authorized(self):
        """Ask the providers to release what is authorized; their answers cancel the links."""
        if not self:
            return
        self._lock()
        now = fields.Datetime.now()
        if waiting := self.filtered(
            lambda link: link.cancel_requested_at and link.cancel_requested_at > now - ANSWER_AFTER
        ):
            raise UserError(
                self.env._("%(name)s is being cancelled: wait for the provider's answer.", name=waiting[0].name)
            )
        self.sudo().cancel_requested_at = now
        self._close_attempts(self.env._("The link was cancelled."))
        refusals = {link: reason for link in self if (reason := link._void_authorized())}
        if refusals:
            self.env.cr.commit()  # pylint: disable=invalid-commit  # the wish is taken back, whatever is raised
            raise UserError("\n".join(link._refusal_text(reason) for link, reason in refusals.items()))

    def _void_authorized(self):
        """Ask the provider to release what is authorized.

        :return: why it refused; then the wish to cancel is taken back
        """
        reason = ""
        transactions = self.sudo().transaction_ids._paylink_authorized()
        if not transactions:  # captured or released meanwhile
            self.sudo()._end_or_keep()
        for tx in transactions:
            try:
                tx._paylink_request("action_void")
            except UserError as error:  # not sent at all: the provider is disabled
                reason = str(error)
            else:
                answer = tx.child_transaction_ids.sorted("id")[-1:]
                reason = reason or (answer.state == "error" and (answer.state_message or answer.reference)) or ""
        if reason:
            self.sudo().cancel_requested_at = False
        return reason

    def _refusal_text(self, reason):
        return self.env._(
            "%(name)s could not be cancelled: the authorized payment was not released. The reason: %(reason)s",
            name=self.name,
            reason=reason,
        )

    def _end_cancellation(self, transaction):
        """End or give up a cancellation that waited for this change of a transaction."""
        self.ensure_one()
        link = self.sudo()
        refused = transaction.state == "error" and transaction.source_transaction_id
        if refused and not self.env.context.get("paylink_request"):  # whoever asks right now is told there
            link._report_refusal(transaction.state_message or transaction.reference)
        elif not refused and not link.transaction_ids._paylink_authorized():
            link._end_or_keep()

    def _end_or_keep(self):
        """Cancel, unless the amount was captured meanwhile and the link is paid."""
        if self.state == "paid":
            self.cancel_requested_at = False
        elif not self.cancelled_at:
            self._cancel()

    def _report_refusal(self, reason):
        """Take the wish back, and give the owner the task to look after it."""
        self.cancel_requested_at = False
        env = self._owner_env()
        self._schedule(env._("A link could not be cancelled"), self.with_env(env)._refusal_text(reason))

    @api.model
    def _resume_cancellations(self):
        """Ask again where no answer has come: the server may have stopped in between."""
        overdue = fields.Datetime.now() - RESUME_AFTER
        for link in self.sudo().search([("cancel_requested_at", "<=", overdue), ("cancelled_at", "=", False)]):
            try:
                link._lock()
                if link.cancel_requested_at:
                    link._resume_cancellation()
                self.env["ir.cron"]._commit_progress()
            except OperationalError:
                self.env.cr.rollback()  # somebody else works on the same rows: next time

    def _resume_cancellation(self):
        self.cancel_requested_at = fields.Datetime.now()
        if reason := self._void_authorized():
            self._report_refusal(reason)
