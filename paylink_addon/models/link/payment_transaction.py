from datetime import date
from functools import partial
from operator import methodcaller

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_amount

from ...const import IN_FLIGHT_STATES, VOID_STATES, Task
from ...tools.locks import hold, unless_busy
from ...tools.texts import reason, said

# What a transaction that we closed ourselves may still become, because the customer was faster at the provider.
LATE_SOURCES = {"done": ("cancel",), "authorized": ("cancel", "error"), "pending": ("cancel", "error")}
# Where the task stands that a job gives about a transaction.
ON_REQUEST = methodcaller("_paylink_asked_by")
# How many booked payments are told of at once.
BATCH = 50
# What the timeline of the link says about a change of state: of a customer's attempt, or of what we asked the provider
# to do with it (capture, void, refund).
ATTEMPT_EVENTS = {
    "pending": "pending",
    "authorized": "authorized",
    "error": "attempt_failed",
    "cancel": "attempt_abandoned",
}
OPERATION_EVENTS = {"error": "operation_failed", "cancel": "voided"}
REFUND_EVENTS = {
    "pending": "refund_pending",
    "error": "operation_failed",
    "cancel": "operation_failed",
}


class PaymentTransaction(models.Model):
    _name = "payment.transaction"
    _inherit = ["payment.transaction", "paylink.guard.mixin"]
    _guarded_prefix = "paylink_"

    paylink_id = fields.Many2one(
        "paylink.link", string="Collection Link", readonly=True, index="btree_not_null", ondelete="restrict"
    )
    paylink_day = fields.Date(
        string="Day of Payment",
        copy=False,
        readonly=True,
        help="Where the customer is. Discounts of that day are granted, however late the provider confirms.",
    )
    paylink_closed = fields.Boolean(
        string="Closed by us",
        readonly=True,
        help="The attempt was closed before the provider answered. A late answer is still accepted.",
    )
    paylink_untold = fields.Boolean(
        string="To be announced",
        readonly=True,
        help="The payment is booked, but the customer has no receipt yet, and the link's owner has not been told.",
    )
    paylink_abandoned = fields.Boolean(
        string="Abandoned",
        readonly=True,
        help="The customer left without paying: it counts as an attempt. A late payment is still accepted.",
    )
    paylink_released = fields.Boolean(
        string="Released",
        copy=False,
        readonly=True,
        help="It was authorized and is not to be captured anymore: that is not the customer's doing.",
    )
    paylink_fee = fields.Monetary(
        string="Provider's Fee", currency_field="paylink_fee_currency_id", copy=False, readonly=True
    )
    paylink_fee_currency_id = fields.Many2one("res.currency", string="Currency of the Fee", copy=False, readonly=True)
    paylink_method_display = fields.Char(
        string="Paid with", copy=False, readonly=True, help="The method that the customer really used."
    )
    paylink_decline_count = fields.Integer(
        string="Declined Tries", copy=False, readonly=True, help="On the provider's page, before this outcome."
    )

    _paylink_untold_index = models.Index("(id) WHERE paylink_untold")

    # === CONSTRAINTS === #

    @api.constrains("token_id")
    def _check_token_is_active(self):  # pylint: disable=missing-return
        """One by one: Odoo's reads the token of a single transaction, and runs of charges make many at once.

        What was paid by a method that is removed since can be refunded, captured and released: that charges nothing.
        """
        for tx in self.filtered(lambda tx: not tx.source_transaction_id):
            super(PaymentTransaction, tx)._check_token_is_active()

    # === CREATION === #

    def _create_child_transaction(self, amount, is_refund=False, **custom_create_values):
        """Captures and refunds belong to the link of their source, and to who has asked for them."""
        for name, value in self._paylink_child_values(is_refund).items():
            custom_create_values.setdefault(name, value)
        return super()._create_child_transaction(amount, is_refund=is_refund, **custom_create_values)

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
                and (tx.paylink_decline_count or tx.paylink_abandoned or tx.state != "draft")
                and (
                    tx.paylink_decline_count
                    or not (tx.state == "cancel" and tx.paylink_closed and not tx.paylink_abandoned)
                )
            )
        )

    def _paylink_try_count(self):
        """How often the customers tried: on a provider's page they may try several cards in one attempt."""
        return sum(
            tx.paylink_decline_count + (tx.state not in ("draft", "cancel") or not tx.paylink_decline_count)
            for tx in self._paylink_attempts()
        )

    def _paylink_failure_count(self):
        """How many of these tries were refused or given up."""
        ended = self._paylink_failed().filtered(lambda tx: tx.state == "error" or not tx.paylink_decline_count)
        return sum(self.mapped("paylink_decline_count")) + len(ended)

    def _paylink_failed(self):
        """The attempts that came to nothing by the customer's or the provider's doing; what was released is none."""
        return self.filtered(
            lambda tx: (
                tx.state == "error"
                or (tx.state == "cancel" and not tx.paylink_released)
                or (tx.state == "draft" and tx.paylink_abandoned)
            )
        )

    def _paylink_at_provider(self):
        """Attempts by links whose customers are at a provider: neither refused there so far, nor gone."""
        return self._paylink_closable().filtered(lambda tx: not tx.paylink_decline_count and not tx.paylink_abandoned)

    def _paylink_in_flight(self):
        """Those that may still bring money. A wire transfer announced is a promise: the customer may pay otherwise."""
        return self.filtered(lambda tx: tx.state in IN_FLIGHT_STATES and tx.provider_id.code != "custom")

    def _paylink_closable(self):
        """Attempts on pages of ours that wait for the customer. Those of Odoo's own portal are left to it.

        Hook: a subject with a page of its own adds what is begun there.
        """
        return self._paylink_unfinished().filtered("paylink_id")

    def _paylink_unfinished(self):
        """Attempts that wait for the customer."""
        return self.filtered(lambda tx: tx.state == "draft" and tx._paylink_is_incoming())

    @api.model
    def _paylink_portal_domain(self):
        """Attempts in Odoo's own portal that we can close, as a ``Domain``; the others are left to it.

        Hook: a subject with a provider that ends its open pages when it is asked adds those of this provider.
        """
        return Domain.FALSE

    def _paylink_received(self):
        """The transactions whose money has come: of a payment captured in parts, the parts."""
        return self.filtered(
            lambda tx: (
                tx.state == "done" and tx.operation not in ("refund", "validation") and not tx._paylink_settled_parts()
            )
        )

    def _paylink_settled_parts(self):
        """What was captured or released of an authorized payment, as transactions of their own."""
        return self.child_transaction_ids.filtered(
            lambda child: child.operation != "refund" and child.state in ("done", "cancel")
        )

    def _paylink_refunds(self):
        """The transactions whose money has gone back; their amounts are negative."""
        return self.filtered(lambda tx: tx.state == "done" and tx.operation == "refund")

    def _paylink_moved(self):
        """The transactions that have moved money: received it, or given it back."""
        return self._paylink_received() | self._paylink_refunds()

    def _paylink_taken_back(self):
        """Hook: what customers' banks have taken back of these payments.

        :return: by the ``account.payment`` that booked it, how much of it has not come back (major units)
        """
        return {}

    def _paylink_kept_amount(self, documents):
        """What of these payments is still there for what they were made for, in their currency.

        Neither given back, nor taken back by a bank, nor used for anything else.

        :param documents: ``account.move``: what they were made for; of others, what nothing has used yet is there
        """
        if not (received := self._paylink_received()):
            return 0.0
        refunds = received.child_transaction_ids._paylink_refunds()
        taken = received._paylink_taken_back() | received.source_transaction_id._paylink_taken_back()
        partials = received.payment_id.move_id.line_ids.matched_debit_ids
        partials.fetch(["debit_move_id", "credit_amount_currency"])
        others = set((partials.debit_move_id.move_id - documents).ids)
        used = partials.filtered(
            lambda partial: (
                partial.debit_move_id.move_id.id in others
                and partial.debit_move_id.account_id.account_type == "asset_receivable"
                and partial.debit_move_id.payment_id not in (*refunds.payment_id, *taken)
            )
        )
        gone = sum(taken.values()) - sum(refunds.mapped("amount")) + sum(used.mapped("credit_amount_currency"))
        return max(sum(received.mapped("amount")) - gone, 0.0)

    def _paylink_unbooked(self):
        """The transactions that have not been booked yet; a payment cancelled later by a person does not count."""
        return self.filtered(lambda tx: not tx.is_post_processed and not tx.payment_id)

    def _paylink_asked_by(self):
        """Hook: the request (``paylink.request.mixin``) whose page led here, or an empty record set."""
        return self.paylink_id

    @api.model
    def _paylink_asked_domain(self):
        """Hook: the attempts on pages of ours, as a ``Domain``."""
        return Domain("paylink_id", "!=", False)

    def _paylink_documents(self):
        """Hook: what the transaction pays, as ``[(name, amount), …]``: what is open of each, in its currency.

        Of items that may be credits: less than zero.
        """
        self.ensure_one()
        if link := self.paylink_id:
            day = link._paid_on(self)
            due, meant = link.line_ids._due(day), link._meant_items(link.line_ids.move_line_id, self.amount, day)
            lines = link.line_ids.filtered(lambda line: due[line.id] and line.move_line_id in meant)
            return [(line._customer_name(self.env), due[line.id]) for line in lines]
        return [(invoice.name, invoice.amount_residual) for invoice in self.invoice_ids]

    # === STATES === #

    def _update_state(self, allowed_states, target_state, state_message):
        """Money that comes after an attempt was given up is never refused; each change is told on the link.

        :param state_message: see :func:`~..tools.texts.said`: who pays reads it, else who looks after it
        """
        ours = self.filtered("paylink_id")
        before = {tx.id: tx.state for tx in ours}
        updated = self.browse()
        for (late, lang), transactions in self.grouped(
            lambda tx: (tx._paylink_late_sources(target_state), tx._paylink_reader_env().lang)
        ).items():
            updated |= super(PaymentTransaction, transactions)._update_state(
                (*allowed_states, *late), target_state, said(state_message, self.with_context(lang=lang).env)
            )
        updated._paylink_keep_text(state_message)
        if target_state == "done":
            updated._paylink_note_moved()
        updated._paylink_have_booked()
        released = (updated & ours).filtered(lambda tx: tx.state == "cancel" and before[tx.id] == "authorized")
        released.sudo().paylink_released = True
        (updated & ours)._paylink_log_changes(before, state_message or "")
        for tx in updated & ours:
            tx._paylink_changed(before[tx.id], state_message or "")
        return updated

    def _paylink_log_changes(self, before, message):
        """Tell on the links what has changed: at once, as far as each is of another link.

        :param dict before: the states until now, by id
        :param str message: what the provider says
        """
        told = self.grouped(lambda tx: (tx._paylink_event_name(before[tx.id]), tx._paylink_told_by()))
        for (name, author), changed in told.items():
            for transactions in changed._paylink_rounds() if name else ():
                texts = {tx.paylink_id.id: message or tx._paylink_moved_text() for tx in transactions}
                transactions.paylink_id._log_events(name, texts, author=author.partner_id)

    def _paylink_late_sources(self, target):
        """From which states, besides Odoo's, the transaction may still come to ``target``.

        Hook: a provider whose word counts whatever we thought before adds more.

        :param str target: a state
        :return: tuple of states
        """
        self.ensure_one()
        late = self.paylink_closed or (self.paylink_id and target == "done")
        return LATE_SOURCES.get(target, ()) if late else ()

    def _paylink_have_booked(self):
        """Have the job book what has just been confirmed, unless whoever confirms it does.

        Hook: a provider adds what it wants to be booked at once of what came by no link.
        """
        confirmed = self.filtered(lambda tx: tx.paylink_id and tx.state == "done")
        if confirmed and not {"paylink_booked_at_once", "paylink_beside"} & self.env.context.keys():
            self._paylink_wake_booking()

    def _paylink_close(self, reason):
        """Give up attempts that the customer has not finished.

        A provider that holds a session of its own for them ends it by extending this method.

        :param reason: what the timeline says: see :func:`~..tools.texts.said`
        """
        for tx in self:
            tx.sudo().paylink_closed = True
            tx._set_canceled(state_message=tx._paylink_last_reason() or reason)  # why a card was declined stays

    # === POST-PROCESSING === #

    def _post_process(self):
        """Book the payments of links one at a time, under a lock, and tell who has to know, once each.

        In steps that other subjects extend; Odoo's own post-processing is one of them. Each is done as in the books of
        the company, whoever or whatever books.
        """
        result = None
        for company, transactions in self.grouped("company_id").items():
            own = company._paylink_in_books(transactions)
            new = own.filtered(lambda tx: not tx.is_post_processed)
            own._paylink_claim()
            own.filtered(lambda tx: tx._paylink_outlives_payment())._paylink_drop_void_payments()
            own._paylink_before_booking(new)
            unbooked = own.filtered(lambda tx: not tx.payment_id)
            ready = unbooked._paylink_book_ready()
            booking = own.with_context(**own._paylink_booking_context(ready))
            result = super(PaymentTransaction, booking)._post_process()
            unbooked._paylink_book_rest()
            own._paylink_after_booking(new, unbooked)
        return result

    def _paylink_claim(self):
        """Wait for, and hold, what two that book at the same time fight for.

        Hook: who has more to hold does it first: everybody takes the rows in the same order.
        """
        hold(self.filtered("paylink_id"))

    def _paylink_outlives_payment(self):
        """Whether the transaction's money counts although its payment was cancelled, while it was on its way.

        Hook: of others than links' Odoo leaves that to people.
        """
        self.ensure_one()
        return bool(self.paylink_id)

    def _paylink_drop_void_payments(self):
        """Let go of payments that somebody has cancelled: the money has come all the same, and is booked anew."""
        for tx in self:
            if tx.state == "done" and tx.payment_id.state in VOID_STATES:
                tx.payment_id = False

    def _paylink_before_booking(self, new):
        """What has to be put right first.

        Hook.

        :param new: those that are post-processed in their state for the first time
        """
        for tx in self.filtered("paylink_id"):
            # An invoice that is being changed is not posted by its payment.
            if drafts := tx.invoice_ids.filtered(lambda move: move.state == "draft"):
                tx.invoice_ids -= drafts

    def _paylink_book_ready(self):
        """Book those of links that can be booked before anything else is done.

        :return: them
        """
        ready = self.filtered("paylink_id")._paylink_ready()
        # A refund gives back what is in the books: where that waits, it does, too.
        ready = ready.filtered(lambda tx: tx.operation != "refund" or tx.source_transaction_id not in self - ready)
        ready._paylink_book_in_rounds()
        return ready

    def _paylink_book_rest(self):
        """Book refunds of what has just been booked, and that itself where Odoo has not: of what was given back it
        thinks that it was captured in parts.
        """
        left = self.filtered(lambda tx: not tx.payment_id)
        of_links = left.filtered("paylink_id")
        of_links._paylink_moved()._paylink_book_in_rounds()
        for tx in (left - of_links)._paylink_received():
            tx._create_payment()

    def _paylink_book_in_rounds(self):
        for transactions in self._paylink_rounds():
            self.env["paylink.link"].with_company(transactions.company_id)._book(transactions)

    def _paylink_booking_context(self, ready):
        """What Odoo's post-processing has to know, as values of the context.

        Hook.

        :param ready: those that are booked already
        """
        return {"paylink_booked_ids": ready.ids}

    def _paylink_after_booking(self, new, unbooked):
        """What follows from payments that are in the books now.

        Hook.

        :param new: those that were post-processed in their state for the first time
        :param unbooked: those that had no payment before
        """
        booked = unbooked.filtered(lambda tx: tx.paylink_id and tx.payment_id)
        booked.sudo().paylink_untold = True
        # Those of links are lettered as they are booked.
        (unbooked - booked).filtered(lambda tx: tx.operation == "refund").payment_id._paylink_letter_refunds()
        portal = new.filtered(lambda tx: not tx.paylink_id and tx.state == "done")
        self.env["paylink.link"].sudo()._close_rivals(booked | portal)
        if not self.env.context.get("paylink_booked_at_once"):
            booked._paylink_tell()

    def _paylink_ready(self):
        """Hook: those that can be booked before anything else is done; the others wait for Odoo's own steps."""
        return self._paylink_moved()

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
        self.sudo().paylink_untold = False

    @api.model
    def _paylink_tell_booked(self):
        """Tell of the payments that were booked without waiting for it, some at a time, each time with a commit."""
        untold = self.search([("paylink_untold", "=", True)], order="id")
        return self.env["paylink.job.mixin"]._each(
            untold,
            lambda transactions: transactions.filtered("paylink_untold")._paylink_tell(),
            size=untold._paylink_set_size(),
            place=ON_REQUEST,
        )

    def _paylink_headline(self, env):
        """Who paid how much, in the language of ``env``; of several payments how many came, and how much in all."""
        totals = [
            format_amount(env, sum(own.mapped("amount")), currency)
            for currency, own in self.grouped("currency_id").items()
        ]
        if len(self) == 1:
            partner = self.paylink_id.partner_id.display_name
            return env._("%(partner)s paid %(amount)s", partner=partner, amount=totals[0])
        return env._("%(count)s payments received: %(amount)s", count=len(self), amount=" + ".join(totals))

    def _paylink_announcement(self, env):
        """What the owner of the link is told of this payment, in the language of ``env``."""
        self.ensure_one()
        link = self.paylink_id
        return env._(
            "%(partner)s paid %(amount)s (%(name)s: %(documents)s).",
            partner=link.partner_id.display_name,
            name=link.name,
            documents=link._documents_text(env, link.line_ids),
            amount=format_amount(env, self.amount, self.currency_id),
        )

    def _create_payment(self, **extra_create_values):
        """The payment of a link settles exactly its items, which may be no invoices, or parts of them."""
        self.ensure_one()
        if not self.paylink_id:
            closing = self.with_context(paylink_closes_rivals=True, paylink_booked_on=date.min)
            dated = {"date": self._paylink_booked_on(), **extra_create_values}
            payment = super(PaymentTransaction, closing)._create_payment(**dated)
            payment._paylink_say_locked()
            return payment
        source = self.source_transaction_id._paylink_received() if self.operation == "refund" else self.browse()
        if not source or source.payment_id:  # else it is booked after that: see _paylink_book_rest
            self.env["paylink.link"].with_company(self.company_id)._book(self)
        return self.payment_id

    def _paylink_entry(self):
        """Hook: what has booked the transaction: its payment, or another record of the books; or an empty one."""
        return self.payment_id

    def _paylink_open_credit(self):
        """Hook: what of it has not been reconciled with anything, in its currency."""
        return self.payment_id._paylink_open_credit()

    # === WHAT FOLLOWS FROM A CHANGE OF STATE === #

    def _paylink_changed(self, before, message):
        """Do what follows from a change of state, and end a cancellation that waits for it.

        :param str before: the state until now
        :param str message: what the provider says
        """
        self.ensure_one()
        link = self.paylink_id
        if self.state == "authorized" and self._paylink_is_incoming():
            link._run_steps([link._announce_authorization], self)
        if link.cancel_requested_at:
            link._end_cancellation(self)
        if self._paylink_failed_late(before):
            link._run_steps(link._failure_steps(), self)

    def _paylink_failed_late(self, before):
        """Whether the payment has come to nothing although its customer had nothing more to do, and reads it nowhere:
        neither does that person wait for the answer, nor have we given it up.

        :param str before: the state until now
        """
        self.ensure_one()
        came_to_nothing = before == "pending" and self.state in ("error", "cancel") and self._paylink_is_incoming()
        if self.env.context.get("paylink_request") or self.paylink_closed or self.provider_id.code == "custom":
            return False
        # Of what somebody here had charged, and nobody knew the outcome of, the customer has never heard.
        return came_to_nothing and not (self.env.context.get("paylink_looked") and self.operation == "offline")

    def _paylink_event_name(self, before):
        """Which line of the timeline tells the state, if any."""
        if self.operation == "refund":
            return REFUND_EVENTS.get(self.state)
        if self.source_transaction_id:
            return OPERATION_EVENTS.get(self.state)
        if before == "authorized" and self.state == "cancel":
            told = "cancel" in self.child_transaction_ids.mapped("state")
            return None if told else OPERATION_EVENTS["cancel"]
        if self.state == "cancel" and self.paylink_abandoned:
            return None  # told when the customer was given up
        return ATTEMPT_EVENTS.get(self.state)

    # === CRON === #

    def _cron_paylink_book(self):
        """Book confirmed payments of links that are not in the ledger yet, however old; tell a person what fails.

        Odoo's own job gives up after four days without a word. What could not be booked before comes last, and who has
        to know of what was booked before is told first: however long it takes, neither keeps the others waiting.
        """
        waiting = self.with_context(paylink_booked_at_once=True).search(
            [("paylink_id", "!=", False), ("state", "=", "done"), ("is_post_processed", "=", False)], order="id"
        )
        stuck = set(self.env["paylink.task.mixin"]._tasks(waiting.paylink_id, Task.NOT_BOOKED).mapped("res_id"))
        waiting = waiting.sorted(lambda tx: tx.paylink_id.id in stuck)
        job, size = self.env["paylink.job.mixin"], waiting._paylink_set_size()
        job._in_turn(
            self._paylink_tell_booked,
            lambda: job._each(waiting, lambda txs: txs._paylink_book_all(), size=size, take=False, place=ON_REQUEST),
            self._paylink_tell_booked,
        )

    def _paylink_set_size(self):
        """Hook: how many of these are booked, or told of, in one database transaction."""
        return 1 if self._paylink_long() else BATCH

    def _paylink_book_all(self):
        """Post-process a set at once; where that fails, the job comes with each of it, and what is wrong is told."""
        if len(self) == 1:
            self._paylink_try_to_book()
        else:
            self._post_process()

    def _paylink_try_to_book(self):
        """Post-process; on failure undo it, and give the link's owner a task with the reason."""
        self.ensure_one()
        try:
            with unless_busy(self.env), self.env.cr.savepoint():
                self._post_process()
        except Exception as error:  # noqa: BLE001  whatever it is, a person has to see it
            self.env.invalidate_all()
            self.paylink_id._give_task(Task.NOT_BOOKED, partial(self._paylink_not_booked_texts, reason(error)))

    def _paylink_not_booked_texts(self, reason, env):
        return env._("A payment could not be booked"), env._(
            "Payment %(reference)s was confirmed by the provider but could not be booked. "
            "It is tried again every ten minutes. The reason: %(reason)s",
            reference=self.reference,
            reason=reason,
        )
