from http import HTTPStatus

from odoo import http
from odoo.http import request

from ..const import PAY_PATH
from .page import FORM_PAGE
from .pay import PaylinkPay


class PaylinkPlan(PaylinkPay):
    """What customers do who pay in parts. The plan itself is shown on the page of its link."""

    @http.route(f"{PAY_PATH}/<string:token>/plan", **FORM_PAGE)
    def pay_plan(self, token, what=None, **_params):
        """Lead to the page of the next part, or of all that is left."""
        link = self._link(token)
        if not link:
            return self._render_unknown()
        target = link
        if self._is_sent() and link._page_view() == "plan":
            target = link._link_of_plan(what)
        return request.redirect(f"{PAY_PATH}/{target.access_token}?lang={link.env.lang}", code=HTTPStatus.SEE_OTHER)
