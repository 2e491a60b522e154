import functools
import hashlib
from http import HTTPStatus
from urllib.parse import urlencode

from odoo.http import content_disposition, request
from odoo.tools import file_open, get_lang

from ..const import PAY_PATH
from ..tools.locks import hold, unless_busy
from ..tools.texts import one_line

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
# A form that is answered with a page: its address is asked for again when a browser restores its tabs.
FORM_PAGE = FORM | {"methods": ["GET", "POST"]}

PLAIN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@functools.cache
def static_url(name):
    """The address of a file of our pages. Browsers keep it for a week: it changes with what is in the file."""
    path = f"paylink_addon/static/src/pay/{name}"
    with file_open(path, "rb") as file:
        return f"/{path}?{hashlib.sha256(file.read()).hexdigest()[:8]}"


def is_foreign(http):
    """Whether a page of another site has had the browser send this.

    Browsers say so by ``Sec-Fetch-Site`` (``none``: the person has; https://www.w3.org/TR/fetch-metadata). Older ones
    name the origin; not that of pages which keep their address to themselves, as ours do: ``null``.
    """
    if site := http.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    origin = http.headers.get("Origin", "null")
    return origin != "null" and origin.rpartition("://")[2] != http.host


class PageMixin:
    """What the controllers of all customers' pages share: no layout of Odoo's, nothing that leaks, the language."""

    # Where the choice of language is remembered.
    _cookie_path = PAY_PATH

    @classmethod
    def _is_sent(cls):
        """Whether one of our pages has sent a form: that alone changes anything.

        Browsers send the session of whoever is logged in with what any page has them send. What another site's page
        sends is answered as if the address had only been opened.
        """
        return cls._is_post() and not is_foreign(request.httprequest)

    @staticmethod
    def _is_post():
        """Whether a form was sent, whosever page it stood on."""
        return request.httprequest.method == "POST"

    @classmethod
    def _is_by_person(cls):
        """Whether a page of ours says that somebody has touched it: employees do not count."""
        return cls._is_sent() and not request.env.user._is_internal()

    @classmethod
    def _noted(cls, owner):
        """What a token opens: whoever sends a form of its page has opened it. Not every browser runs our script.

        Nothing was done before; and that stays noted, whatever becomes of the form.
        """
        if cls._is_by_person() and owner and not owner.opened_at:  # which a page that is looked at does not read
            with unless_busy(owner.env):
                hold(owner)
                owner._mark_opened()
                owner.env.cr.commit()  # pylint: disable=invalid-commit
        return owner

    def _render_unknown(self):
        lang = self._language()
        request.update_context(lang=lang)
        values = {"languages": [], "lang": lang, "company": request.env["res.company"], "link": None}
        return self._render("paylink_addon.page_unknown", values, status=HTTPStatus.NOT_FOUND)

    def _found(self, _token):
        """Hook: what a token opens, as :meth:`_paylink_too_large` shows its page; else none."""
        return

    def _paylink_too_large(self, token=None, **_params):
        """What was sent is more than we take: see ``ir.http``. Only its address has been read."""
        owner = token and self._found(token)
        lang = owner.env.lang if owner else self._language()
        request.update_context(lang=lang)
        values = {
            "languages": [],
            "lang": lang,
            "company": owner.company_id if owner else request.env["res.company"],
            "link": None,
            "back": request.httprequest.path.rpartition("/")[0] if owner else None,
        }
        return self._render("paylink_addon.page_too_large", values, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def _render(self, template, values, status=HTTPStatus.OK, policy=PLAIN_POLICY):
        """Render without any layout of Odoo, with headers that keep the token to ourselves."""
        values = values | {"static_url": static_url, "here": self._here(values)}
        html = request.env["ir.qweb"].sudo()._render(template, values)
        # The document type stands here: Odoo does not translate templates that begin with it.
        response = request.make_response(f"<!DOCTYPE html>\n{html}", headers=self._headers(policy), status=status)
        if wanted := request.env["res.lang"]._paylink_nearest(request.httprequest.args.get("lang")):
            response.set_cookie(LANGUAGE_COOKIE, wanted, max_age=365 * 86400, path=self._cookie_path, samesite="Lax")
        return response

    @classmethod
    def _here(cls, values):
        """Where the page is read in another language, whose code is added to this: at the same place.

        The answer to a form has no place of its own: it is that of the page to which the form belongs, or what the
        controller says by the value ``place``, a path and its parameters.
        """
        if cls._is_post():
            path, params = values.get("place") or (values.get("base") or "", {})
        else:
            path, params = "", request.httprequest.args
        kept = [(name, text) for name, text in params.items() if name != "lang"]
        return f"{path}?{urlencode([*kept, ('lang', '')])}"

    def _document(self, owner, pdf):
        """Answer with ``pdf``, or that it is being prepared (``False``), or that there is none.

        :param owner: the link or statement whose page leads to it
        """
        if pdf is False:
            values = {"languages": [], "lang": owner.env.lang, "company": owner.company_id, "link": None}
            response = self._render("paylink_addon.page_preparing", values, status=HTTPStatus.ACCEPTED)
            response.headers["Refresh"] = "2"
            return response
        return self._file(pdf) if pdf else self._render_unknown()

    def _file(self, document):
        headers = self._headers(
            "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:", document["content_type"]
        )
        headers["Content-Disposition"] = content_disposition(one_line(document["filename"]), "inline")
        return request.make_response(document["content"], headers=headers)

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
    def _language(*own):
        """The installed language of a page: the one that the customer has switched to, else that of what is shown, else
        one that their browser asks for, as near as there is.

        :param own: codes of the record's language; it may have been given up since
        """
        http = request.httprequest
        chosen = http.args.get("lang"), http.cookies.get(LANGUAGE_COOKIE)
        wanted = (*chosen, *own, *http.accept_languages.values())
        return request.env["res.lang"]._paylink_nearest(*wanted) or get_lang(request.env).code

    @staticmethod
    def _languages(link):
        """The other installed languages, as ``(code, name)``, each named in itself: “French / Français”."""
        installed = link.env["res.lang"].get_installed()
        return [(code, name.rpartition("/")[2].strip()) for code, name in installed if code != link.env.lang]
