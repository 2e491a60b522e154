import logging
from http import HTTPStatus

from odoo import http
from odoo.http import request

from ..tools.stripe_client import verify_event
from ..tools.stripe_errors import StripeSignatureError

_logger = logging.getLogger(__name__)

# Stripe's events are some kilobytes; a larger body is refused before it is read.
MAX_BODY = 1024 * 1024
MAX_ID = 2**31 - 1


class NoProviderError(LookupError):
    """No provider has this id."""


class StripeWebhook(http.Controller):
    """Where Stripe tells what has happened: checked, stored, acknowledged. Everything else comes later."""

    @http.route(
        "/paylink/stripe/webhook/<int:provider_id>",
        type="http",
        methods=["POST"],
        auth="none",
        csrf=False,
        readonly=False,  # which routes without authentication are otherwise
        save_session=False,
        max_content_length=MAX_BODY,
    )
    def receive(self, provider_id, **_params):
        """Store a signed event: it is committed when Stripe reads the answer. What is not signed leaves no trace."""
        try:
            event = self._verified_event(provider_id if provider_id <= MAX_ID else 0)
            request.env["paylink.event"]._receive(provider_id, [event])
        except NoProviderError as error:
            return self._refuse(HTTPStatus.NOT_FOUND, provider_id, str(error))
        except ValueError as error:
            return self._refuse(HTTPStatus.BAD_REQUEST, provider_id, str(error))
        return request.make_response("", headers=[("Content-Type", "text/plain")])

    @staticmethod
    def _verified_event(provider_id):
        """The event in the request.

        :raise NoProviderError: there is no such provider
        :raise StripeSignatureError: it is none, or not one of this provider's
        """
        Provider = request.env["payment.provider"]
        body, header = request.httprequest.get_data(), request.httprequest.headers.get("Stripe-Signature")
        known = Provider._paylink_cached_secrets().get(provider_id)
        try:
            return verify_event(body, header, known or ())
        except StripeSignatureError:
            # What is remembered may be older than the secret in use, for a moment.
            secrets = Provider._paylink_webhook_secrets(provider_id)
            if secrets is None:
                raise NoProviderError("There is no such provider.") from None
            if secrets == known:
                raise
            return verify_event(body, header, secrets)

    @staticmethod
    def _refuse(status, provider_id, reason):
        _logger.info("An event for provider %s was refused: %s", provider_id, reason)
        return request.make_response(reason, headers=[("Content-Type", "text/plain")], status=status)
