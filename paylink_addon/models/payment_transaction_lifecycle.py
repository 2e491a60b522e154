from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import format_amount
from psycopg2 import OperationalError

from ..const import ABANDONED_AFTER_PARAMETER, AUTHORIZATION_DAYS, DEFAULT_ABANDONED_AFTER, IN_FLIGHT_STATES

# What the time line of the link says about a change of state: of a customer's attempt, or of what we asked the provider
# to do with it (capture, void, refund).
ATTEMPT_EVENTS = {
    "pending": "pending",
    "authorized": "authorized",
    "error": "attempt_failed",
    "cancel": "attempt_abandoned",
}
OPERATION_EVENTS = {
    "error": "operation_failed",
    "cancel": "voided",
}
# A refund that was stored but, after that time, not answered has probably never been sent.
REFUND_ANSWER = timedelta(days=1)
REFUND_EVENTS = dict.fromkeys(("error", "cancel"), "operation_failed")


class PaymentTransaction(models.Model):
    """Attempts that customers leave, amounts that are only authorized, and what payment managers ask providers."""

    _inherit = "payment.transaction"

    paylink_abandoned = fields.Boolean(
        string="Abandoned",
        readonly=True,
        help="The customer left without paying: it counts as an attempt. A payment that still comes is accepted.",
    )

    # === WHAT FOLLOWS FROM A CHANGE OF STATE === #

    def _paylink_changed(self, before, message):
        """Tell on the link what has changed, and end a cancellation that waits for it.

        :param str before: the state until now
        :param str message: what the provider says
        """
        self.ensure_one()
        link = self.paylink_id
        if name := self._paylink_event_name(before):
            link._log_events(name, {link.id: message or self._paylink_voided_text()})
        if self.state == "authorized" and self._paylink_is_incoming():
            link._run_steps([link._announce_authorization], self)
        if link.cancel_requested_at:
            link._end_cancellation(self)

    def _paylink_event_name(self, before):
        """Which line of the time line tells the state, if any."""
        if self.operation == "refund":
            return REFUND_EVENTS.get(self.state)
        if self.source_transaction_id:
            return OPERATION_EVENTS.get(self.state)
        if before == "authorized" and self.state == "cancel":
            told = "cancel" in self.child_transaction_ids.mapped("state")
            return None if told else OPERATION_EVENTS["cancel"]
        return ATTEMPT_EVENTS.get(self.state)

    def _paylink_voided_text(self):
        voided = self.state == "cancel" and self.source_transaction_id and self.operation != "refund"
        return format_amount(self.env, self.amount, self.currency_id) if voided else ""

    # === ABANDONED ATTEMPTS === #

    def _paylink_abandoned_after(self):
        """How long after its creation an unanswered attempt is given up.

        :return: a ``timedelta``, or ``False`` where the provider itself says when its session ends
        """
        self.ensure_one()
        parameter = self.env["ir.config_parameter"].sudo().get_param(ABANDONED_AFTER_PARAMETER)
        minutes = int(parameter) if (parameter or "").isdigit() else DEFAULT_ABANDONED_AFTER
        return bool(minutes) and timedelta(minutes=minutes)

    @api.model
    def _paylink_close_abandoned(self, limit=500):
        """Close the attempts whose customers have not come back; one commit each."""
        now = fields.Datetime.now()
        waiting = self.search([("paylink_id", "!=", False), ("state", "=", "draft")], order="id")._paylink_closable()
        left = waiting.filtered(lambda tx: (after := tx._paylink_abandoned_after()) and tx.create_date + after <= now)
        for tx in left[:limit]:
            try:
                if tx.try_lock_for_update(allow_referencing=True):
                    tx.invalidate_recordset()  # it was read in another transaction: its customer may have paid since
                    tx._paylink_closable()._paylink_abandon()
                self.env["ir.cron"]._commit_progress()
            except OperationalError:
                self.env.cr.rollback()  # somebody else works on the same rows: next time

    def _paylink_abandon(self):
        """Close attempts as the customer's choice: they count, and the link is *Interrupted*."""
        self.paylink_abandoned = True
        self._paylink_close(self.env._("The customer left without paying."))

    # === AUTHORIZED AMOUNTS === #

    def _paylink_authorized(self):
        """Those that wait to be captured or voided."""
        return self.filtered(lambda tx: tx.state == "authorized" and tx._paylink_is_incoming())

    def _paylink_failed(self):
        """The attempts that came to nothing by the customer's or the provider's doing; what we released is none."""
        return self.filtered(
            lambda tx: tx.state in ("error", "cancel") and "cancel" not in tx.child_transaction_ids.mapped("state")
        )

    def _paylink_authorized_amount(self):
        """What is still reserved of these, in their currency: not what has been captured or voided."""
        children = self.child_transaction_ids.filtered(
            lambda child: child.operation != "refund" and child.state in ("done", "cancel")
        )
        return sum(self.mapped("amount")) - sum(children.mapped("amount"))

    def _paylink_capture_before(self):
        """Until when the amount is reserved. A provider that knows it says so by extending this method.

        :return: a ``datetime`` (UTC)
        """
        self.ensure_one()
        return (self.last_state_change or self.create_date) + timedelta(days=AUTHORIZATION_DAYS)

    # === REFUNDS === #

    def _paylink_refundable(self):
        """The payments of which something can be given back."""
        received = self.sudo()._paylink_received()
        return received.filtered(lambda tx: tx._paylink_refundable_amount() > 0).with_env(self.env)

    def _paylink_refundable_amount(self):
        """What can be given back of a payment, in its currency: refunds that are under way or not booked yet count."""
        payment = self.sudo().payment_id
        since = fields.Datetime.now() - REFUND_ANSWER
        under_way = self.sudo().child_transaction_ids.filtered(
            lambda child: (
                child.operation == "refund"
                and not child.payment_id
                and (
                    child.state in (*IN_FLIGHT_STATES, "done")
                    or (child.state == "draft" and child.create_date >= since)
                )
            )
        )
        return max(payment.amount_available_for_refund + sum(under_way.mapped("amount")), 0.0)  # theirs are negative

    def _paylink_refund_support(self):
        """``none``, ``full_only`` or ``partial``: what both the provider and the method can do."""
        transaction = self.sudo()
        method = transaction.payment_method_id.primary_payment_method_id or transaction.payment_method_id
        supports = {transaction.provider_id.support_refund, method.support_refund}
        return next((support for support in ("none", "full_only") if support in supports), "partial")

    # === CHARGES OF SAVED METHODS === #

    def _paylink_prepare_charge(self):
        """What is committed before a saved method is charged: money may be under way from then on.

        A provider whose charge can be sent again by a job stores that wish by extending this method.
        """
        self._set_pending()

    # === REQUESTS OF PAYMENT MANAGERS === #

    def action_refund(self, amount_to_refund=None):
        """Refunding what came by a link is for payment managers, who need no rights on transactions for it."""
        if not self.filtered("paylink_id") or self.env.su:
            return super().action_refund(amount_to_refund=amount_to_refund)
        return super(PaymentTransaction, self._paylink_as_manager()).action_refund(amount_to_refund=amount_to_refund)

    def _paylink_as_manager(self):
        """These transactions in sudo mode, for a payment manager who may write all of their links; else an error."""
        if not self.env.user.has_group("paylink_addon.group_payment_manager"):
            raise AccessError(
                self.env._("Only payment managers can capture, void or refund the payments of collection links.")
            )
        transactions = self.sudo()
        if transactions.filtered(lambda tx: not tx.paylink_id):
            self.check_access("write")  # not only links' payments: Odoo's own rule
        transactions.paylink_id.sudo(False).check_access("write")
        return transactions

    def _paylink_request(self, action, *args):
        """Ask the provider once, by Odoo's own ``action_void``, ``action_capture`` or ``action_refund``.

        The request is committed before it is sent and its answer right after: neither a second run of the same call
        (after a conflict) nor a crash sends it again. Of a provider that sends after the commit all is undone by a
        conflict, and asked for again. Callers have checked the rights; ``self`` is in sudo mode.

        :return: what the action returns: a notification
        """
        self.ensure_one()
        cr, answers, known = self.env.cr, [], self.child_transaction_ids
        try:
            result = getattr(self.with_context(paylink_request=True, paylink_answers=answers), action)(*args)
            cr.commit()  # pylint: disable=invalid-commit
        except OperationalError:
            cr.rollback()
            sent = self._paylink_sends_at_once() and self.child_transaction_ids - known
            if not sent:
                raise  # nothing was sent: the whole call is run again
            sent._paylink_apply(answers)
            result = sent._build_action_feedback_notification()
        return result

    def _paylink_sends_at_once(self):
        """Whether a request is sent within the database transaction that asks for it, so that it must be stored first.

        A provider that sends after the commit says so by extending this method.
        """
        self.ensure_one()
        return True

    def _create_child_transaction(self, amount, is_refund=False, **custom_create_values):
        """What is about to be asked is stored first: see :meth:`_paylink_request`."""
        child = super()._create_child_transaction(amount, is_refund=is_refund, **custom_create_values)
        if self.env.context.get("paylink_request") and self._paylink_sends_at_once():
            self.env.cr.commit()  # pylint: disable=invalid-commit
        return child
