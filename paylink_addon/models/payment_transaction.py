from odoo import api, fields, models
from odoo.tools import SQL, format_amount
from psycopg2 import OperationalError

from ..const import IN_FLIGHT_STATES

# What a transaction that we closed ourselves may still become, because the customer was faster at the provider.
LATE_SOURCES = {"done": ("cancel",), "authorized": ("cancel", "error"), "pending": ("cancel", "error")}

# How many booked payments are told of at once.
BATCH = 50

# How often the answer to a charge is applied when others change the same rows.
MAX_TRIES = 5


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    paylink_id = fields.Many2one(
        "paylink.link", string="Collection Link", readonly=True, index="btree_not_null", ondelete="restrict"
    )
    paylink_closed = fields.Boolean(
        string="Closed by us",
        readonly=True,
        help="The attempt was closed before the provider answered; an answer that still comes is accepted.",
    )
    paylink_untold = fields.Boolean(
        string="To be told",
        readonly=True,
        help="The payment is booked, but the customer has no receipt yet, and the link's owner does not know.",
    )
    _paylink_untold_index = models.Index("(id) WHERE paylink_untold")

    # === WHAT COUNTS AS WHAT === #

    def _paylink_is_incoming(self):
        """Whether the transaction is a customer's attempt to pay: no refund, no capture, no validation of a card."""
        self.ensure_one()
        return self.operation not in ("refund", "validation") and not self.source_transaction_id

    def _paylink_attempts(self):
        """The customers' attempts to pay that have led to something; not those that we closed for another reason."""
        return self.filtered(
            lambda tx: (
                tx._paylink_is_incoming()
                and (tx.paylink_stripe_declines or tx.state != "draft")
                and (
                    tx.paylink_stripe_declines
                    or not (tx.state == "cancel" and tx.paylink_closed and not tx.paylink_abandoned)
                )
            )
        )

    def _paylink_try_count(self):
        """How often the customers tried: on a provider's page they may try several cards in one attempt."""
        return sum(
            tx.paylink_stripe_declines + (tx.state not in ("draft", "cancel") or not tx.paylink_stripe_declines)
            for tx in self._paylink_attempts()
        )

    def _paylink_failure_count(self):
        """How many of these tries were refused or given up."""
        ended = self._paylink_failed().filtered(lambda tx: tx.state != "cancel" or not tx.paylink_stripe_declines)
        return sum(self.mapped("paylink_stripe_declines")) + len(ended)

    def _paylink_in_flight(self):
        """Those that may still bring money. A wire transfer announced is a promise: the customer may pay otherwise."""
        return self.filtered(lambda tx: tx.state in IN_FLIGHT_STATES and tx.provider_id.code != "custom")

    def _paylink_closable(self):
        """Attempts by links that wait for the customer. Those of Odoo's own portal are left to it."""
        return self._paylink_unfinished().filtered("paylink_id")

    def _paylink_unfinished(self):
        """Attempts that wait for the customer."""
        return self.filtered(lambda tx: tx.state == "draft" and tx._paylink_is_incoming())

    def _paylink_received(self):
        """The transactions whose money has come: of a payment captured in parts, the parts."""
        return self.filtered(
            lambda tx: (
                tx.state == "done" and tx.operation not in ("refund", "validation") and not tx._paylink_captures()
            )
        )

    def _paylink_captures(self):
        return self.child_transaction_ids.filtered(
            lambda child: child.operation != "refund" and child.state in ("done", "cancel")
        )

    def _paylink_refunds(self):
        """The transactions whose money has gone back; their amounts are negative."""
        return self.filtered(lambda tx: tx.state == "done" and tx.operation == "refund")

    def _paylink_unbooked(self):
        """The transactions that have not been booked yet; a payment cancelled later by a person does not count."""
        return self.filtered(lambda tx: not tx.is_post_processed and not tx.payment_id)

    # === CREATION === #

    def _create_child_transaction(self, amount, is_refund=False, **custom_create_values):
        """Captures and refunds belong to the link of their source."""
        if self.paylink_id:
            custom_create_values.setdefault("paylink_id", self.paylink_id.id)
        return super()._create_child_transaction(amount, is_refund=is_refund, **custom_create_values)

    # === ANSWERS OF THE PROVIDER === #

    def _process(self, provider_code, payment_data):
        """Keep what a provider answers to a charge for who made it: a conflict must not lose it."""
        answers = self.env.context.get("paylink_answers")
        if answers is not None:
            answers.append((provider_code, payment_data))
        return super()._process(provider_code, payment_data)

    def _paylink_apply(self, answers):
        """Apply kept answers after the conflict that undid them; the provider is not asked again.

        Where it did not answer, the transaction stays in progress until its own message comes.

        :param list answers: ``(provider_code, payment_data)`` as :meth:`_process` got them
        """
        cr = self.env.cr
        for _try in range(MAX_TRIES):
            try:
                for provider_code, payment_data in answers:
                    self._process(provider_code, payment_data)
                cr.commit()  # pylint: disable=invalid-commit
                return
            except OperationalError:
                cr.rollback()

    # === STATES === #

    def _update_state(self, allowed_states, target_state, state_message):
        """Money that comes after we have closed an attempt is never refused; each change is told on the link."""
        ours = self.filtered("paylink_id")
        before = {tx.id: tx.state for tx in ours}
        late = self.filtered(lambda tx: tx.paylink_closed or (tx.paylink_id and target_state == "done"))
        updated = super(PaymentTransaction, self - late)._update_state(allowed_states, target_state, state_message)
        if late:
            sources = (*allowed_states, *LATE_SOURCES.get(target_state, ()))
            updated |= super(PaymentTransaction, late)._update_state(sources, target_state, state_message)
        if target_state == "done" and updated & ours and not self.env.context.get("paylink_booked_at_once"):
            self.env.ref("paylink_addon.ir_cron_paylink_book").sudo()._trigger()
        for tx in updated & ours:
            tx._paylink_changed(before[tx.id], state_message or "")
        return updated

    def _paylink_close(self, reason):
        """Give up attempts that the customer has not finished.

        A provider that holds a session of its own for them ends it by extending this method.

        :param str reason: what the time line says
        """
        for tx in self:
            tx.paylink_closed = True
            tx._set_canceled(state_message=tx.state_message or reason)  # why a card was declined stays

    # === POST-PROCESSING === #

    def _post_process(self):
        """Book the payments of links one at a time, under a lock, and tell who has to know, once each."""
        ours = self.filtered("paylink_id")
        portal = (self - ours).filtered(lambda tx: tx.state == "done" and not tx.is_post_processed)
        if ours:
            self.env.cr.execute(
                SQL("SELECT id FROM payment_transaction WHERE id IN %s ORDER BY id FOR NO KEY UPDATE", tuple(ours.ids))
            )
        for tx in ours.filtered(lambda tx: tx.state == "done" and tx.payment_id.state in ("canceled", "rejected")):
            tx.payment_id = False  # cancelled while it was pending: the money has come all the same
        for tx in ours:
            # An invoice that is being changed is not posted by its payment.
            if drafts := tx.invoice_ids.filtered(lambda move: move.state == "draft"):
                tx.invoice_ids -= drafts
        unbooked = ours.filtered(lambda tx: not tx.payment_id)
        ready = unbooked._paylink_ready()
        for transactions in ready._paylink_rounds():
            self.env["paylink.link"].with_company(transactions.company_id)._book(transactions)
        result = super(PaymentTransaction, self.with_context(paylink_booked_ids=ready.ids))._post_process()
        booked = unbooked.filtered("payment_id")
        booked.paylink_untold = True
        self.env["paylink.link"].sudo()._close_rivals(booked | portal)
        if not self.env.context.get("paylink_booked_at_once"):
            booked._paylink_tell()
        return result

    def _paylink_ready(self):
        """Those that can be booked before anything else is done: what belongs to an order waits for its invoice."""
        return (self._paylink_received() | self._paylink_refunds()).filtered(lambda tx: not tx.sale_order_ids)

    def _paylink_rounds(self):
        """Split into sets that can be booked at once: of one company, no two of the same link or items."""
        rounds = []
        for tx in self.sorted("id"):
            claims = {tx.paylink_id, *tx.paylink_id.line_ids.move_line_id}
            fitting = (found for found in rounds if found[0].company_id == tx.company_id and not found[1] & claims)
            found = next(fitting, None)
            if found:
                found[0] |= tx
                found[1] |= claims
            else:
                rounds.append([tx, claims])
        return [found[0] for found in rounds]

    def _paylink_tell(self):
        """Tell who has to know of booked payments, which is done once for each."""
        for transactions in self._paylink_rounds():
            self.env["paylink.link"].with_company(transactions.company_id)._after_payments(transactions)
        self.paylink_untold = False

    @api.model
    def _paylink_tell_booked(self):
        """Tell of the payments that were booked without waiting for it, some at a time, each time with a commit."""
        try:
            while untold := self._paylink_take_untold():
                untold._paylink_tell()
                self.env.cr.commit()  # pylint: disable=invalid-commit
        except OperationalError:
            self.env.cr.rollback()  # somebody else works on the same rows: next time

    @api.model
    def _paylink_take_untold(self):
        """Lock some of those that nobody was told of; not those that somebody else is at."""
        untold = self.search([("paylink_untold", "=", True)], order="id", limit=BATCH)
        locked = untold.try_lock_for_update(allow_referencing=True)
        locked.invalidate_recordset(["paylink_untold"])  # somebody else may have told of them before they were locked
        return locked.filtered("paylink_untold")

    def _paylink_announcement(self, env):
        """What the owner of the link is told of this payment, in the language of ``env``."""
        self.ensure_one()
        link = self.paylink_id
        return env._(
            "%(partner)s paid %(amount)s (%(name)s: %(documents)s).",
            partner=link.partner_id.display_name,
            name=link.name,
            documents=link.documents_display,
            amount=format_amount(env, self.amount, self.currency_id),
        )

    def _create_payment(self, **extra_create_values):
        """The payment of a link settles exactly its items, which may be no invoices, or parts of them."""
        self.ensure_one()
        if not self.paylink_id:
            return super()._create_payment(**extra_create_values)
        self.env["paylink.link"].with_company(self.company_id)._book(self)
        return self.payment_id

    def _log_message_on_linked_documents(self, message):
        """One batch for all documents of a link, instead of a post on each.

        Of money that has come they are told when it is booked: see ``paylink.link._log_on_documents``.
        """
        self.ensure_one()
        if not self.paylink_id:
            return super()._log_message_on_linked_documents(message)
        if self.state != "done" and self.id not in self.env.context.get("paylink_booked_ids", ()):
            self.invoice_ids._message_log_batch(
                dict.fromkeys(self.invoice_ids.ids, message), author_id=self._paylink_bot()
            )
        return None

    def _paylink_bot(self):
        return self.env["ir.model.data"]._xmlid_to_res_id("base.partner_root")

    # === CRON === #

    def _cron_paylink_book(self):
        """Book confirmed payments of links that are not in the ledger yet, however old; tell a person what fails.

        Odoo's own job gives up after four days without a word.
        """
        waiting = self.search(
            [("paylink_id", "!=", False), ("state", "=", "done"), ("is_post_processed", "=", False)], order="id"
        )
        for tx in waiting:
            tx._paylink_try_to_book()
            self.env["ir.cron"]._commit_progress(1)
        self._paylink_tell_booked()

    def _paylink_try_to_book(self):
        """Post-process; on failure undo it, and give the link's owner a task with the reason."""
        self.ensure_one()
        try:
            with self.env.cr.savepoint():
                self._post_process()
        except OperationalError:
            self.env.cr.rollback()  # somebody else works on the same rows: next time
        except Exception as error:  # noqa: BLE001  whatever it is, a person has to see it
            self.env.invalidate_all()
            env = self.paylink_id._owner_env()
            self.paylink_id._schedule(
                env._("A payment could not be booked"),
                env._(
                    "Payment %(reference)s was confirmed by the provider but could not be booked. "
                    "It is tried again every ten minutes. The reason: %(reason)s",
                    reference=self.reference,
                    reason=str(error),
                ),
            )
