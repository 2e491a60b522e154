from odoo import SUPERUSER_ID, http
from odoo.http import request

from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing

from ..const import PAY_PATH
from .pay import ADDRESS_KEY


class PaylinkStatus(PaymentPostProcessing):
    """Whoever pays a link comes back to the link's page."""

    @http.route()
    def display_status(self, **kwargs):
        """Lead the payer of a link to its page, which follows the payment itself, by the address they came from."""
        transaction = self._get_monitored_transaction()
        link = transaction.paylink_id
        if not link:
            return super().display_status(**kwargs)
        link.with_user(SUPERUSER_ID)._book_confirmed()
        # The provider may not have told us yet: the page then waits for it instead of asking for the money again.
        returned = "?returned=1" if transaction.state == "draft" else ""
        return request.redirect(f"{PAY_PATH}/{request.session.get(ADDRESS_KEY)}{returned}")
