from odoo import SUPERUSER_ID, http
from odoo.http import request

from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing


class PaylinkStatus(PaymentPostProcessing):
    """Whoever pays a link comes back to the link's page."""

    @http.route()
    def display_status(self, **kwargs):
        """Lead the payer of a link to its page, which follows the payment itself."""
        link = self._get_monitored_transaction().paylink_id
        if not link:
            return super().display_status(**kwargs)
        link.with_user(SUPERUSER_ID)._book_confirmed()
        return request.redirect(f"/pay/{link.access_token}")
