import secrets
from http import HTTPStatus

from odoo import SUPERUSER_ID, http
from odoo.exceptions import UserError
from odoo.http import request

from ..const import CARD_OPEN_PATH, CARD_PATH, TOKEN_BYTES
from ..tools import qr
from ..tools.texts import typed
from .card import code_problem, later_problem
from .page import FORM, FORM_PAGE, PAGE, PageMixin

PERSON = ("given_name", "given_company", "given_email", "given_phone", "given_vat")
# What scanners want to see around a code that is printed.
QUIET = 4
PICTURES = {"png": ("image/png", qr.kept_png), "svg": ("image/svg+xml", qr.kept_svg)}


class PaylinkCardOpen(PageMixin, http.Controller):
    """The page with an address of its own, on which anyone asks to store a method.

    Whatever is typed, the answer is the same: a code was sent. Only who has the code learns more, and that is whoever
    reads what comes to the address.
    """

    _cookie_path = CARD_PATH

    @http.route(f"{CARD_OPEN_PATH}/<string:token>", **PAGE)
    def open_page(self, token, **_params):
        """Who are you?"""
        template = self._template(token)
        return self._render_ask(template) if template._is_usable() else self._render_closed(template)

    @http.route(f"{CARD_OPEN_PATH}/<string:token>/help", **PAGE)
    def open_help(self, token, **_params):
        """What happens on the page, whether it is safe, whom to call."""
        template = self._template(token)
        if not template._is_usable():
            return self._render_closed(template)
        return self._render("paylink_addon.page_card_help", self._values(template))

    @http.route(f"{CARD_OPEN_PATH}/<string:token>/ask", **FORM_PAGE)
    def open_ask(self, token, website="", **params):
        """Send a code to the address that was typed, whose ever it is."""
        template = self._template(token)
        if not self._is_sent() or not template._is_usable():
            return self._back(template)
        try:
            said = template.env["paylink.card.request"]._said_values(params, email_needed=True)
        except UserError as error:
            return self._render_ask(template, str(error), params)
        ticket = self._send(template, said) if not website else secrets.token_urlsafe(TOKEN_BYTES)
        if not ticket:
            return self._render_ask(template, later_problem(template.env), params, HTTPStatus.TOO_MANY_REQUESTS)
        return self._render_code(template, ticket, said["given_email"])

    @staticmethod
    def _send(template, said):
        ip = request.httprequest.remote_addr
        return template.env["paylink.card.code"]._send(template, said["given_email"], said, ip)

    @http.route(f"{CARD_OPEN_PATH}/<string:token>/code", **FORM_PAGE)
    def open_code(self, token, ticket=None, code=None, email="", **_params):
        """The right code leads to a request of one's own."""
        template = self._template(token)
        if not self._is_sent() or not template._is_usable():
            return self._back(template)
        found = template.env["paylink.card.code"]._prove(template, ticket, code)
        if not found:
            return self._render_code(template, ticket, email, code_problem(template.env))
        card = template._new_request(found.email, found.said)
        found._forget()
        return request.redirect(f"{CARD_PATH}/{card.access_token}?lang={card.lang}", code=HTTPStatus.SEE_OTHER)

    @http.route(f"{CARD_OPEN_PATH}/<string:token>/opened", **FORM)
    def open_opened(self, token, **_params):
        """A person has touched the page. Employees do not count."""
        template = self._template(token)
        if not template._is_usable():
            return self._json({"error": "unknown"}, HTTPStatus.NOT_FOUND)
        if self._is_by_person():
            template._note_visit()
        return self._json({"ok": True})

    @http.route([f"{CARD_OPEN_PATH}/<string:token>/qr.png", f"{CARD_OPEN_PATH}/<string:token>/qr.svg"], **PAGE)
    def open_qr(self, token, **_params):
        """The address as a picture, to be printed."""
        template = self._template(token)
        if not template._is_usable():
            return self._render_closed(template)
        content_type, draw = PICTURES[request.httprequest.path[-3:]]
        return request.make_response(draw(template.public_url, QUIET), headers=self._headers(content_type=content_type))

    # === HELPERS === #

    def _found(self, token):
        return self._template(token)

    def _template(self, token):
        """The template of the page, in its company and the visitor's language, or an empty record set."""
        template = request.env["paylink.card.template"]._find_open(token)
        if not template:
            return template
        lang, company_ids = template._spoken(self._language()), template.company_id.ids
        request.update_context(lang=lang, allowed_company_ids=company_ids)
        return template.with_user(SUPERUSER_ID).with_context(lang=lang, allowed_company_ids=company_ids)

    def _back(self, template):
        if not template:
            return self._render_unknown()
        return request.redirect(f"{CARD_OPEN_PATH}/{template.public_token}", code=HTTPStatus.SEE_OTHER)

    def _render_closed(self, template):
        if not template:
            return self._render_unknown()
        return self._render("paylink_addon.page_open_closed", self._values(template), status=HTTPStatus.GONE)

    def _values(self, template):
        languages = [found for found in self._languages(template) if not template._wording_problem(found[0])]
        return template._open_values() | {"languages": languages, "lang": template.env.lang, "problem": None}

    def _render_ask(self, template, problem=None, said=None, status=HTTPStatus.UNPROCESSABLE_ENTITY):
        """
        :param str problem: why it could not go on
        :param dict said: what was typed, to be corrected: anything
        """
        person = {name: typed((said or {}).get(name)) for name in PERSON}
        values = self._values(template) | {"person": person, "problem": problem}
        return self._render("paylink_addon.page_open_ask", values, status=status if problem else HTTPStatus.OK)

    def _render_code(self, template, ticket, email, problem=None):
        values = self._values(template) | {"ticket": typed(ticket), "email": typed(email), "problem": problem}
        values["languages"] = []  # another page would not have the ticket
        status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
        return self._render("paylink_addon.page_open_code", values, status=status)
