from http import HTTPStatus

from odoo import SUPERUSER_ID, http
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal

from ..const import AUTOPAY_PATH
from .page import FORM, FORM_PAGE, PAGE, PageMixin

LONGEST_COUNT = 6


class PaylinkAutopay(PageMixin, http.Controller):
    """A customer's page of automatic payments. Whoever holds the token sees this customer's and nothing else.

    Nothing is done at once: a form asks whether the customer is sure, and that one's answer does it.
    """

    _cookie_path = AUTOPAY_PATH

    @http.route(f"{AUTOPAY_PATH}/<string:token>", **PAGE)
    def autopay_page(self, token, first=None, **_params):
        """What will be charged, and when.

        :param str first: how many rows were shown before: anything
        """
        page = self._page(token)
        return self._render_page(page, first=_count(first)) if page else self._render_unknown()

    @http.route(f"{AUTOPAY_PATH}/<string:token>/object", **FORM_PAGE)
    def autopay_object(self, token, item=None, sure=None, **_params):
        """The customer objects to one charge."""
        page = self._page(token)
        if not page:
            return self._render_unknown()
        if not self._is_sent():
            return self._back(page)
        row = page._row_of(item)
        if not row:
            return self._render_page(page, page._unplanned_text(item))
        if not sure:
            return self._render(
                "paylink_addon.page_autopay_sure", self._values(page) | {"action": "object", "row": row}
            )
        page._page_object(row)
        return self._render_page(page, page.env._("Noted: it is not charged. We will contact you."))

    @http.route(f"{AUTOPAY_PATH}/<string:token>/off", **FORM_PAGE)
    def autopay_off(self, token, sure=None, **_params):
        """The customer ends automatic payments."""
        page = self._page(token)
        if not page:
            return self._render_unknown()
        if not self._is_sent():
            return self._back(page)
        if not sure:
            return self._render("paylink_addon.page_autopay_sure", self._values(page) | {"action": "off"})
        page._page_switch_off()
        return self._render_page(page, page.env._("Automatic payments have ended."))

    @http.route(f"{AUTOPAY_PATH}/<string:token>/opened", **FORM)
    def autopay_opened(self, token, **_params):
        """A person has touched the page (a mail scanner only fetches it). Employees do not count."""
        page = self._page(token)
        if not page:
            return self._json({"error": "unknown"}, HTTPStatus.NOT_FOUND)
        return self._json({"ok": True})

    # === HELPERS === #

    @staticmethod
    def _back(page):
        return request.redirect(f"{AUTOPAY_PATH}/{page.access_token}", code=HTTPStatus.SEE_OTHER)

    def _values(self, page, first=0):
        return page._page_values(first) | {"languages": self._languages(page), "lang": page.env.lang}

    def _render_page(self, page, notice=None, first=0):
        """:param str notice: what has just been done"""
        return self._render("paylink_addon.page_autopay", self._values(page, first) | {"notice": notice})

    def _found(self, token):
        return self._page(token)

    def _page(self, token):
        """The page with this token, in its company and the customer's language, or an empty record set."""
        page = request.env["paylink.autopay.page"]._find_by_token(token)
        if not page.issued_at or page.cancelled_at:
            return page.browse()
        lang = self._language(page.lang)
        company_ids = page.company_id.ids
        request.update_context(lang=lang, allowed_company_ids=company_ids)
        own = page.with_user(SUPERUSER_ID)
        return self._noted(own.with_context(lang=lang, allowed_company_ids=company_ids, tz=page._timezone()))


def _count(text):
    """A number that a client has sent, or 0."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= LONGEST_COUNT else 0


class PaylinkAutopayPortal(CustomerPortal):
    """Portal users come to the page of their company's automatic payments without a message."""

    def _paylink_autopay_page(self):
        """The page of the user's customer where it is charged automatically, in sudo mode, or none."""
        user = request.env.user
        pages = request.env["paylink.autopay.page"].sudo()
        return pages._for_portal(user.sudo().partner_id.commercial_partner_id) if user._is_portal() else pages

    def _prepare_home_portal_values(self, counters):
        """The entry shows where there are automatic payments."""
        values = super()._prepare_home_portal_values(counters)
        if "paylink_autopay_count" in counters:
            values["paylink_autopay_count"] = len(self._paylink_autopay_page())
        return values

    @http.route("/my/automatic_payments", type="http", auth="user", website=True)
    def portal_my_automatic_payments(self, **_params):
        """Lead to the page where the customer sees what will be charged, objects, and ends it."""
        page = self._paylink_autopay_page()
        url = f"{AUTOPAY_PATH}/{page.access_token}" if page else "/my"
        return request.redirect(url, code=HTTPStatus.SEE_OTHER)
