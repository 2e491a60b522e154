import time
from http import HTTPStatus

from odoo import http
from odoo.http import request

from ..const import PAY_PATH
from ..tools.texts import typed
from .card import code_problem, later_problem
from .page import FORM_PAGE
from .pay import PaylinkPay

# Where the session keeps what was proved, by link, and for how many seconds that holds.
PROOFS_KEY = "paylink_proofs"
LASTS = 30 * 60


class PaylinkSaved(PaylinkPay):
    """Who holds the address of a link pays with what its customer has saved after a code, sent to the address on file.

    Until then every page says the same, whether anything is saved or not.
    """

    @http.route(f"{PAY_PATH}/<string:token>/saved", **FORM_PAGE)
    def saved(self, token, **_params):
        """Offer to send the code; send it."""
        link = self._link(token)
        if not link:
            return self._render_unknown()
        if not self._is_asked(link):
            return self._back(link)
        if not self._is_sent():
            return self._render_saved(link)
        ticket = link._send_code(request.httprequest.remote_addr)
        if not ticket:
            return self._render_saved(link, later_problem(link.env), HTTPStatus.TOO_MANY_REQUESTS)
        return self._render_saved(link, ticket=ticket)

    @http.route(f"{PAY_PATH}/<string:token>/saved/code", **FORM_PAGE | {"save_session": True})
    def saved_code(self, token, ticket=None, code=None, **_params):
        """The right code opens what is saved, for this visitor, on this link, for a while."""
        link = self._link(token)
        if not link:
            return self._render_unknown()
        if not self._is_sent() or not self._is_asked(link):
            return self._back(link)
        if not link._take_code(ticket, code):
            problem, status = code_problem(link.env), HTTPStatus.UNPROCESSABLE_ENTITY
            return self._render_saved(link, problem, status, ticket=ticket)
        self._keep_proof(link)
        if not link._payment_options(link._payable_amount(), self._payer(link))[2]:
            return self._render_saved(link, is_nothing=True)
        return self._back(link)

    # === WHO PAYS === #

    @classmethod
    def _payer(cls, link):
        """Also whoever has proved to read the customer's mail."""
        return link.partner_id if cls._has_proved(link) else super()._payer(link)

    @staticmethod
    def _has_proved(link):
        """Whether this visitor has: the same user, or nobody who is logged in, still."""
        proofs = request.session.get(PROOFS_KEY)  # hardly any visitor has proved anything: nothing is read for them
        kept = proofs and proofs.get(str(link._proved_id()))
        if not kept or kept["until"] < time.time() or kept["uid"] != request.session.uid:
            return False
        return kept["proof"] == link._proof()

    @staticmethod
    def _keep_proof(link):
        """The session gets another id: nobody who knew the one before has what was proved."""
        now = time.time()
        others = {key: kept for key, kept in request.session.get(PROOFS_KEY, {}).items() if kept["until"] > now}
        proof = {"proof": link._proof(), "until": now + LASTS, "uid": request.session.uid}
        request.session[PROOFS_KEY] = others | {str(link._proved_id()): proof}
        request.session.should_rotate = True

    @classmethod
    def _make_transaction(cls, link, amount, choice):
        transaction = super()._make_transaction(link, amount, choice)
        owner = transaction.token_id.partner_id
        if owner and owner != request.env.user.partner_id:
            transaction.paylink_by_code = True
        return transaction

    # === HELPERS === #

    def _is_asked(self, link):
        """Whether there is something to prove: it can be paid, and by nobody whose methods are on the page already."""
        return link._page_view() == "pay" and not link._may_save(self._payer(link))

    @staticmethod
    def _back(link):
        return request.redirect(f"{PAY_PATH}/{link.access_token}?lang={link.env.lang}", code=HTTPStatus.SEE_OTHER)

    def _render_saved(self, link, problem=None, status=HTTPStatus.OK, ticket=None, *, is_nothing=False):
        """
        :param str problem: why it could not go on
        :param ticket: of the code that was sent, for the form: anything
        :param bool is_nothing: the visitor has proved it, but there is nothing to pay with
        """
        languages = [] if self._is_post() else self._languages(link)  # another page would not have the ticket
        values = link._page_values() | {"languages": languages, "lang": link.env.lang, "is_nothing": is_nothing}
        values |= {"problem": problem, "ticket": typed(ticket)}
        return self._render("paylink_addon.page_saved", values, status=status)
