"""Stage of ``payment.transaction``: what was asked of a provider and never answered, until a person has looked."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import LazyTranslate, format_amount

from ...const import Task
from ...tools.locks import hold_and_touch

_lt = LazyTranslate(__name__)

# What was sent but, after that time, not answered: somebody has to look what became of it. Until then it may still be
# on its way, and who takes it back would make it twice.
ANSWER_TIME = timedelta(days=1)
# What follows from what the person has seen, by what was asked: what is said of it, and a setter. Of a charge customers
# may read it.
WAS_MADE = {
    "charge": (_lt("It was charged."), "_set_done"),
    "refund": (_lt("It was refunded."), "_set_done"),
    "capture": (_lt("It was captured."), "_set_done"),
    "void": (_lt("It was released."), "_set_canceled"),
}
WAS_NOT_MADE = {
    "charge": (_lt("The payment was not carried out."), "_set_error"),
    "refund": (_lt("It was not refunded."), "_set_canceled"),
    "capture": (_lt("It was not captured."), "_set_error"),
    "void": (_lt("It was not released."), "_set_error"),
}


class PaymentTransactionUnanswered(models.Model):
    """Nobody knows whether the provider has carried it out. It counts until a payment manager has looked, who says that
    it was made, or that it was not.
    """

    _inherit = "payment.transaction"

    paylink_unanswered = fields.Selection(
        [("charge", "Charge"), ("refund", "Refund"), ("capture", "Capture"), ("void", "Release")],
        string="Not answered",
        compute="_compute_paylink_unanswered",
    )

    _paylink_silent_index = models.Index("(create_date) WHERE operation = 'refund' AND state = 'draft'")

    # === COMPUTE METHODS === #

    @api.depends("operation", "state", "paylink_todo", "paylink_sent_at", "paylink_answer", "paylink_asked")
    def _compute_paylink_unanswered(self):
        """It depends on the time, too: it is never stored."""
        unanswered = self.sudo()._paylink_unanswered()
        for tx in self:
            tx.paylink_unanswered = tx.id in unanswered.ids and tx.sudo()._paylink_kind_asked()

    def _paylink_kind_asked(self):
        """What was asked of the provider: a key of ``TODO``."""
        if self.operation == "refund":
            return "refund"
        return self.paylink_asked or ("capture" if self.source_transaction_id else "charge")

    def _paylink_unanswered(self):
        """Those that were stored, but neither wait to be sent nor were answered: a server stopped in between, or the
        provider said nothing. Where it is known that no answer comes, at once; else after some time.
        """
        overdue = fields.Datetime.now() - ANSWER_TIME
        return self.filtered(
            lambda tx: (
                tx.state in ("draft", "pending")
                and not tx.paylink_todo
                and (
                    tx.paylink_answer == "lost"
                    or (
                        (tx.paylink_answer or (tx.operation == "refund" and tx.state == "draft"))
                        and (tx.paylink_sent_at or tx.create_date) < overdue
                    )
                )
            )
        )

    # === ACTIONS === #

    def action_paylink_was_made(self):
        """Say of what was never answered that the provider has made it: it is booked on the day when it was sent."""
        return self._paylink_say(WAS_MADE)

    def action_paylink_was_not_made(self):
        """Say that nothing came of it: it can be made again, and the plan of an automatic payment goes on."""
        return self._paylink_say(WAS_NOT_MADE)

    def _paylink_say(self, outcomes):
        """:param dict outcomes: :data:`WAS_MADE` or :data:`WAS_NOT_MADE`"""
        tx = self._paylink_take_unanswered().with_context(paylink_looked=self.env.uid)
        message, setter = outcomes[tx._paylink_kind_asked()]
        if setter == "_set_done":
            tx._paylink_note_moved(tx.paylink_sent_at or tx.create_date)
        getattr(tx, setter)(state_message=message)
        tx.paylink_answer = False
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _paylink_take_unanswered(self):
        """Hold the transaction.

        :return: the same in sudo mode
        :raises AccessError: for others than payment managers
        :raises UserError: it was answered meanwhile, or may still be
        """
        self.ensure_one()
        transaction = self._paylink_as_manager()
        hold_and_touch(transaction)
        if not transaction._paylink_unanswered():
            raise UserError(
                self.env._("%(reference)s has been answered, or is still being sent.", reference=transaction.reference)
            )
        return transaction

    # === TOLD === #

    @api.model
    def _paylink_tell_unanswered(self):
        """Have payment managers look at what had no answer: who else would could say nothing of it."""
        overdue = fields.Datetime.now() - ANSWER_TIME
        silent = (
            Domain("operation", "=", "refund") & Domain("state", "=", "draft") & Domain("create_date", "<", overdue)
        )
        silent |= Domain("paylink_answer", "!=", False) & Domain("state", "in", ("draft", "pending"))
        tasks = self.env["paylink.task.mixin"]
        for tx in self.search(silent & Domain("paylink_id", "!=", False))._paylink_unanswered():
            link, managers = tx.paylink_id, tx.company_id._paylink_managers()
            key = Task.REFUND_UNANSWERED if tx.operation == "refund" else Task.CHARGE_UNANSWERED
            users = link._task_users() & managers or managers
            tasks._give(link, key, tx._paylink_unanswered_texts, users, about=tx)

    def _paylink_unanswered_texts(self, env):
        facts = {
            "amount": format_amount(env, abs(self.amount), self.currency_id),
            "partner": self.partner_id.display_name,
            "reference": self.reference,
        }
        return getattr(self, f"_paylink_unanswered_{self._paylink_kind_asked()}")(env, facts)

    def _paylink_unanswered_charge(self, env, facts):
        return env._("Was %(amount)s charged?", **facts), env._(
            "The provider has not answered to the charge of %(amount)s to %(partner)s (%(reference)s), so nobody knows "
            "whether it was made. It is not charged again until then. Look at the provider's, open %(reference)s, and "
            "choose “Charged” or “Not charged”. Nothing is to be done if the provider reports it meanwhile.",
            **facts,
        )

    def _paylink_unanswered_refund(self, env, facts):
        return env._("Was %(amount)s refunded?", **facts), env._(
            "The provider has not answered to the refund of %(amount)s to %(partner)s (%(reference)s), so nobody knows "
            "whether it was made. It counts as refunded until then. Look at the provider's, open %(reference)s, and "
            "choose “Refunded” or “Not refunded”. Nothing is to be done if the provider reports it meanwhile.",
            **facts,
        )

    def _paylink_unanswered_capture(self, env, facts):
        return env._("Was %(amount)s captured?", **facts), env._(
            "The provider has not answered to the capture of %(amount)s of %(partner)s (%(reference)s), so nobody "
            "knows whether it was made. It is not captured again until then. Look at the provider's, open "
            "%(reference)s, and choose “Captured” or “Not captured”. Nothing is to be done if the provider reports it "
            "meanwhile.",
            **facts,
        )

    def _paylink_unanswered_void(self, env, facts):
        return env._("Was %(amount)s released?", **facts), env._(
            "The provider was asked to release the %(amount)s that %(partner)s had authorized (%(reference)s), and has "
            "not answered, so nobody knows whether it was done. Look at the provider's, open %(reference)s, and choose "
            "“Released” or “Not released”. Nothing is to be done if the provider reports it meanwhile.",
            **facts,
        )
