"""Stage of ``paylink.link``: sent, renewed, authorized, cancelled, expired."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import LazyTranslate, format_amount, format_datetime

from ...const import Task
from ...tools.locks import hold_and_touch
from ...tools.texts import said
from .payment_transaction import ON_REQUEST

_lt = LazyTranslate(__name__)
# With more invoices than this no missing PDF is made: each takes a second.
MAX_NEW_PDFS = 20
MOST_ATTACHED = 100
# A provider that has not answered by then is asked again by who insists, or by the job.
ANSWER_AFTER = timedelta(minutes=5)
RESUME_AFTER = timedelta(hours=1)


class PaylinkLinkLife(models.Model):
    """What people do with links, and the job that ends them."""

    _inherit = "paylink.link"
    _sending_fields = frozenset({"lang", "email", "phone", "send_email", "send_sms", "attach_pdf"})

    attach_pdf = fields.Boolean(
        string="Attach the invoice PDF", help="Every time the link is sent by e-mail, including when it is sent again."
    )
    cancel_requested_at = fields.Datetime(string="Cancellation requested on", readonly=True, copy=False)
    amount_authorized = fields.Monetary(
        string="Authorized",
        compute="_compute_in_flight",
        help="Authorized by the customer: capture it to receive the money.",
    )
    amount_pending = fields.Monetary(
        string="On its way", compute="_compute_in_flight", help="The provider has not confirmed it yet."
    )
    capture_before = fields.Datetime(compute="_compute_in_flight")
    can_refund = fields.Boolean(compute="_compute_can_refund", help="A payment can be given back through its provider.")

    # === COMPUTE METHODS === #

    @api.depends("transaction_ids.state", "transaction_ids.amount")
    def _compute_in_flight(self):
        for link in self:
            transactions = link.sudo().transaction_ids
            authorized = transactions._paylink_authorized()
            pending = transactions._paylink_attempts()._paylink_in_flight() - authorized
            link.amount_authorized = authorized._paylink_authorized_amount()
            link.amount_pending = sum(pending.mapped("amount"))
            link.capture_before = min((tx._paylink_capture_before() for tx in authorized), default=False)

    @api.depends("amount_paid", "amount_refunded", "amount_taken_back")
    def _compute_can_refund(self):
        for link in self:
            link.can_refund = bool(link.amount_paid and link.sudo().transaction_ids._paylink_refundable())

    # === ACTIONS === #

    def action_send(self):
        """Send (or send again) the messages of live links, by the channels chosen on each; where other links ask for
        it in their turn, what is asked for now.
        """
        self.check_access("write")
        self._open_to_customers()
        in_parts = self.filtered(lambda link: link._is_sent_in_parts())
        (self - in_parts)._make_missing_pdfs()
        (self - in_parts)._send_out()
        in_parts._send_in_parts()
        return self._action_tell_sent()

    def action_renew(self):
        """Open the dialog that makes and sends a successor of each cancelled or expired link.

        Who has sent one already is offered to send the same one again: two would ask for the money twice.

        :raises UserError: there can be none, and why
        """
        self.check_access("write")
        self._end_overdue()
        for link in self:
            link._check_renewable()
        return self.env["paylink.send"]._action_open(self)

    def action_cancel(self):
        """Cancel links: their URLs say so from then on. What is under way is closed at the provider.

        Where an authorized amount has to be released first, this commits.

        :raises UserError: if a provider refuses to release it: that link is not cancelled
        """
        self.check_access("write")
        if done := self.filtered(lambda link: link.state == "paid"):
            raise UserError(self.env._("%(name)s is paid: refund it instead.", name=done[0].display_name))
        if not self.env.su and not all(self.mapped("can_cancel")):
            raise AccessError(self.env._("Only payment managers can cancel the links of others."))
        links = (self | self._live_widened()).filtered(lambda link: not link.cancelled_at)
        authorized = links.filtered("amount_authorized")
        (links - authorized)._cancel()
        authorized._cancel_authorized()
        return True

    def action_capture(self):
        """Capture what is authorized: by Odoo's wizard where a part can be captured, else at once."""
        transactions = self._authorized_as_manager()
        if any(tx.provider_id.support_manual_capture == "partial" for tx in transactions):
            return transactions.action_capture()
        return [tx._paylink_request("capture") for tx in transactions][-1]

    def action_void(self):
        """Release what is authorized: the customer is not charged, and may pay by the link again."""
        return [tx._paylink_request("void") for tx in self._authorized_as_manager()][-1]

    def action_refund(self):
        """Open the refund of one of the link's payments."""
        self.ensure_one()
        self.check_access("write")
        refundable = self.sudo().transaction_ids._paylink_refundable()
        if not refundable:
            raise UserError(self.env._("Nothing can be refunded: no payment is booked, or its provider can't refund."))
        return refundable[-1].sudo(False)._paylink_refund_action()

    def action_view_transactions(self):
        """Show the transactions of the link."""
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("payment.action_payment_transaction")
        return action | {"domain": [("paylink_id", "=", self.id)], "context": {}}

    def action_view_payments(self):
        """Show the payments by which its money is in the books, refunds among them."""
        self.check_access("read")
        return self._booked_payments().sudo(False)._get_records_action(name=self.env._("Payments"))

    def action_view_payment_entries(self):
        """Show the journal entries of these payments."""
        self.check_access("read")
        return self._booked_entries().sudo(False)._get_records_action(name=self.env._("Journal Entries"))

    def _booked_payments(self):
        return self.sudo().transaction_ids.payment_id

    def _booked_entries(self):
        return self._booked_payments().move_id

    def action_view_documents(self):
        """Show the journal entries whose items the link asks for."""
        moves = self.line_ids.move_id
        return moves._get_records_action(name=self.env._("Documents"))

    # === SENDING === #

    @api.model
    def _default_expires_at(self):
        return self.env.company._paylink_expires_at()

    @api.model
    def _default_template(self, kind, company):
        company = company.sudo()
        return company._paylink_mail_template() if kind == "mail" else company._paylink_sms_template()

    def _note_template(self, template):
        """Figures tell which templates are paid best."""
        self.sudo().mail_template_id = template.id

    def _open_to_customers(self):
        self._check_sendable()
        self._issue()

    def _send_out(self):
        """Send these with the PDFs that there are: whoever calls it may hold something, or be in a savepoint."""
        self._open_to_customers()
        self._queue_messages()

    def _message_attachments(self):
        """The PDFs of the invoices of the links that are sent with them: those stored (:meth:`_make_missing_pdfs`).

        None of so many that no mailbox takes them: all are on the page.
        """
        links = self.filtered("attach_pdf").sudo()
        moves = {link.id: link.line_ids._not_canceled().move_id for link in links}
        return {link_id: own.invoice_pdf_report_id.ids for link_id, own in moves.items() if len(own) <= MOST_ATTACHED}

    def _make_missing_pdfs(self):
        """Make those that are attached to the e-mails of these links, unless there are many. The links are out: their
        PDFs show them.

        In some countries Odoo commits meanwhile: no savepoint is open, and what is held has to be held anew.
        """
        links = self.filtered(lambda link: link.send_email and link.attach_pdf).sudo()
        moves = links.line_ids._not_canceled().move_id
        moves = moves.filtered(lambda move: move.is_sale_document(include_receipts=True))
        missing = moves.filtered(lambda move: not move.invoice_pdf_report_id)
        if self._can_make_pdf() and len(missing) <= MAX_NEW_PDFS:
            # What is sent is these links, which last as long as somebody has chosen: no others are made or shown.
            Send = self.env["account.move.send"].sudo().with_context(paylink_sent_ids=tuple(links.ids))
            for move in missing.with_env(Send.env):
                Send._generate_and_send_invoices(move, sending_methods=[], allow_fallback_pdf=False)

    def _new_end(self):
        return self.company_id._paylink_expires_at()

    def _is_sent_in_parts(self):
        """Hook: whether other links ask for this in their turn: many at once are not sent, nor reminded of, with it."""
        self.ensure_one()
        return False

    def _send_in_parts(self):
        """Hook: send what is asked for now of these, of which :meth:`_is_sent_in_parts` holds.

        :raises UserError: it can't be sent, and what to do
        """

    def _check_askable(self):
        """Something has to be due."""
        for link_id, why in self._unaskable().items():
            name = self.browse(link_id).name
            if why == "settled":
                raise UserError(self.env._("%(name)s: nothing is due anymore.", name=name))
            raise UserError(self.env._("%(name)s: a payment is registered, and on its way.", name=name))

    def _unaskable(self):
        """Of which nothing can be asked for, and why: ``settled`` or ``registered``, by id."""
        due, found = self._due_amounts(), {}
        left = self.sudo().line_ids.move_line_id._paylink_left()
        for link in self:
            items = link.sudo().line_ids._standing().move_line_id
            if link.currency_id.compare_amounts(due[link.id], 0) <= 0:
                found[link.id] = "settled"
            elif items and not items & left:
                found[link.id] = "registered"
        return found

    # === EXPIRY AND RENEWAL === #

    def _is_expired(self):
        return self._of_kind("is_expired")

    def _is_expired_general(self):
        return self._is_past()

    def _check_renewable(self):
        """What can be asked for again of a link that is over: by its live successor, else by one to be made.

        :raises UserError: nothing can, and why
        """
        self.ensure_one()
        self._check_over()
        link = self.sudo()
        if successor := link._live_successor():
            return successor._due_amounts()[successor.id]
        amount = link._of_kind("renewal_amount")
        if self.currency_id.compare_amounts(amount, 0) <= 0:
            if link._running():
                raise UserError(self.env._("%(name)s: a payment is in progress: wait for its outcome.", name=self.name))
            raise UserError(self.env._("%(name)s: nothing is due anymore.", name=self.name))
        return amount

    def _renew(self, expires_at, chosen):
        """A draft that asks for what is still due of this link.

        :param expires_at: until when it is to last, at most
        :param dict chosen: in what else it differs
        """
        self.ensure_one()
        self._of_kind("hold_renewal")
        values = self._successor_values() | {"amount": self._of_kind("renewal_amount")}
        return self.copy(values | chosen | {"expires_at": self._of_kind("latest_expiry", expires_at)})

    def _successor_values(self):
        """The values of a successor that follow from this link."""
        lines = self.line_ids._standing().filtered("move_line_id")
        return {
            **self.copy_data()[0],
            "renewed_from_id": self.id,
            "line_ids": [fields.Command.create(line._successor_values()) for line in lines],
        }

    def _hold_renewal_general(self):
        """Nobody but this link asks for the same."""

    def _latest_expiry_general(self, expires_at):
        return expires_at

    def _renewal_amount_general(self):
        """What is due; of a part what was not paid of it."""
        return self._renewal_amount_free() if self.is_limited else self._due_amounts()[self.id]

    def _renewal_amount_free(self):
        """What was not paid: what was given back is not asked for again, nor what may still arrive."""
        return max(self.amount - self.sudo()._received_amount() - sum(self._running().mapped("amount")), 0)

    # === CANCELLING === #
    # Links, also those whose money is under way.
    #
    # A link with an authorized payment is cancelled when its provider has released the amount, not before: the wish is
    # stored and committed, then the provider is asked; what it answers, now or later, ends the cancellation or takes
    # the wish back.

    def _cancel(self, reason=""):
        """Cancel links of which nothing is authorized; what is pending may still come, and is booked then.

        :param reason: what the timeline says, where nobody has asked for it: see :func:`~..tools.texts.said`
        """
        if not self:
            return
        self.sudo().write({"cancelled_at": fields.Datetime.now(), "cancel_requested_at": False})
        self._close_attempts(_lt("The link was canceled."))
        self.sudo().transaction_ids._paylink_withdraw_charges(_lt("The link was canceled."))
        self._log_events(
            "cancelled",
            {link.id: link._cancelled_text(reason) for link in self},
        )

    def _cancelled_text(self, reason):
        env = self.company_id._paylink_env()
        pending = self.amount_pending and env._(
            "A payment of %(amount)s is in progress: if it still arrives, it will be booked.",
            amount=format_amount(env, self.amount_pending, self.currency_id),
        )
        return " ".join(filter(None, [said(reason, env), pending]))

    def _cancel_authorized(self):
        """Ask the providers to release what is authorized; their answers cancel the links."""
        if not self:
            return
        self._wait_and_hold()
        now = fields.Datetime.now()
        if waiting := self.filtered(
            lambda link: link.cancel_requested_at and link.cancel_requested_at > now - ANSWER_AFTER
        ):
            raise UserError(
                self.env._("%(name)s is being canceled: wait for the provider's answer.", name=waiting[0].name)
            )
        self.sudo().cancel_requested_at = now
        self._close_attempts(_lt("The link was canceled."))
        refusals = {link: reason for link in self if (reason := link._void_authorized())}
        if refusals:
            self.env.cr.commit()  # pylint: disable=invalid-commit  # the wish is taken back, whatever is raised
            raise UserError("\n".join(link._refusal_text(link.env, reason) for link, reason in refusals.items()))

    def _void_authorized(self):
        """Ask the provider to release what is authorized.

        :return: why it refused; then the wish to cancel is taken back
        """
        reason = ""
        transactions = self.sudo().transaction_ids._paylink_authorized()
        if not transactions:  # captured or released meanwhile
            self.sudo()._end_or_keep()
        # What was asked for already and not answered is not asked for once more: its answer ends the cancellation.
        for tx in transactions.filtered(lambda tx: not tx._paylink_parts_under_way()):
            try:
                tx.with_context(paylink_cancelling=True)._paylink_request("void")
            except UserError as error:  # not sent at all: disabled, or captured meanwhile
                reason = str(error)
            else:
                answer = tx.child_transaction_ids.sorted("id")[-1:]
                refused = answer.state == "error" and (answer._paylink_state_reason() or answer.reference)
                reason = reason or refused or ""
        if reason:
            self.sudo().cancel_requested_at = False
        return reason

    def _refusal_text(self, env, reason):
        return env._(
            "%(name)s could not be canceled: the authorized payment was not released. The reason: %(reason)s",
            name=self.name,
            reason=said(reason, env),
        )

    def _end_cancellation(self, transaction):
        """End or give up a cancellation that waited for this change of a transaction."""
        self.ensure_one()
        link = self.sudo()
        is_release = transaction.source_transaction_id and transaction.paylink_asked != "capture"
        refused = transaction.state == "error" and is_release
        if refused and not self.env.context.get("paylink_cancelling"):  # whoever cancels right now is told there
            link._report_refusal(transaction._paylink_state_reason() or transaction.reference)
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
        self._give_task(
            Task.NOT_CANCELLED,
            lambda env: (env._("A link could not be canceled"), self._refusal_text(env, reason)),
        )

    @api.model
    def _resume_cancellations(self):
        """Ask again where no answer has come: the server may have stopped in between."""
        overdue = fields.Datetime.now() - RESUME_AFTER
        waiting = self.sudo().search([("cancel_requested_at", "<=", overdue), ("cancelled_at", "=", False)])
        return self.env["paylink.job.mixin"]._each(waiting, lambda link: link._resume_cancellation())

    def _resume_cancellation(self):
        self._wait_and_hold()
        if not self.cancel_requested_at:
            return
        self.cancel_requested_at = fields.Datetime.now()
        if reason := self._void_authorized():
            self._report_refusal(reason)

    # === AUTHORIZED AMOUNTS === #

    def _authorized_as_manager(self):
        self.ensure_one()
        self.check_access("write")
        transactions = self.sudo().transaction_ids._paylink_authorized()
        if not transactions:
            raise UserError(self.env._("%(name)s has no authorized payment to capture.", name=self.name))
        return transactions.sudo(False)._paylink_as_manager()

    def _announce_authorization(self, transaction):
        """Notify the owner, in the owner's language."""
        env = self._owner_env()
        partner, amount = self.partner_id.display_name, format_amount(env, transaction.amount, transaction.currency_id)
        self._notify_owner(
            subject=env._("%(partner)s authorized %(amount)s", partner=partner, amount=amount),
            body=env._(
                "%(partner)s authorized %(amount)s (%(name)s: %(documents)s). Capture it before %(date)s: it may not "
                "be possible later.",
                partner=partner,
                name=self.name,
                documents=self._documents_text(env, self.line_ids),
                amount=amount,
                date=format_datetime(
                    env,
                    transaction._paylink_capture_before(),
                    tz=self._task_users().partner_id._paylink_timezone(self.company_id),
                ),
            ),
        )

    # === CRON === #

    @api.model
    def _cron_expire(self):
        """Expire the links whose time is over, and close their open attempts; end what else was left half done."""
        self.env["paylink.job.mixin"]._in_turn(
            *self._for_each_kind("expire_early"),
            self.env["payment.transaction"]._paylink_close_abandoned,
            self._resume_cancellations,
            self._close_settled,
            self._expire_overdue,
        )

    @api.model
    def _expire_early_general(self):
        """The job ends links by their own dates."""

    @api.model
    def _close_settled(self):
        """Close the payment pages of what was settled another way, and could not be closed then."""
        suspects = self.env["payment.transaction"]._paylink_suspects()
        return self.env["paylink.job.mixin"]._each(suspects, lambda tx: tx._paylink_reconsider_one(), place=ON_REQUEST)

    # === HELPERS === #

    def _close_attempts(self, reason):
        self.sudo().transaction_ids._paylink_closable()._paylink_close(reason)

    def _wait_and_hold(self):
        """Wait for, then hold, the rows that two payers of the same items fight for; who waits is run again."""
        hold_and_touch(*self._contested_rows())

    def _contested_rows(self):
        """Record sets, in the order in which everybody holds them."""
        rows = [records for found in self._by_kind("contested_rows") for records in found]
        return [self, *sorted(rows, key=lambda records: records._table)]

    def _contested_rows_general(self):
        return [self.sudo().line_ids.move_line_id]

    def _action_show(self):
        if len(self) == 1:
            return self._get_records_action()
        return self._get_records_action(name=self.env._("Collection Links"), view_mode="list,form")
