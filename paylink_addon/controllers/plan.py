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
        return self._lead_to(link, target)

    @http.route(f"{PAY_PATH}/<string:token>/plan/stop", **FORM_PAGE)
    def stop_charges(self, token, **_params):
        """Charge no part anymore: links are sent again. Whoever holds the address may say so."""
        link = self._link(token)
        if not link:
            return self._render_unknown()
        if self._is_sent() and link._page_view() == "plan":
            link._stop_charges()
        return self._lead_to(link, link)

    @classmethod
    def _make_transaction(cls, link, amount, choice):
        """Who saves what a part is paid with, on a page that has said so, agrees that the later parts are charged to
        it: what it has said is kept.
        """
        transaction = super()._make_transaction(link, amount, choice)
        payer = cls._payer(link) if cls._is_by_user() else None
        is_wanted = choice.get("tokenization_requested") and request.httprequest.values.get("later")
        if is_wanted and link._may_agree_on_later(payer):
            by_user = payer == request.env.user.partner_id
            transaction.write(
                {
                    "paylink_for_later": True,
                    "paylink_later_text": link._later_text(),
                    "paylink_later_proof": "login" if by_user else "code",
                }
            )
        return transaction

    @staticmethod
    def _lead_to(link, target):
        return request.redirect(f"{PAY_PATH}/{target.access_token}?lang={link.env.lang}", code=HTTPStatus.SEE_OTHER)
