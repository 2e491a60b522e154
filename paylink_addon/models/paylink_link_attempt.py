from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError

from ..const import DEFAULT_MAX_ATTEMPTS, LIVE_STATES, MAX_ATTEMPTS_PARAMETER


class PaylinkLinkAttempt(models.Model):
    """What is checked, under lock, before a customer's attempt to pay becomes a transaction."""

    _inherit = "paylink.link"

    def _start_attempt(self, amount, provider_id, method_id, token_id):
        """Check under lock that this may be paid this way now; return the values of the transaction to make.

        :param amount: what the page showed, in major units of the link's currency
        :raises UserError: with a text for the customer
        """
        self.ensure_one()
        self._lock()
        self._check_open()
        self._check_attempts()
        payable = self._checked_amount(amount)
        providers, methods, tokens = self._payment_options(payable)
        provider = providers.filtered(lambda p: p.id == provider_id)
        token = tokens.filtered(lambda t: t.id == token_id)
        method = methods.filtered(lambda m: m.id == method_id)
        if not provider or not (token if token_id else method):
            raise UserError(self.env._("This way to pay is not available any more: reload the page."))
        # The newest attempt counts: one that was left on another tab must not be paid as well.
        self._open_drafts()._paylink_close(self.env._("The customer started again."))
        self._mark_opened()
        return {
            "provider_id": provider.id,
            "payment_method_id": method.id,
            "token_id": token.id,
            "amount": payable,
            "currency_id": self.currency_id.id,
            "partner_id": self.partner_id.id,
            "custom_create_values": self._attempt_documents(),
        }

    def _attempt_documents(self):
        """The values of a transaction that say what it is for."""
        invoices = self.line_ids.filtered("is_invoice").move_id
        return {"paylink_id": self.id, "invoice_ids": [fields.Command.set(invoices.ids)]}

    def _check_open(self):
        if self.state not in LIVE_STATES or self._is_expired() or self.cancel_requested_at:
            raise UserError(self.env._("This link can't be paid any more: reload the page."))

    def _check_attempts(self):
        """Stop who tries card after card."""
        parameter = self.env["ir.config_parameter"].get_param(MAX_ATTEMPTS_PARAMETER)
        limit = int(parameter) if (parameter or "").isdigit() else DEFAULT_MAX_ATTEMPTS
        hour_ago = fields.Datetime.now() - timedelta(hours=1)
        recent = self.transaction_ids.filtered(lambda tx: tx.create_date >= hour_ago and tx.operation != "refund")
        if len(recent) + sum(recent.mapped("paylink_stripe_declines")) >= limit:
            raise UserError(self.env._("Too many attempts: wait an hour, or pay by transfer."))

    def _checked_amount(self, amount):
        """What is paid: what the page showed, if that is still right."""
        payable = self._payable_amount()
        if payable <= 0:
            raise UserError(self.env._("Nothing is left to pay here, or a payment is in progress: reload the page."))
        try:
            shown = self.currency_id.round(float(amount))
        except (TypeError, ValueError, OverflowError):
            shown = 0.0
        difference = self.currency_id.compare_amounts(shown, payable)
        if difference == 0 or (self.allow_partial and difference < 0 < shown):
            return shown
        raise UserError(self.env._("The amount has changed: reload the page."))

    def _book_confirmed(self):
        """Book what the provider has confirmed, without waiting for the job."""
        for tx in self.transaction_ids.filtered(lambda tx: tx.state == "done" and not tx.is_post_processed):
            tx._paylink_try_to_book()

    def _awaits_provider(self):
        """Whether an attempt of the last quarter of an hour has not been answered by its provider."""
        since = fields.Datetime.now() - timedelta(minutes=15)
        return bool(self.transaction_ids._paylink_closable().filtered(lambda tx: tx.create_date >= since))

    def _ask_for_renewal(self):
        """Give the owner the task to send a new link."""
        if self._page_view() == "paid":
            return
        env = self._owner_env()
        self._schedule(
            env._("Send a new collection link"),
            env._(
                "%(partner)s asks for a new link in place of %(name)s.",
                partner=self.partner_id.display_name,
                name=self.name,
            ),
        )
