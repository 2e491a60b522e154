from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_amount, format_date

from ...const import Task
from ...tools import days
from ..link.paylink_link_books import QUIET, affects_taxes

# https://docs.stripe.com/api/disputes/object#dispute_object-status
STATUSES = [
    ("warning_needs_response", "Inquiry: answer needed"),
    ("warning_under_review", "Inquiry: under review"),
    ("warning_closed", "Inquiry closed"),
    ("needs_response", "Answer needed"),
    ("under_review", "Under review"),
    ("won", "Won"),
    ("lost", "Lost"),
    ("prevented", "Prevented"),
]
# Messages come in any order: what ranks lower is older. A chargeback that was lost may still be won, not the reverse.
RANKS = {
    "warning_needs_response": 0,
    "warning_under_review": 1,
    "needs_response": 2,
    "under_review": 3,
    "warning_closed": 4,
    "lost": 4,
    "prevented": 5,
    "won": 5,
}
UNANSWERED = ("warning_needs_response", "needs_response")
HARMLESS = ("won", "warning_closed", "prevented")
# What the timeline of the link says of the end of one; an inquiry that comes to nothing ends without a word.
ENDS = {"won": "chargeback_won", "lost": "chargeback_lost"}
# https://docs.stripe.com/api/disputes/object#dispute_object-reason
REASONS = [
    ("bank_cannot_process", "The bank could not process it"),
    ("check_returned", "Returned check"),
    ("credit_not_processed", "Refund not received"),
    ("customer_initiated", "Started by the customer"),
    ("debit_not_authorized", "Debit not authorized"),
    ("duplicate", "Charged twice"),
    ("fraudulent", "Fraudulent"),
    ("general", "Other"),
    ("incorrect_account_details", "Wrong account details"),
    ("insufficient_funds", "Insufficient funds"),
    ("noncompliant", "Not compliant with the network's rules"),
    ("product_not_received", "Not received"),
    ("product_unacceptable", "Not as described"),
    ("subscription_canceled", "Subscription cancelled"),
    ("unrecognized", "Not recognized by the customer"),
]
ACTIVITY = "paylink_addon.mail_activity_chargeback"


class PaylinkDispute(models.Model):
    """A chargeback: a payment that the customer's bank takes back, or may; and what of it is in the books.

    Only the messages of the provider write it. What the bank takes back and gives back is booked once each.
    """

    _name = "paylink.dispute"
    _inherit = ["paylink.task.mixin", "mail.activity.mixin", "mail.thread"]
    _description = "Chargeback"
    _order = "id desc"

    name = fields.Char(string="Chargeback", required=True, readonly=True, help="As the provider names it.")
    provider_id = fields.Many2one("payment.provider", required=True, readonly=True, ondelete="restrict")
    company_id = fields.Many2one(related="provider_id.company_id", store=True, index=True)
    transaction_id = fields.Many2one(
        "payment.transaction", required=True, readonly=True, index=True, ondelete="restrict"
    )
    link_id = fields.Many2one(related="transaction_id.paylink_id", store=True, index="btree_not_null")
    partner_id = fields.Many2one(related="transaction_id.partner_id", store=True, string="Customer")
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    amount = fields.Monetary(readonly=True)
    reason = fields.Selection(REASONS, readonly=True)
    status = fields.Selection(STATUSES, required=True, readonly=True, tracking=True)
    evidence_due = fields.Datetime(string="Answer due on", readonly=True, help="Empty: it can't be answered.")
    is_standing = fields.Boolean(
        string="Standing",
        compute="_compute_is_standing",
        store=True,
        help="Open, or lost: nothing is asked for or charged automatically until somebody lets reminders go on.",
    )
    reminders_resumed_at = fields.Datetime(
        string="Reminders go on since",
        readonly=True,
        copy=False,
        help="What was lost is asked for again: because somebody decided so, or as the settings say.",
    )
    reminders_resumed_by = fields.Many2one(
        "res.users", string="Let go on by", readonly=True, copy=False, help="Empty: as the settings say."
    )
    can_resume_reminders = fields.Boolean(compute="_compute_can_resume_reminders")
    item_ids = fields.Many2many(
        "account.move.line",
        "paylink_dispute_item_rel",
        "dispute_id",
        "item_id",
        string="Items",
        readonly=True,
        help="What the payment had settled; once the money was taken back: what is open again.",
    )
    withdrawn_at = fields.Datetime(string="Taken back on", readonly=True, copy=False)
    reinstated_at = fields.Datetime(string="Given back on", readonly=True, copy=False)
    withdrawn_on = fields.Date(string="Day on which it was taken back", compute="_compute_days", store=True)
    reinstated_on = fields.Date(string="Day on which it was given back", compute="_compute_days", store=True)
    withdrawal_id = fields.Many2one(
        "account.payment", string="Taken back", readonly=True, copy=False, index="btree_not_null"
    )
    reinstatement_id = fields.Many2one(
        "account.payment", string="Given back", readonly=True, copy=False, index="btree_not_null"
    )
    fee_currency_id = fields.Many2one("res.currency", string="Currency of the Fee", readonly=True)
    fee = fields.Monetary(string="Chargeback Fee", currency_field="fee_currency_id", readonly=True)
    fee_returned = fields.Monetary(string="Fee returned", currency_field="fee_currency_id", readonly=True)
    fee_move_id = fields.Many2one("account.move", string="Fee Entry", readonly=True, copy=False)
    fee_returned_move_id = fields.Many2one(
        "account.move", string="Entry of the returned Fee", readonly=True, copy=False
    )

    _name_unique = models.Constraint("UNIQUE (provider_id, name)", "A chargeback is stored once.")
    _standing_index = models.Index("(transaction_id) WHERE is_standing")

    # === COMPUTE METHODS === #

    @api.depends("withdrawn_at", "reinstated_at")
    def _compute_days(self):
        """Of the company."""
        for dispute in self:
            day = dispute.company_id._paylink_day
            dispute.withdrawn_on = dispute.withdrawn_at and day(dispute.withdrawn_at)
            dispute.reinstated_on = dispute.reinstated_at and day(dispute.reinstated_at)

    @api.depends("status", "reminders_resumed_at")
    def _compute_is_standing(self):
        for dispute in self:
            resumed = dispute.status == "lost" and dispute.reminders_resumed_at
            dispute.is_standing = dispute.status not in HARMLESS and not resumed

    @api.depends("is_standing", "status", "link_id.user_id")
    @api.depends_context("uid")
    def _compute_can_resume_reminders(self):
        is_manager = self.env.user.has_group("paylink_addon.group_payment_manager")
        for dispute in self:
            is_mine = is_manager or dispute.sudo().link_id.user_id == self.env.user
            dispute.can_resume_reminders = is_mine and dispute.is_standing and dispute.status == "lost"

    # === ACTIONS === #

    def action_book_fees(self):
        """Book the fees that could not be booked, for want of an account."""
        self.check_access("read")
        if not self.env.user.has_group("paylink_addon.group_payment_manager"):
            raise AccessError(self.env._("Only payment managers can book the fees of chargebacks."))
        for dispute in self.sudo():
            dispute.with_company(dispute.company_id)._book_fees()
        return True

    def action_resume_reminders(self):
        """Let reminders ask for what was lost: its owner decides, or a payment manager."""
        self.check_access("read")
        waiting = self.filtered(lambda dispute: dispute.is_standing and dispute.status == "lost")
        if not waiting:
            raise UserError(self.env._("Reminders go on already, or the chargeback is not decided yet."))
        if not all(waiting.mapped("can_resume_reminders")):
            raise AccessError(self.env._("Only its owner or a payment manager can let reminders go on."))
        waiting.sudo()._resume_reminders(self.env.user)
        waiting.sudo().link_id._log_events("reminders_resumed")
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _resume_reminders(self, user=None):
        """Have what was lost asked for by reminders.

        :param user: who has decided so; None: the settings
        """
        self.write({"reminders_resumed_at": fields.Datetime.now(), "reminders_resumed_by": user and user.id})

    # === BUSINESS METHODS: STATUS === #

    def _is_news(self, status):
        """Whether a message with this status is not older than what is known."""
        self.ensure_one()
        return RANKS.get(status, -1) >= RANKS[self.status]

    def _is_final(self):
        """Whether the money is gone for good."""
        self.ensure_one()
        return self.status == "lost" and bool(self.withdrawal_id and not self.reinstatement_id)

    def _is_undecided(self):
        """Whether the bank may still give the money back, or take it."""
        self.ensure_one()
        return self.status not in HARMLESS and not self._is_final()

    def _follow_status(self, before):
        """Have somebody answer it, or end that task; tell how it ends.

        :param before: the status until now; None for a new dispute
        """
        self.ensure_one()
        if self.status != before:
            self._tell_status(before)
        if self.status not in UNANSWERED:
            label = dict(self._fields["status"]._description_selection(self.env))[self.status]
            self._end_task(Task.CHARGEBACK_ANSWER, feedback=label)
        elif self.status != before:
            self._end_task(Task.CHARGEBACK_ANSWER)  # an inquiry has become a chargeback
            self._ask_for_answer()
        else:
            self._postpone_task(Task.CHARGEBACK_ANSWER, self._deadline())

    def _tell_status(self, before):
        """Tell on the link and on its documents that it begins and how it ends, and who has to know."""
        events = [] if before else ["chargeback"]
        if self.status in ENDS:
            events.append(ENDS[self.status])
        for event in events:
            self._log(event)
        if self.status == "lost":
            if self.company_id.paylink_lost_reminders == "auto":
                self._resume_reminders()
            self._give_task(Task.CHARGEBACK_LOST, self._lost_texts)
        if self.link_id and self.status in ENDS:
            self._notify_end()

    def _notify_end(self):
        """Tell the owner of the link; of what is lost a task tells, too."""
        link, env = self.link_id, self.link_id._owner_env()
        if self.status == "lost":
            link._mark_unread()
            return
        link._notify_owner(
            subject=env._("%(name)s: the chargeback was won", name=link.name),
            body=env._(
                "The bank gives %(amount)s of %(partner)s back (chargeback %(dispute)s).",
                **self._facts(env),
            ),
        )

    def _log(self, event):
        """One line on the link, and one on each of the invoices that the payment was for."""
        link, env = self.link_id, self.company_id._paylink_env()
        if link:
            moments = {"chargeback": self.withdrawn_at, "chargeback_won": self.reinstated_at}
            link._log_events(event, {link.id: self._facts(env)["amount"]}, moments={link.id: moments.get(event)})
        invoices = self.item_ids.move_id.filtered(lambda move: move.is_invoice(include_receipts=True))
        bodies = dict.fromkeys(invoices.ids, self._event_text(event, env))
        invoices._message_log_batch(bodies, author_id=self.transaction_id._paylink_bot())

    def _event_text(self, event, env):
        facts = self._facts(env)
        texts = {
            "chargeback": env._("The customer's bank takes %(amount)s back, or may: chargeback %(dispute)s.", **facts),
            "chargeback_won": env._("Chargeback %(dispute)s was won: %(amount)s stay paid.", **facts),
            "chargeback_lost": env._("Chargeback %(dispute)s is lost: %(amount)s are due again.", **facts),
        }
        return texts[event]

    def _ask_for_answer(self):
        self._give_task(Task.CHARGEBACK_ANSWER, self._answer_texts, activity_type=ACTIVITY, deadline=self._deadline())

    # === BUSINESS METHODS: MONEY TAKEN BACK === #

    def _book_withdrawal(self):
        """Book the charged-back amount as paid back: exactly what it had settled is open again. With all that has
        come, the early payment discount is taken back, which nobody has earned.

        :raise UserError: the payment is not in the books
        """
        self.ensure_one()
        if self.withdrawal_id:
            return
        source = self._source()
        discounts = self._opposite_discounts(source) if self._takes_all(source) else []
        shares = self._shares(source, self.amount - _total(discounts))
        payment = self._create_payment("outbound", shares, source, "withdrawn_at", discounts)
        self.withdrawal_id = payment
        source = source.with_context(paylink_booked_on=payment.date)
        reopened = self._release(self._settled_partials(source), shares)
        payment._paylink_reconcile([self._lines(source).filtered(lambda line: not line.reconciled)])
        if source._paylink_open_credit():
            source._paylink_reconcile([reopened])  # a part of the amount was charged back: the rest settles what it did
        # What was taken although it had been given back already is owed, too.
        self.item_ids = reopened.filtered(lambda item: not item.reconciled) | payment._paylink_receivable_lines()

    def _source(self):
        """The payment that is charged back: of an amount captured later, the capture's."""
        transaction = self.transaction_id
        payment = (transaction | transaction._paylink_settled_parts()).payment_id.sorted("id")[:1]
        if payment.move_id.state != "posted":
            raise UserError(
                self.env._(
                    "The bank takes payment %(reference)s back, but it is not in the books: book it first.",
                    reference=transaction.reference,
                )
            )
        return payment

    def _settled_partials(self, source):
        """How the payment is reconciled with what it paid, the last due first; refunds and chargebacks are not that."""
        partials = self._lines(source).matched_debit_ids
        theirs = partials.filtered(lambda partial: partial.debit_move_id.payment_id.payment_type != "outbound")
        return theirs.sorted(
            lambda partial: (
                partial.debit_move_id.date_maturity or partial.debit_move_id.date,
                partial.debit_move_id.id,
            ),
            reverse=True,
        )

    def _takes_all(self, source):
        """Whether nothing is left of the payment: what other chargebacks have taken, or was refunded, counts."""
        transaction = self.transaction_id
        refunded = -sum(transaction.child_transaction_ids._paylink_refunds().mapped("amount"))
        taken = sum(transaction._paylink_taken_back().values()) + refunded
        return self.currency_id.compare_amounts(self.amount, source.amount - taken) >= 0

    def _opposite_discounts(self, payment):
        """What takes back the early payment discount in the entry of a payment, with its taxes: values of lines."""
        _liquidity, _counterparts, others = payment._seek_for_lines()
        names = ("name", "account_id", "partner_id", "currency_id", "analytic_distribution")
        names += ("tax_ids", "tax_tag_ids", "tax_repartition_line_id")
        return [
            line._convert_to_write({name: line[name] for name in names})
            | {"amount_currency": -line.amount_currency, "balance": -line.balance}
            for line in others - self._lines(payment)
            if line.account_id != payment.destination_account_id
        ]

    def _shares(self, source, amount):
        """How an amount goes to the receivable accounts of the payment: ``{account: amount}``."""
        left, shares = amount, {}
        for line in self._lines(source).filtered(lambda line: line.amount_currency < 0):
            share = min(-line.amount_currency, left)
            shares[line.account_id] = shares.get(line.account_id, 0.0) + share
            left = self.currency_id.round(left - share)
        main = source.destination_account_id
        shares[main] = self.currency_id.round(shares.get(main, 0.0) + left)
        return {account: share for account, share in shares.items() if share}

    def _release(self, partials, shares):
        """Undo as much of a reconciliation as the charged-back amount needs.

        :return: the items that were settled by it
        """
        items = partials.debit_move_id.browse()
        for account, own in partials.grouped(lambda partial: partial.credit_move_id.account_id).items():
            missing = shares.get(account, 0.0) + sum(own.credit_move_id.mapped("amount_residual_currency"))
            for partial in own:
                if self.currency_id.compare_amounts(missing, 0) <= 0:
                    break
                missing -= partial.credit_amount_currency
                items |= partial.debit_move_id
                partial.unlink()
        return items

    # === BUSINESS METHODS: MONEY GIVEN BACK === #

    def _book_reinstatement(self):
        """Book what the bank gives back: it settles what was open again, as far as that still is. Where all of it is,
        the early payment discount is granted again, too.
        """
        self.ensure_one()
        if self.reinstatement_id:
            return
        taken = self.withdrawal_id
        items = self.item_ids.filtered(lambda item: item._paylink_is_collectable())
        shares = {line.account_id: line.amount_currency for line in self._lines(taken)}
        shares = shares or {taken.destination_account_id: taken.amount}  # what was paid was no receivable
        discounts = self._opposite_discounts(taken)
        due = sum(items.mapped("amount_residual_currency"))
        if discounts and self.currency_id.compare_amounts(due, sum(shares.values())) < 0:
            shares[taken.destination_account_id] -= _total(discounts)
            discounts = []
        payment = self._create_payment("inbound", shares, taken, "reinstated_at", discounts)
        self.reinstatement_id = payment
        payment._paylink_reconcile([items | taken._paylink_receivable_lines()])
        if self.item_ids and payment._paylink_open_credit():
            self._give_task(Task.CHARGEBACK_EXCESS, self._excess_texts)

    # === BUSINESS METHODS: FEES === #

    def _book_fees(self):
        """Book the fee as an expense, and back when it is given back. Without an account for it: a task."""
        self.ensure_one()
        account = self.company_id._paylink_fee_account()
        due = self._has_fees_to_book()
        if due and not account:
            self._give_task(Task.CHARGEBACK_FEE, self._no_account_texts)
        if not due or not account:
            return
        if self.fee and not self.fee_move_id:
            self.fee_move_id = self._create_fee_move(account, self.fee, "withdrawn_at")
        if self.fee_returned and not self.fee_returned_move_id:
            self.fee_returned_move_id = self._create_fee_move(account, -self.fee_returned, "reinstated_at")

    def _has_fees_to_book(self):
        charged, returned = self.fee and not self.fee_move_id, self.fee_returned and not self.fee_returned_move_id
        return bool(charged or returned)

    def _create_fee_move(self, account, fee, moved_at):
        """The entry of a fee (negative: given back), between the account of the payments and the expenses.

        :param str moved_at: the field that says when it was taken or given back
        """
        day = self._booked_on(moved_at)
        liquidity = self.withdrawal_id._seek_for_lines()[0].account_id[:1]
        Move = self.company_id._paylink_in_books(self.env["account.move"]).with_context(**QUIET)
        move = Move.create(
            {
                "move_type": "entry",
                "journal_id": self.withdrawal_id.journal_id.id,
                "date": day,
                "ref": Move.env._("Fee of chargeback %(name)s", name=self.name),
                "line_ids": [self._fee_line(account, fee, day), self._fee_line(liquidity, -fee, day)],
            }
        )
        move.action_post()
        return move

    def _fee_line(self, account, amount, day):
        company, currency = self.company_id, self.fee_currency_id
        return Command.create(
            {
                "name": self.name,
                "account_id": account.id,
                "currency_id": currency.id,
                "amount_currency": amount,
                "balance": currency._convert(amount, company.currency_id, company, day),
                "tax_ids": [Command.clear()],  # no tax on it, whatever the account's default is
            }
        )

    # === HELPERS: PAYMENTS === #

    def _booked_on(self, moved_at, has_tax=False):
        """The day in the books of what was taken or given back: of the moment that is noted, by default now.

        :param str moved_at: the field that has it
        :param bool has_tax: whether it counts for a tax report
        """
        if not self[moved_at]:
            self[moved_at] = fields.Datetime.now()
        return self.company_id._paylink_open_day(self.company_id._paylink_day(self[moved_at]), has_tax=has_tax)

    def _create_payment(self, payment_type, shares, model, moved_at, discounts):
        """Post a payment of the chargeback; it is no transaction's: that has the one that is charged back.

        :param dict shares: amounts by receivable account
        :param model: the payment whose main account it has
        :param str moved_at: the field that says when the money moved
        :param list discounts: values of the lines of an early payment discount, which are no money
        """
        day = self._booked_on(moved_at, has_tax=any(map(affects_taxes, discounts)))
        transaction = self.transaction_id
        main = model.destination_account_id if model.destination_account_id in shares else next(iter(shares))
        sign = 1 if payment_type == "outbound" else -1
        link = transaction.paylink_id.with_company(self.company_id)
        values = link._prepare_payment(transaction) | {
            "amount": self.currency_id.round(sum(shares.values()) + sign * _total(discounts)),
            "date": day,
            "payment_type": payment_type,
            "payment_transaction_id": False,
            "payment_token_id": False,
            "invoice_ids": [],
            "memo": f"{self.name} - {transaction.reference}",
            "destination_account_id": main.id,
            "write_off_line_vals": [
                *(
                    self._share_values(account, sign * share, day)
                    for account, share in shares.items()
                    if account != main
                ),
                *discounts,
            ],
        }
        payment = link._create_payments([values])
        payment._paylink_say_locked(self.company_id._paylink_day(self[moved_at]))
        return payment

    def _share_values(self, account, amount, day):
        company = self.company_id
        return {
            "name": self.name,
            "account_id": account.id,
            "partner_id": self.partner_id.commercial_partner_id.id,
            "currency_id": self.currency_id.id,
            "amount_currency": amount,
            "balance": self.currency_id._convert(amount, company.currency_id, company, day),
        }

    def _lines(self, payment):
        """The receivable lines of a payment, the main account's first."""
        lines = payment.move_id.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        return lines.sorted(lambda line: (line.account_id != payment.destination_account_id, line.id))

    # === HELPERS: TASKS === #

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {
            "status",
            "fee_move_id",
            "fee_returned_move_id",
            "reminders_resumed_by",
        }

    def _paylink_done_chargeback_answer(self, _task):
        return self.status not in UNANSWERED

    def _paylink_done_chargeback_lost(self, _task):
        """It has been paid again, whichever way, was won after all, or somebody has let reminders ask for it.

        That links ask for it again ends the task, too (``_tasks_to_send``). As long as the bank has not taken it,
        nothing of it is open, although nobody has paid it again.
        """
        if self.status != "lost" or self.reinstatement_id or self.reminders_resumed_by:
            return True
        if not self.withdrawal_id:
            return False
        return all(self.item_ids.mapped("reconciled")) if self.item_ids else self.link_id.state == "paid"

    def _paylink_done_chargeback_excess(self, _task):
        return not self.reinstatement_id._paylink_open_credit()

    def _paylink_done_chargeback_fee(self, _task):
        return not self._has_fees_to_book()

    def _task_users(self):
        """Who has to know: the owner of the link and the payment managers, as far as they may see the chargeback."""
        owner = self.link_id._task_users() if self.link_id else self.env["res.users"]
        users = owner | self.company_id._paylink_managers()
        return users.filtered(lambda user: self.with_user(user).has_access("read"))

    def _deadline(self):
        """The day by which the evidence is to be given, where the company is."""
        return self.company_id._paylink_day(self.evidence_due or days.now())

    def _facts(self, env):
        return {
            "amount": format_amount(env, self.amount, self.currency_id),
            "partner": self.partner_id.display_name,
            "reference": self.transaction_id.reference,
            "dispute": self.name,
        }

    def _answer_texts(self, env):
        facts = self._facts(env)
        summary = env._("Chargeback of %(amount)s", **facts)
        if not self.evidence_due:
            return summary, env._(
                "The bank of %(partner)s takes payment %(reference)s back (%(amount)s, chargeback %(dispute)s). It "
                "can't be answered: settle the matter with the customer.",
                **facts,
            )
        return summary, env._(
            "The bank of %(partner)s takes payment %(reference)s back, or may (%(amount)s, chargeback %(dispute)s). "
            "Give your evidence in the provider's dashboard by %(date)s, or accept the chargeback there.",
            **facts,
            date=format_date(env, self._deadline()),
        )

    def _lost_texts(self, env):
        facts = self._facts(env)
        if self.reminders_resumed_at:
            reminders = env._("Reminders ask for it, too.")
        else:
            reminders = env._("No reminder asks for it until you press “Resume reminders” on the chargeback.")
        return env._("%(amount)s were lost to a chargeback", **facts), env._(
            "The bank of %(partner)s has taken payment %(reference)s back for good (%(amount)s, chargeback "
            "%(dispute)s): what it had paid is due again. Ask the customer for it, by the same link while it lasts or "
            "by a new one, or write it off. %(reminders)s",
            **facts,
            reminders=reminders,
        )

    def _excess_texts(self, env):
        payment = self.reinstatement_id
        amount = format_amount(env, payment._paylink_open_credit(), payment.currency_id)
        return env._("%(amount)s came back and is not needed anymore", amount=amount), env._(
            "Chargeback %(dispute)s of payment %(reference)s (%(partner)s) was won, but what it had paid has been "
            "settled another way. %(open)s is an open credit of the customer: refund it, or use it for another "
            "document.",
            **self._facts(env),
            open=amount,
        )

    def _no_account_texts(self, env):
        fee = format_amount(env, self.fee, self.fee_currency_id)
        return env._("The chargeback fee of %(fee)s is not booked", fee=fee), env._(
            "There is no account for providers' fees: choose one under Collection Links → Configuration → Settings, "
            "then press “Book the fee” on chargeback %(dispute)s.",
            **self._facts(env),
        )


def _total(values):
    """What lines add up to.

    :param values: of ``account.move.line``
    """
    return sum(line["amount_currency"] for line in values)
