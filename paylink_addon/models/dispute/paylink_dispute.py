from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_amount, format_date

from ...const import Task
from ...tools import days

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
        return users.filtered(lambda user: self._seen_by(user).has_access("read"))

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
