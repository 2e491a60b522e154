from http import HTTPStatus

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request
from werkzeug.datastructures import MultiDict

from ..const import PAY_PATH
from ..models.answer.paylink_answer_try import TooManyAnswers
from ..tools.uploads import LARGEST
from .page import FORM_PAGE, MAX_BODY, PAGE
from .pay import PaylinkPay


def max_body(_controller):
    """A form with a file: that, and room for what stands around it; any other form is as small as they all are."""
    has_files = request.httprequest.mimetype == "multipart/form-data"
    return LARGEST + 1024 * 1024 if has_files else MAX_BODY


class PaylinkAnswer(PaylinkPay):
    """What customers answer instead of paying: see ``paylink.answer``. Nothing is told here that the page does not."""

    @http.route(f"{PAY_PATH}/<string:token>/answer", **PAGE)
    def answers(self, token, kind=None, **_params):
        """The forms of all that can be answered; that of ``kind`` is open."""
        link = self._link(token)
        if not link:
            return self._render_unknown()
        may_answer = any(map(link._may_answer, link._answer_kinds()))
        return self._render_answers(link, kind) if may_answer else self._answered(link)

    @http.route(f"{PAY_PATH}/<string:token>/answer/<string:kind>", **FORM_PAGE)
    def answer(self, token, kind, **_params):
        """Take an answer."""
        return self._take(token, kind)

    @http.route(f"{PAY_PATH}/<string:token>/answer/objection", **FORM_PAGE | {"max_content_length": max_body})
    def answer_objection(self, token, **_params):
        """Take an objection, which may have a file."""
        return self._take(token, "objection")

    @http.route(f"{PAY_PATH}/<string:token>/answer/<string:kind>/undo", **FORM_PAGE)
    def answer_undo(self, token, kind, answer=None, **_params):
        """Take back what was answered."""
        link = self._link(token)
        if not link:
            return self._render_unknown()
        if self._is_sent() and kind in link._answer_kinds():
            link._take_answer_back(kind, answer)
        return self._answered(link)

    # === HELPERS === #

    def _take(self, token, kind):
        """The answer to a form of this kind: the page to pay, or the forms with what is wrong.

        What is sent are texts, and files where a route takes more than ``MAX_BODY``.
        """
        link = self._link(token)
        if not link:
            return self._render_unknown()
        if not self._is_sent() or kind not in link._answer_kinds():
            return self._answered(link)
        if not link._may_answer(kind):  # a second click has said it
            return self._answered(link._after_answer(kind))
        http_request = request.httprequest
        said = MultiDict([*http_request.form.items(multi=True), *http_request.files.items(multi=True)])
        try:
            link._answer(kind, said, http_request.remote_addr)
        except TooManyAnswers as error:
            return self._render_answers(link, kind, str(error), said, HTTPStatus.TOO_MANY_REQUESTS)
        except UserError as error:
            return self._render_answers(link, kind, str(error), said, HTTPStatus.UNPROCESSABLE_ENTITY)
        return self._answered(link._after_answer(kind))

    @staticmethod
    def _answered(link):
        url = f"{PAY_PATH}/{link.access_token}?lang={link.env.lang}"
        return request.redirect(url, code=HTTPStatus.SEE_OTHER)

    def _render_answers(self, link, kind=None, problem=None, said=None, status=HTTPStatus.OK):
        """:param said: what was sent, to be shown again; anything"""
        values = link._page_values() | {"languages": self._languages(link), "lang": link.env.lang}
        values |= {"forms": link._answer_forms(), "opened": kind, "problem": problem, "said": said or MultiDict()}
        values["place"] = f"{values['base']}/answer", {"kind": kind}
        return self._render("paylink_addon.page_answers", values, status=status)
