from ..stripe.event_common import EventCommon
from .card_common import CardCommon


class CardStripeCommon(CardCommon, EventCommon):
    """Requests whose methods are stored on Stripe's page."""

    def _start(self, request, person=None):
        """The customer agrees and is led to Stripe."""
        own = request.sudo().with_context(lang=request.lang)
        own._agree("192.0.2.7", person)
        values = own._start_attempt(self.provider.id, self.payment_method_id)
        custom = values.pop("custom_create_values")
        values.pop("is_validation")
        tx = (
            self.env["payment.transaction"]
            .sudo()
            .create(
                {
                    **values,
                    **custom,
                    "amount": 0,
                    "currency_id": self.company.currency_id.id,
                    "operation": "validation",
                    "tokenize": True,
                    "landing_route": "/payment/status",
                    "reference": self.env["payment.transaction"]._compute_reference("stripe", prefix=request.name),
                }
            )
        )
        tx._get_processing_values()
        self.assertEqual(self.checkout(tx).status_code, 303)
        return tx

    def _stored_by(self, request, method="card"):
        """The customer has stored a method: the token."""
        tx = self._start(request)
        self.fake.pay(tx.paylink_stripe_session, method)
        self.come_back(tx)
        return request.token_id

    def _take_debits(self):
        """The account may debit bank accounts in Canada."""
        self.fake.account.takes = ("acss_debit",)
        self.provider._paylink_stripe_connect()
