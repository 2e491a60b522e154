from odoo import fields, models
from odoo.tools import LazyTranslate, format_amount

from ...tools.texts import said

_lt = LazyTranslate(__name__)

# What a declined charge means for further tries: https://docs.stripe.com/declines/codes. The other ones are ``other``.
FUNDS = {"insufficient_funds", "withdrawal_count_limit_exceeded", "card_velocity_exceeded", "debit_declined"}
TECHNICAL = {
    *("processing_error", "issuer_not_available", "try_again_later", "reenter_transaction", "approve_with_id"),
    *("lock_timeout", "rate_limit", "payment_method_provider_timeout"),
}
AUTHENTICATION = {
    *("authentication_required", "mobile_device_authentication_required", "payment_intent_authentication_failure"),
}
# The method works, but not for that.
UNFIT = {"currency_not_supported", "invalid_amount"}
# The method will never work again, or its owner does not want it to.
HARD = {
    *("stolen_card", "lost_card", "pickup_card", "fraudulent", "merchant_blacklist", "restricted_card"),
    *("revocation_of_authorization", "revocation_of_all_authorizations", "stop_payment_order", "do_not_try_again"),
    *("security_violation", "service_not_allowed", "not_permitted", "transaction_not_allowed"),
    *("card_not_supported", "new_account_information_available", "expired_card", "invalid_account"),
    *("incorrect_number", "invalid_number", "invalid_expiry_month", "invalid_expiry_year"),
    *("account_closed", "no_account", "debit_not_authorized", "bank_account_restricted", "mandate_canceled"),
    *("bank_ownership_changed", "payment_method_customer_decline", "payment_method_unactivated"),
}
KINDS = {
    code: kind
    for kind, codes in (
        ("funds", FUNDS),
        ("technical", TECHNICAL),
        ("authentication", AUTHENTICATION),
        ("unfit", UNFIT),
        ("hard", HARD),
    )
    for code in codes
}


class PaymentTransaction(models.Model):
    """Charges of stored methods by rule: what follows from their outcome."""

    _inherit = "payment.transaction"

    paylink_autopay = fields.Boolean(string="Automatic Payment", readonly=True, copy=False)

    def _paylink_failed_late(self, before):
        """Of a charge by rule the plan says what follows: the customer has not paid, and is not told so."""
        return not self.paylink_autopay and super()._paylink_failed_late(before)

    def _paylink_changed(self, before, message):
        """Go on with the plan, in the same database transaction: so once, however often the outcome is reported.

        What is planned is stored whatever becomes of the steps that tell people: it must not be charged again at once.
        """
        result = super()._paylink_changed(before, message)
        if self.env.context.get("paylink_withdraws"):
            return result  # it was never tried
        has_ended = self.state != before and self.state in ("done", "error", "cancel")
        if has_ended and self.paylink_id.by_autopay and self._paylink_is_incoming():
            Row = self.env["paylink.autopay.item"]
            rows = Row._of_charge(self)
            if self.state == "done" and self._paylink_ends_autopay():
                rows._note_charged()
            elif self.state != "done" and self.paylink_autopay:
                rows._note_failed(self.sudo())
                self.paylink_id._run_steps([Row._tell_failed, Row._end_plan], self.sudo())
        return result

    def _paylink_ends_autopay(self):
        """Whether it is a charge by rule, or what the customer has paid in its place on the page of its link, who had
        to confirm it or has chosen another way; after a part of it the rest may still be charged.
        """
        link = self.paylink_id
        return self.paylink_autopay or link._due_amounts()[link.id] <= 0

    def _paylink_waits_for_key(self):
        """No bank has said anything, and every other charge fails as well: it is no try."""
        return self.paylink_autopay or super()._paylink_waits_for_key()

    # === WITHDRAWN === #

    def _paylink_take_back(self):
        """What has changed since a charge was stored: whether somebody does not want it, or less is due."""
        if self.paylink_autopay and not self._paylink_still_wanted():
            self._paylink_withdraw_autopay()
            return True
        return super()._paylink_take_back()

    def _paylink_still_wanted(self):
        rows = self.env["paylink.autopay.item"]._of_charge(self)
        items = rows.move_line_id.filtered(lambda item: item.balance > 0)
        rule = rows.rule_id[:1].with_company(self.company_id)
        rule = rule and rule._still_on()
        if not rule or self._paylink_exceeds(self._paylink_needed()):
            return False
        customer = self.partner_id.commercial_partner_id.with_company(self.company_id)
        return not rule._over_cap(customer, self._paylink_booked_amount()) and rule._allows(items, self.token_id)

    def _paylink_booked_amount(self):
        """Its amount in the company's currency, at the rates of what it is for: limits are measured by these, whatever
        the rate of the day is (``Charge.in_company_currency``).
        """
        items = self.paylink_id.line_ids.move_line_id
        residual = sum(items.mapped("amount_residual_currency"))
        return self.amount * sum(items.mapped("amount_residual")) / residual if residual else 0.0

    def _paylink_withdraw_autopay(self):
        """Give up charges by rule that were not sent yet; their plan goes on as if they had never been stored."""
        own = self.sudo().filtered("paylink_autopay").with_context(paylink_withdraws=True)
        own._paylink_withdraw_charges(_lt("It is not to be charged automatically anymore."))

    def _paylink_reconsider_one(self):
        """What was paid otherwise need not be charged."""
        if self.paylink_autopay and self._paylink_exceeds(self._paylink_needed()):
            self._paylink_withdraw_autopay()
        return super()._paylink_reconsider_one()

    # === DECLINED === #

    def _paylink_decline_kind(self):
        """Why it came to nothing: a key of ``paylink.autopay.item.decline``."""
        if self.state == "cancel":
            return "canceled"
        code = self.paylink_stripe_decline_code
        if self.paylink_never_again:
            return "hard"
        if self.env.context.get("paylink_looked"):
            return "technical"  # no bank has said anything: a person has looked
        if self._paylink_is_stripe() and not code:
            return "technical"  # Stripe has refused or never received it: no bank has said anything
        return "authentication" if self.paylink_action_needed else KINDS.get(code, "other")

    def _paylink_autopay_failed_texts(self, env):
        return env._("An automatic payment failed"), env._(
            "%(amount)s could not be charged to %(method)s of %(partner)s. %(reason)s It is not tried again: ask the "
            "customer to pay otherwise, or to store another method.",
            amount=format_amount(env, self.amount, self.currency_id),
            method=self.token_id.display_name,
            partner=self.partner_id.display_name,
            reason=said(self._paylink_last_reason(), env) or env._("The provider gave no reason."),
        )

    def _paylink_done_autopay_failed(self, _task):
        """Nothing is due anymore by its link, or it was asked for."""
        link = self.paylink_id
        return bool(link.state in ("paid", "cancelled") or link._due_amounts()[link.id] <= 0)
