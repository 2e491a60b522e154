from http import HTTPStatus

from odoo.http import request

from ..const import PAY_PATH

LANGUAGE_COOKIE = "paylink_lang"
MAX_BODY = 64 * 1024

# Routes whose address is the right to use them: what is shown, and what a page sends. They leave no trace in a session.
PAGE = {"type": "http", "methods": ["GET"], "auth": "public", "sitemap": False, "save_session": False}
FORM = {
    "type": "http",
    "methods": ["POST"],
    "auth": "public",
    "csrf": False,
    "save_session": False,
    "max_content_length": MAX_BODY,
}

PLAIN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class PageMixin:
    """What the controllers of all customers' pages share: no layout of Odoo's, nothing that leaks, the language."""

    # Where the choice of language is remembered.
    _cookie_path = PAY_PATH

    def _render_unknown(self):
        lang = self._wanted_language() or request.best_lang or "en_US"
        request.update_context(lang=lang)
        values = {"languages": [], "lang": lang, "company": request.env["res.company"], "link": None}
        return self._render("paylink_addon.page_unknown", values, status=HTTPStatus.NOT_FOUND)

    def _render(self, template, values, status=HTTPStatus.OK, policy=PLAIN_POLICY):
        """Render without any layout of Odoo, with headers that keep the token to ourselves."""
        html = request.env["ir.qweb"].sudo()._render(template, values)
        # The document type stands here: Odoo does not translate templates that begin with it.
        response = request.make_response(f"<!DOCTYPE html>\n{html}", headers=self._headers(policy), status=status)
        if wanted := request.httprequest.args.get("lang"):
            response.set_cookie(
                LANGUAGE_COOKIE, wanted[:10], max_age=365 * 86400, path=self._cookie_path, samesite="Lax"
            )
        return response

    @staticmethod
    def _headers(policy=PLAIN_POLICY, content_type="text/html; charset=utf-8"):
        return {
            "Content-Type": content_type,
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex, nofollow",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }

    def _json(self, values, status=HTTPStatus.OK):
        response = request.make_json_response(values, headers=self._headers(content_type="application/json"))
        response.status_code = status
        return response

    @staticmethod
    def _wanted_language():
        """The installed language the customer switched to, if any."""
        wanted = request.httprequest.args.get("lang") or request.httprequest.cookies.get(LANGUAGE_COOKIE)
        installed = dict(request.env["res.lang"].get_installed())
        return wanted if wanted in installed else None

    @staticmethod
    def _languages(link):
        """The other installed languages, as ``(code, name)``, each named in itself: “French / Français”."""
        installed = link.env["res.lang"].get_installed()
        return [(code, name.rpartition("/")[2].strip()) for code, name in installed if code != link.env.lang]
