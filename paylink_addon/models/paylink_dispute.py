from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import format_amount, format_date

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
# Messages come in any order: what ranks lower is older. A dispute that was lost may still be won, not the reverse.
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

# https://docs.stripe.com/api/disputes/object#dispute_object-reason
REASONS = [
    ("bank_cannot_process", "The bank could not process it"),
    ("check_returned", "Returned check"),
    ("credit_not_processed", "Refund not received"),
    ("customer_initiated", "Disputed by the customer"),
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
ACTIVITY = "paylink_addon.mail_activity_dispute"


class PaylinkDispute(models.Model):
    """A payment that the customer's bank takes back, or threatens to; and what of it is in the books.

    Written by the messages of the provider only. How it is booked: see ``paylink_dispute_booking``.
    """

    _name = "paylink.dispute"
    _inherit = ["mail.activity.mixin", "mail.thread"]
    _description = "Dispute"
    _order = "id desc"

    name = fields.Char(string="Dispute", required=True, readonly=True, help="As the provider names it.")
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
        help="Open, or lost: not decided in our favour. Nothing is asked for or charged automatically meanwhile.",
    )
    item_ids = fields.Many2many(
        "account.move.line",
        "paylink_dispute_item_rel",
        "dispute_id",
        "item_id",
        string="Items",
        readonly=True,
        help="What the payment had settled; once the money was taken back: what is open again.",
    )
    withdrawal_id = fields.Many2one("account.payment", string="Taken back", readonly=True, copy=False)
    reinstatement_id = fields.Many2one("account.payment", string="Given back", readonly=True, copy=False)
    fee_currency_id = fields.Many2one("res.currency", string="Currency of the Fee", readonly=True)
    fee = fields.Monetary(string="Dispute Fee", currency_field="fee_currency_id", readonly=True)
    fee_returned = fields.Monetary(string="Fee returned", currency_field="fee_currency_id", readonly=True)
    fee_move_id = fields.Many2one("account.move", string="Fee Entry", readonly=True, copy=False)
    fee_returned_move_id = fields.Many2one(
        "account.move", string="Entry of the returned Fee", readonly=True, copy=False
    )

    _name_unique = models.Constraint("UNIQUE (provider_id, name)", "A dispute is stored once.")
    _standing_index = models.Index("(transaction_id) WHERE is_standing")

    # === COMPUTE METHODS === #

    @api.depends("status")
    def _compute_is_standing(self):
        for dispute in self:
            dispute.is_standing = dispute.status not in HARMLESS

    # === ACTIONS === #

    def action_book_fees(self):
        """Book the fees that could not be booked, for want of an account."""
        self.check_access("read")
        if not self.env.user.has_group("paylink_addon.group_payment_manager"):
            raise AccessError(self.env._("Only payment managers can book the fees of disputes."))
        for dispute in self.sudo():
            dispute.with_company(dispute.company_id)._book_fees()
        return True

    # === BUSINESS METHODS === #

    def _is_news(self, status):
        """Whether a message with this status is not older than what is known."""
        self.ensure_one()
        return RANKS.get(status, -1) >= RANKS[self.status]

    def _follow_status(self, before):
        """Have somebody answer it, or end that task.

        :param before: the status until now; None for a new dispute
        """
        self.ensure_one()
        if self.status not in UNANSWERED:
            label = dict(self._fields["status"]._description_selection(self.env))[self.status]
            self.activity_feedback([ACTIVITY], feedback=label)
        elif self.status != before:
            self.activity_unlink([ACTIVITY])  # an inquiry has become a dispute
            self._ask_for_answer()
        else:
            self.activity_reschedule([ACTIVITY], date_deadline=self._deadline())

    def _deadline(self):
        return (self.evidence_due or fields.Datetime.now()).date()

    def _people(self):
        """Who has to know: the owner of the link and the payment managers, as far as they may see the dispute."""
        owner = self.link_id._task_user() if self.link_id else self.env["res.users"]
        users = owner | self.company_id._paylink_managers()
        return users.filtered(lambda user: self.with_user(user).has_access("read"))

    def _ask_for_answer(self):
        self._tell(self._answer_texts, ACTIVITY, date_deadline=self._deadline())

    def _tell(self, texts, activity_type="mail.mail_activity_data_todo", **values):
        """Give everybody who has to know a task, in their language, unless they have the same one.

        :param texts: function of an environment that returns summary and note
        """
        known = {(activity.user_id, activity.summary) for activity in self.activity_ids}
        for user in self._people():
            summary, note = texts(self.with_context(lang=user.lang).env)
            if (user, summary) not in known:
                self.activity_schedule(activity_type, summary=summary, note=note, user_id=user.id, **values)

    def _facts(self, env):
        return {
            "amount": format_amount(env, self.amount, self.currency_id),
            "partner": self.partner_id.display_name,
            "reference": self.transaction_id.reference,
            "dispute": self.name,
        }

    def _answer_texts(self, env):
        facts = self._facts(env)
        summary = env._("%(amount)s is disputed", **facts)
        if not self.evidence_due:
            return summary, env._(
                "The bank of %(partner)s disputes payment %(reference)s (%(amount)s, dispute %(dispute)s). It can't be "
                "answered: settle the matter with the customer.",
                **facts,
            )
        return summary, env._(
            "The bank of %(partner)s disputes payment %(reference)s (%(amount)s, dispute %(dispute)s). Give your "
            "evidence in Stripe's dashboard by %(date)s, or accept the dispute there.",
            **facts,
            date=format_date(env, self.evidence_due.date()),
        )
