from http import HTTPStatus

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from ..const import PAY_PATH
from .page import FORM_PAGE
from .pay import PaylinkPay


class PaylinkTransfer(PaylinkPay):
    """What customers say of their transfers."""

    @http.route(f"{PAY_PATH}/<string:token>/transferred", **FORM_PAGE)
    def transferred(self, token, date=None, amount=None, **_params):
        """Note that a transfer is made. It books nothing."""
        link = self._link(token)
        if not link:
            return self._render_unknown()
        if self._is_sent() and link._awaits_customer() and link._transfer_values():
            try:
                with request.env.cr.savepoint():
                    link._claim_transfer(date, amount)
            except UserError as error:
                return self._render_claim_problem(link, str(error))
        return request.redirect(f"{PAY_PATH}/{link.access_token}?lang={link.env.lang}", code=HTTPStatus.SEE_OTHER)

    @http.route(f"{PAY_PATH}/<string:token>/not_transferred", **FORM_PAGE)
    def not_transferred(self, token, claim=None, **_params):
        """Take back what was said by mistake."""
        link = self._link(token)
        if not link:
            return self._render_unknown()
        if self._is_sent() and link._awaits_customer():
            link._take_claim_back(claim)
        return request.redirect(f"{PAY_PATH}/{link.access_token}?lang={link.env.lang}", code=HTTPStatus.SEE_OTHER)

    def _render_claim_problem(self, link, problem):
        """The page to pay on, with what is wrong."""
        link = link._for_page()
        payer = self._payer(link)
        money = link._page_money(payer)
        chosen = link._chosen(None, None, money.payable)
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return self._render_pay(link, money, chosen, payer, status=status, claim_problem=problem)
