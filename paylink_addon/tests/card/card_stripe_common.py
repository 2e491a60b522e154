from ..stripe.event_common import EventCommon
from .card_common import CardCommon


class CardStripeCommon(CardCommon, EventCommon):
    """Requests whose methods are stored on Stripe's page."""

    def _start(self, request, person=None):
        """The customer agrees and is led to Stripe."""
        tx, answer = self._setup(request, person)
        self.assertEqual(answer.status_code, 303)
        return tx

    def _setup(self, request, person=None):
        """The customer agrees, and wants to be led to Stripe, who may not answer.

        :return: the transaction, and what our page answers
        """
        tx = self._start_storing(request, person, landing_route="/payment/status")
        tx._get_processing_values()
        return tx, self.checkout(tx)

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
