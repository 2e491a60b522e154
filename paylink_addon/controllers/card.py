from http import HTTPStatus

from odoo import SUPERUSER_ID, http
from odoo.exceptions import UserError
from odoo.http import request

from odoo.addons.payment.controllers.portal import PaymentPortal
from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing

from ..const import CARD_PATH
from ..tools.texts import typed
from .page import FORM, FORM_PAGE, MAX_BODY, PAGE
from .pay import ADDRESS_KEY, FormPageMixin


def code_problem(env):
    """What is told whatever was wrong with a code."""
    return env._("This code is not right, or no longer valid: check it, or ask for a new one.")


def later_problem(env):
    """What is told whoever has asked for too many codes."""
    return env._("Too many codes were asked for: please try again in an hour, or contact us.")


class PaylinkCard(FormPageMixin, http.Controller):
    """The customer's page of a card request. Whoever holds the token sees this request and nothing else."""

    _cookie_path = CARD_PATH

    # === PAGES === #

    @http.route(f"{CARD_PATH}/<string:token>", **PAGE)
    def card_page(self, token, method=None, **_params):
        """The page of a request in whatever state it is."""
        card = self._card(token)
        if not card:
            return self._render_unknown()
        fields = method and card._page_view() == "store" and card._fields_values(method)
        if fields:
            return self._render_fields("paylink_addon.page_card_fields", self._card_values(card) | fields)
        return self._render_card(card)

    @http.route(f"{CARD_PATH}/<string:token>/agree", **FORM_PAGE)
    def card_agree(self, token, agreed=None, **params):
        """The customer agrees, a new one says who they are; then the page asks for the method."""
        card = self._card(token)
        if not card:
            return self._render_unknown()
        if self._is_sent() and not agreed:
            problem = request.env._("Please tick the box to agree, then continue.")
            return self._render_card(card, problem=problem, said=params)
        if self._is_sent():
            try:
                with request.env.cr.savepoint():
                    card._agree(request.httprequest.remote_addr, params)
            except UserError as error:
                return self._render_card(card, problem=str(error), said=params)
        return request.redirect(f"{CARD_PATH}/{card.access_token}?lang={card.env.lang}", code=HTTPStatus.SEE_OTHER)

    @http.route(f"{CARD_PATH}/<string:token>/code", **FORM_PAGE)
    def card_code(self, token, ticket=None, code=None, **_params):
        """Who came by an open page proves the address again, before the next card: without a code, one is sent."""
        card = self._card(token)
        if not card:
            return self._render_unknown()
        if not self._is_sent() or card._page_view() != "code":
            return request.redirect(f"{CARD_PATH}/{card.access_token}", code=HTTPStatus.SEE_OTHER)
        if ticket is None:
            return self._send_code(card)
        if found := card.env["paylink.card.code"]._prove(card.template_id, ticket, code, request=card):
            found._forget()
            card._note_proof()
            return request.redirect(f"{CARD_PATH}/{card.access_token}", code=HTTPStatus.SEE_OTHER)
        return self._render_card(card, problem=code_problem(card.env), ticket=ticket)

    def _send_code(self, card):
        ip = request.httprequest.remote_addr
        ticket = card.env["paylink.card.code"]._send(card.template_id, card.email, {}, ip, request=card)
        return self._render_card(card, problem=not ticket and later_problem(card.env), ticket=ticket)

    @http.route(f"{CARD_PATH}/<string:token>/store", **FORM_PAGE | {"save_session": True})
    def card_store(self, token, option="", **_params):
        """Where the form of the page is sent: begin to store a method, and lead the customer on."""
        card = self._card(token)
        if not card:
            return self._render_unknown()
        if not self._is_sent() or card._page_view() != "store":
            return request.redirect(f"{CARD_PATH}/{card.access_token}", code=HTTPStatus.SEE_OTHER)
        try:
            return self._lead_on(card, option, lambda choice: self._make_validation(card, choice))
        except UserError as error:
            request.env.cr.rollback()
            return self._render_card(card, problem=str(error), option=option)

    @http.route(f"{CARD_PATH}/<string:token>/help", **PAGE)
    def card_help(self, token, **_params):
        """What happens on the page, whether it is safe, whom to call."""
        card = self._card(token)
        if not card:
            return self._render_unknown()
        return self._render("paylink_addon.page_card_help", self._card_values(card))

    # === WHAT THE PAGE CALLS === #

    @http.route(f"{CARD_PATH}/<string:token>/opened", **FORM)
    def card_opened(self, token, **_params):
        """A person has touched the page (a mail scanner only fetches it). Employees do not count."""
        card = self._card(token)
        if not card:
            return self._json({"error": "unknown"}, HTTPStatus.NOT_FOUND)
        return self._json({"ok": True})

    @http.route(f"{CARD_PATH}/<string:token>/status", **PAGE)
    def card_status(self, token, **_params):
        """The state of the request, for the page to follow it."""
        card = self._card(token)
        if not card:
            return self._json({"error": "unknown"}, HTTPStatus.NOT_FOUND)
        return self._json({"state": card.state, "attempts": card.attempt_count, "view": card._page_view()})

    @http.route(f"{CARD_PATH}/<string:token>/transaction", type="jsonrpc", auth="public", max_content_length=MAX_BODY)
    def card_transaction(self, token, **kwargs):
        """Make the transaction of one attempt and return its processing values to Odoo's payment form.

        Of what the form sends only the choice of method is taken. What is refused is answered as the form expects it of
        a failed payment, with a text for the customer.
        """
        try:
            choice = {"provider_id": kwargs.get("provider_id")}
            return self._attempted(lambda: self._make_validation(self._card(token), kwargs), choice)[1]
        except UserError as error:
            request.env.cr.rollback()
            return {"state": "error", "state_message": str(error)}

    @staticmethod
    def _make_validation(card, choice):
        if not card:
            raise UserError(request.env._("This link does not exist: check the address in your message."))
        values = card._start_attempt(choice.get("provider_id"), choice.get("payment_method_id"))
        request.update_context(lang=card.env.lang)
        transaction = PaymentPortal()._create_transaction(
            flow=choice.get("flow") if choice.get("flow") in ("redirect", "direct") else "redirect",
            tokenization_requested=True,
            landing_route="/payment/status",  # leads to the request's page, without its token in the transaction
            reference_prefix=card.name,
            **values,
        )
        request.session[ADDRESS_KEY] = card.access_token
        return transaction

    # === HELPERS === #

    def _card_values(self, card):
        return card._page_values() | {"languages": self._spoken(card), "lang": card.env.lang}

    def _render_card(self, card, problem=None, said=None, ticket=None, option=None):
        """
        :param str problem: why the customer could not go on
        :param dict said: what a new customer has said of themselves, to be corrected: anything
        :param ticket: of the code that was sent, for the form: anything
        :param option: the method that was chosen: anything
        """
        view = card._page_view()
        values = self._card_values(card) | {"problem": problem, "ticket": typed(ticket)}
        if ticket:  # which another page would not have
            values["languages"] = []
        if said and values["person"]:
            values["person"] = {name: typed(said.get(name)) for name in values["person"]}
        if view == "stored" and self._has_stored(card):
            values["stored"] = card.token_id.display_name
        status = HTTPStatus.GONE if view == "closed" else HTTPStatus.OK
        if problem:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
        if view == "store":
            return self._render_plain("paylink_addon.page_card_store", values | card._form_values(option), status)
        return self._render(f"paylink_addon.page_card_{view}", values, status=status)

    @staticmethod
    def _has_stored(card):
        """Whether this visitor has just stored the method: nobody else who has the address is told which one."""
        last = request.session.get(PaymentPostProcessing.MONITORED_TX_ID_KEY)
        return any(tx.id == last and tx.token_id == card.token_id for tx in card.transaction_ids)

    def _spoken(self, card):
        """The other languages in which the template says all."""
        return [found for found in self._languages(card) if not card.template_id._wording_problem(found[0])]

    def _found(self, token):
        return self._card(token)

    def _card(self, token):
        """The issued request with this token, in its company and the customer's language, or an empty record set."""
        card = request.env["paylink.card.request"]._find_by_token(token)
        if not card.issued_at:
            return card.browse()
        # Nobody agrees to what is not said in the language of the page.
        lang = self._language(card.lang)
        if lang != card.lang and card.template_id._wording_problem(lang):
            lang = request.env["res.lang"]._paylink_nearest(card.lang) or lang
        company_ids = card.company_id.ids
        request.update_context(lang=lang, allowed_company_ids=company_ids)
        own = card.with_user(SUPERUSER_ID)
        return self._noted(own.with_context(lang=lang, allowed_company_ids=company_ids, tz=card._timezone()))
