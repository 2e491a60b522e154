from odoo import SUPERUSER_ID, http
from odoo.http import request

from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing

from .pay import ADDRESS_KEY


class PaylinkStatus(PaymentPostProcessing):
    """Whoever pays a link, or stores a method, comes back to the page they came from."""

    @http.route()
    def display_status(self, **kwargs):
        """Lead the customer to the page, which follows the payment itself, by the address they came from."""
        transaction = self._get_monitored_transaction()
        asked_by = transaction._paylink_asked_by()
        if not asked_by:
            return super().display_status(**kwargs)
        asked_by.with_user(SUPERUSER_ID)._customer_is_back()
        # The provider may not have told us yet: the page then waits for it instead of asking for the money again.
        returned = "?returned=1" if transaction.state == "draft" else ""
        return request.redirect(f"{asked_by._page_path}/{request.session.get(ADDRESS_KEY)}{returned}")
