from odoo import http

from ..const import PAY_PATH
from .page import PAGE
from .pay import PaylinkPay


class PaylinkDeposit(PaylinkPay):
    """What only links for deposits have."""

    @http.route(f"{PAY_PATH}/<string:token>/order", **PAGE)
    def order(self, token, **_params):
        """The PDF of the order that a deposit is for."""
        link = self._link(token)
        return self._document(link, link._order_pdf() if link else None)
