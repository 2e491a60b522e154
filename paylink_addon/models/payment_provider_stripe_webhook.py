import contextlib
import secrets

from odoo import api, models
from odoo.exceptions import UserError

from ..const import STRIPE_EVENTS
from ..tools.stripe_client import API_VERSION
from ..tools.stripe_errors import StripeAbsent, StripeFailure

WEBHOOK_PATH = "/paylink/stripe/webhook"


class PaymentProvider(models.Model):
    """How Stripe comes to report to this server."""

    _inherit = "payment.provider"

    # === ACTIONS === #

    def action_paylink_stripe_create_webhook(self):
        """Have Stripe send our events to this server; an earlier webhook of ours at the same address is replaced."""
        self._paylink_check_administrator()
        try:
            self._paylink_stripe_create_webhook()
        except StripeFailure as error:
            raise self._paylink_stripe_user_error(error) from None
        return self._paylink_notification(
            self.env._("Stripe now reports to %(url)s. Try it: “Send a test event”.", url=self._paylink_webhook_url())
        )

    def action_paylink_stripe_send_test(self):
        """Make Stripe send a real, harmless event: a session that expires at once."""
        self._paylink_check_administrator()
        if not self.paylink_stripe_webhook_secret:
            raise UserError(self.env._("There is no webhook yet: click “Create webhook” first."))
        try:
            self._paylink_stripe_send_test()
        except StripeFailure as error:
            raise self._paylink_stripe_user_error(error) from None
        return self._paylink_notification(
            self.env._("Stripe has been asked for a test event. It arrives within seconds.")
        )

    # === BUSINESS METHODS === #

    def _paylink_webhook_url(self):
        """Where Stripe reports to: the company's own address."""
        return f"{self.company_id._paylink_base_url()}{WEBHOOK_PATH}/{self.id}"

    def _paylink_stripe_create_webhook(self):
        """Create the new one, keep its secret, commit, and only then delete what it replaces.

        Stripe shows a secret once: if it were lost, with the old webhook gone, no message could be verified. Whatever
        fails in between leaves a webhook at the same address, which the next click replaces.
        """
        stripe, url = self._paylink_stripe(), self._paylink_webhook_url()
        replaced = [found["id"] for found in stripe.webhooks() if found["url"] == url]
        made = stripe.webhook_create(
            key=secrets.token_urlsafe(24),
            url=url,
            enabled_events=list(STRIPE_EVENTS),
            api_version=API_VERSION,
            description="Paylink for Odoo",
            metadata={"paylink_db": self._paylink_database_uuid()},
        )
        provider = self.sudo()
        provider.write(
            {
                "paylink_stripe_webhook_secret_old": provider.paylink_stripe_webhook_secret,
                "paylink_stripe_webhook_secret": made["secret"],
                "paylink_stripe_webhook": made["id"],
                "paylink_stripe_webhook_version": made["api_version"],
            }
        )
        self.env.cr.commit()  # pylint: disable=invalid-commit
        for webhook_id in replaced:
            with contextlib.suppress(StripeAbsent):  # somebody else has deleted it
                stripe.webhook_delete(webhook_id)

    @api.model
    def _paylink_database_uuid(self):
        """Tells our objects from those that another Odoo made in the same Stripe account."""
        return self.env["ir.config_parameter"].sudo().get_param("database.uuid")

    def _paylink_stripe_send_test(self):
        """In setup mode: it has no amount, which may be below the least that Stripe takes in a currency."""
        stripe, key = self._paylink_stripe(), secrets.token_urlsafe(24)
        session = stripe.session_create(
            key=key,
            mode="setup",
            currency=self.company_id.currency_id.name.lower(),
            success_url=self._paylink_webhook_url(),
            metadata={"paylink_test": self._paylink_database_uuid()},
        )
        stripe.session_expire(session["id"], key=f"{key}-expire")
