from odoo.tests import tagged

from ...models.stripe.payment_transaction_checkout import CHECKOUT_PATH, RETURN_PATH
from ..link.public_routes import COOKIES, LANGUAGES, PARAMS, PublicRoutes
from .stripe_common import StripeCommon

ROUTES = ((CHECKOUT_PATH, ("POST", "GET")), (RETURN_PATH, ("GET",)))


@tagged("post_install", "-at_install")
class TestStripeStrange(StripeCommon, PublicRoutes):
    """Strange requests of who holds the token of an attempt: they get further than those that name none."""

    def test_whatever_is_sent_with_an_attempt(self):
        """Also with one that is paid, and with one of a link that is cancelled."""
        started, paid, dead = (self.start(self._link(self._invoice(self.john))) for _number in range(3))
        self.fake.pay(paid.paylink_stripe_session)
        address = f"tx={dead.id}&token={dead._paylink_stripe_token()}"
        dead.paylink_id.action_cancel()
        known = [address] + [f"tx={tx.id}&token={tx._paylink_stripe_token()}" for tx in (started, paid)]
        requests = [{"query": query} for query in PARAMS]
        requests += [{"cookies": cookies} for cookies in COOKIES]
        requests += [{"Accept-Language": language.encode()} for language in LANGUAGES]
        for path, methods in ROUTES:
            for number, address in enumerate(known):
                for request in requests:
                    with self.subTest(path=path, attempt=number, request=str(request)[:80]):
                        self._try(f"{path}?{address}", methods, "http", **request)
        self.env.invalidate_all()
        self.assertEqual((started.state, paid.state, dead.state), ("draft", "done", "cancel"))
        self.assertEqual(started.paylink_id.state, "open")
