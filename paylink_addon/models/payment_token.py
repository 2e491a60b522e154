import logging
from datetime import date

from dateutil.relativedelta import relativedelta
from odoo import SUPERUSER_ID, api, fields, models

from ..const import STRIPE_CODE
from ..tools.stripe_errors import StripeFailure

_logger = logging.getLogger(__name__)


class PaymentToken(models.Model):
    _inherit = "payment.token"

    paylink_brand = fields.Char(string="Brand", readonly=True)
    paylink_expires_on = fields.Date(string="Usable until", readonly=True, help="Cards only.")
    paylink_stripe_type = fields.Char(string="Type at Stripe", readonly=True)
    paylink_stripe_customer = fields.Char(string="Stripe Customer", readonly=True)
    paylink_stripe_account = fields.Char(string="Stripe Account", readonly=True)

    @api.model
    def _paylink_expiry(self, details):
        """The last day of a card's last month, or ``False``.

        :param dict details: Stripe's, of a payment method
        """
        if not details.get("exp_year"):
            return False
        return date(details["exp_year"], details["exp_month"], 1) + relativedelta(months=1, days=-1)

    def _paylink_stripe_renew(self, method):
        """Take over what a bank has changed of a stored card: its number and expiry.

        :param dict method: Stripe's payment method
        """
        details = method.get(method.get("type")) or {}
        for token in self:
            token.payment_details = details.get("last4") or token.payment_details
            token.paylink_expires_on = self._paylink_expiry(details)

    def _build_display_name(self, *args, **kwargs):
        """Name the brand: a customer may have two cards."""
        name = super()._build_display_name(*args, **kwargs)
        return f"{self.paylink_brand.replace('_', ' ').title()} {name}" if self.paylink_brand and name else name

    def _handle_archiving(self):
        """What is archived here can't be charged by anybody any more."""
        super()._handle_archiving()
        if stripe := self.filtered(lambda token: token.provider_code == STRIPE_CODE):
            stripe._paylink_stripe_detach_after_commit()

    def _paylink_stripe_detach_after_commit(self):
        """Detach at Stripe once the archiving is committed. Not being able to is no reason to keep the token here."""
        ids, registry = self.ids, self.env.registry

        @self.env.cr.postcommit.add
        def detach():
            with registry.cursor() as cr:
                api.Environment(cr, SUPERUSER_ID, {})["payment.token"].browse(ids)._paylink_stripe_detach()

    def _paylink_stripe_detach(self):
        for token in self:
            try:
                token.provider_id._paylink_stripe().method_detach(
                    token.provider_ref, key=f"detach-{token.provider_ref}"
                )
            except StripeFailure as error:
                _logger.info("%s stays attached at Stripe: %s", token.provider_ref, error)
