"""Stage of ``payment.transaction``: what payment managers do: capture, release and refund."""

from datetime import timedelta

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_amount

from ...const import AUTHORIZATION_DAYS, IN_FLIGHT_STATES
from ...tools.access import openable
from ...tools.locks import hold_and_touch
from ...tools.money import MoneyError, exact_amount


class PaymentTransactionManage(models.Model):
    """Who may do it, and how much of a payment."""

    _inherit = "payment.transaction"

    paylink_user_id = fields.Many2one(
        "res.users", string="Asked for by", copy=False, readonly=True, help="Who refunded, captured or released it."
    )
    paylink_reason = fields.Char(string="Reason", copy=False, readonly=True)
    paylink_from_dashboard = fields.Boolean(
        string="Made at the provider", copy=False, readonly=True, help="In the provider's dashboard, not in Odoo."
    )
    paylink_tell_customer = fields.Boolean(
        string="Tell the customer",
        copy=False,
        readonly=True,
        help="The customer gets a message once the provider has confirmed it.",
    )
    paylink_can_open_link = fields.Boolean(
        compute="_compute_paylink_can_open_link", help="The collection link is the user's to see."
    )

    # === COMPUTE METHODS === #

    @api.depends("paylink_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_paylink_can_open_link(self):
        allowed = openable(self, "paylink_id")
        for tx in self:
            tx.paylink_can_open_link = tx in allowed

    # === ACTIONS === #

    # They need no rights on transactions for it; who has those, as accountants do, is none by them.

    def action_capture(self):
        """Capturing what came by a link is for payment managers."""
        return super(PaymentTransactionManage, self._paylink_for_action()).action_capture()

    def action_void(self):
        """Releasing what came by a link is for payment managers."""
        return super(PaymentTransactionManage, self._paylink_for_action()).action_void()

    def action_refund(self, amount_to_refund=None):
        """Refunding what came by a link is for payment managers."""
        return super(PaymentTransactionManage, self._paylink_for_action()).action_refund(
            amount_to_refund=amount_to_refund
        )

    def action_post_process(self):
        """Booking what came by a link, likewise; any other, for who may write it. Odoo checks nothing."""
        transactions = self._paylink_for_action()
        transactions.check_access("write")
        return super(PaymentTransactionManage, transactions.sudo()).action_post_process()

    def _paylink_for_action(self):
        """These for an action of Odoo's: where one came by a link, for payment managers only.

        Superuser mode is no right: invoices and orders call these actions in it for whoever may write the document.
        """
        by_link = self.env.uid != SUPERUSER_ID and self.filtered("paylink_id")
        return self._paylink_as_manager() if by_link else self

    def _paylink_as_manager(self):
        """These transactions in sudo mode, for a payment manager who may write all of their links; else an error."""
        if not self.env.user.has_group("paylink_addon.group_payment_manager"):
            raise AccessError(
                self.env._("Only payment managers can capture, release or refund the payments of collection links.")
            )
        transactions = self.sudo()
        if transactions.filtered(lambda tx: not tx.paylink_id):
            self.check_access("write")  # not only links' payments: Odoo's own rule
        transactions.paylink_id.sudo(False).check_access("write")
        return transactions

    def _paylink_child_values(self, is_refund):
        """What a refund, capture or release has of the payment, and of who asks for it: nobody, where a job does.

        :param bool is_refund: whether it is a refund
        """
        user = self.env.user
        link = self.paylink_id
        values = {"paylink_user_id": user.id if user._is_internal() and not user._is_superuser() else False}
        if link:
            values |= {
                "paylink_id": link.id,
                "paylink_tell_customer": is_refund and link.company_id.paylink_tell_refunds,
            }
        return values

    # === WHO DOES IT, AND WHAT IS TOLD OF IT === #

    def _paylink_bot(self):
        return self.env["ir.model.data"]._xmlid_to_res_id("base.partner_root")

    def _paylink_told_by(self):
        """Who says what has become of the transaction, or has asked for it, if that was somebody."""
        return self.env["res.users"].browse(self.env.context.get("paylink_looked")) or self.paylink_user_id

    def _paylink_author(self):
        """In whose name it is told what becomes of the transaction."""
        return self._paylink_told_by().partner_id or self.env["res.partner"].browse(self._paylink_bot())

    def _paylink_moved_text(self):
        """How much is released, or on its way back."""
        voided = self.state == "cancel" and self.source_transaction_id and self.operation != "refund"
        if not voided and not (self.state == "pending" and self.operation == "refund"):
            return ""
        return format_amount(self.company_id._paylink_env(), abs(self.amount), self.currency_id)

    # === AMOUNTS === #
    # What is refunded, captured or voided comes from clients, by whichever dialog or none: it is checked here.

    def _refund(self, amount_to_refund=None):
        """No more than is left of the payment."""
        return super()._refund(amount_to_refund=self._paylink_checked_amount("refund", amount_to_refund))

    def _capture(self, amount_to_capture=None):
        """No more than is authorized."""
        return super()._capture(amount_to_capture=self._paylink_checked_amount("capture", amount_to_capture))

    def _void(self, amount_to_void=None):
        """No more than is authorized."""
        return super()._void(amount_to_void=self._paylink_checked_amount("void", amount_to_void))

    def _paylink_checks_amounts(self):
        """Hook: whether we answer for the payment: what came by a link; a subject with a provider adds what came by it.

        The others are left to Odoo.
        """
        self.ensure_one()
        return bool(self.paylink_id)

    def _paylink_checked_amount(self, todo, amount):
        """How much of the payment may be refunded, captured or voided: what is asked, if it is that much.

        Two that ask at the same time do so one after the other: the second one finds what the first one has stored.

        :param str todo: ``refund``, ``capture`` or ``void``
        :param amount: as a client has sent it: anything; ``None``: all that is left
        :raises UserError: with what is possible
        """
        if not self._paylink_checks_amounts():
            return amount
        hold_and_touch(self)
        left = self._paylink_amount_left(todo)
        try:
            asked = left if amount is None else exact_amount(amount, self.currency_id.rounding)
        except MoneyError:
            asked = 0.0
        missing = self.currency_id.compare_amounts(asked, left)
        whole_only = todo == "refund" and self._paylink_refund_support() == "full_only"
        if not asked > 0 or missing > 0 or (whole_only and missing):
            raise UserError(self._paylink_amount_problem(todo, left))
        return asked

    def _paylink_amount_left(self, todo):
        if todo == "refund":
            return self._paylink_refundable_amount()
        left = self._paylink_authorized_amount() - sum(self._paylink_parts_under_way().mapped("amount"))
        return self.currency_id.round(left)

    def _paylink_parts_under_way(self):
        """What is being captured or released of these: it is neither once more."""
        parts = self.child_transaction_ids.filtered(lambda child: child.operation != "refund")
        return parts.filtered(lambda child: child._paylink_is_under_way())

    def _paylink_is_under_way(self):
        """Whether a capture or release has been asked for, and may still be carried out."""
        is_open = self.state in ("draft", "pending")
        return bool(self.paylink_todo) or self.state == "pending" or (is_open and bool(self.paylink_answer))

    def _paylink_amount_problem(self, todo, left):
        if left <= 0 and todo == "refund":
            return self.env._("Nothing is left to refund on this payment: refunds in progress count too.")
        if todo == "refund":
            return self.env._(
                "%(amount)s is left to refund on this payment: enter no more than that, and the whole of it if "
                "the provider can't refund a part.",
                amount=format_amount(self.env, left, self.currency_id),
            )
        return self.env._(
            "%(amount)s of this payment can be captured or released: enter no more than that.",
            amount=format_amount(self.env, left, self.currency_id),
        )

    # === AUTHORIZED AMOUNTS === #

    def _paylink_authorized(self):
        """Those that wait to be captured or voided."""
        return self.filtered(lambda tx: tx.state == "authorized" and tx._paylink_is_incoming())

    def _paylink_authorized_amount(self):
        """What is still reserved of these, in their currency: not what has been captured or voided."""
        return sum(self.mapped("amount")) - sum(self._paylink_settled_parts().mapped("amount"))

    def _paylink_capture_before(self):
        """Until when the amount is reserved. A provider that knows it says so by extending this method.

        :return: a ``datetime`` (UTC)
        """
        self.ensure_one()
        return (self.last_state_change or self.create_date) + timedelta(days=AUTHORIZATION_DAYS)

    # === REFUNDS === #

    def _paylink_refund_action(self):
        """The dialog that refunds this payment of a link; for payment managers."""
        link = self._paylink_as_manager().paylink_id
        return {
            "name": self.env._("Refund"),
            "type": "ir.actions.act_window",
            "res_model": "paylink.refund",
            "view_mode": "form",
            "target": "new",
            "context": {"default_link_id": link.id, "default_transaction_id": self.id},
        }

    def _paylink_taken_back_amount(self):
        """What customers' banks have taken back of these payments, and not given back, in their currency."""
        received = self._paylink_received().with_prefetch(self._prefetch_ids)  # of all links at once
        taken = sum(received._paylink_taken_back().values())
        for authorized in received.source_transaction_id:
            taken += received._paylink_share(authorized, sum(authorized._paylink_taken_back().values()))
        return taken

    def _paylink_share(self, owner, amount):
        """How much of ``amount``, which is noted on ``owner``, is of these payments.

        Of an authorization that was captured in parts, what is noted on it is of each part by its amount.
        """
        parts = owner.child_transaction_ids._paylink_received()
        if owner in self or not parts or not amount:
            return amount
        return owner.currency_id.round(amount * sum((self & parts).mapped("amount")) / sum(parts.mapped("amount")))

    def _paylink_refundable(self):
        """The payments of which something can be given back."""
        received = self.sudo()._paylink_received()
        return received.filtered(lambda tx: tx._paylink_refundable_amount() > 0).with_env(self.env)

    def _paylink_refundable_amount(self):
        """What can be given back of a payment, in its currency: refunds that are under way or not booked yet count."""
        payment = self.sudo().payment_id
        under_way = self.sudo().child_transaction_ids.filtered(
            lambda child: (
                child.operation == "refund"
                and not child.payment_id
                and child.state in ("draft", *IN_FLIGHT_STATES, "done")
            )
        )
        return max(payment.amount_available_for_refund + sum(under_way.mapped("amount")), 0.0)  # theirs are negative

    def _paylink_booked_event(self):
        """Which line of the link's timeline tells that it is in the books."""
        self.ensure_one()
        if self.operation != "refund":
            return "paid"
        return "refunded_there" if self.paylink_from_dashboard else "refunded"

    def _paylink_booked_text(self, env):
        """How much has moved, and why it was given back, in the language of ``env``."""
        self.ensure_one()
        amount = format_amount(env, abs(self.amount), self.currency_id)
        if not self.paylink_reason:
            return amount
        return env._("%(amount)s (%(reason)s)", amount=amount, reason=self.paylink_reason)

    def _paylink_refund_support(self):
        """``none``, ``full_only`` or ``partial``: what both the provider and the method can do."""
        transaction = self.sudo()
        method = transaction.payment_method_id.primary_payment_method_id or transaction.payment_method_id
        supports = {transaction.provider_id.support_refund, method.support_refund}
        return next((support for support in ("none", "full_only") if support in supports), "partial")
