from http import HTTPStatus
from urllib.parse import urlencode

from odoo import SUPERUSER_ID, http
from odoo.exceptions import UserError
from odoo.http import request

from ..const import ACCOUNT_PATH, PAY_PATH
from ..models.statement.paylink_statement_page import Choice
from ..tools.pages import whole
from .page import FORM, FORM_PAGE, PAGE, PageMixin

# What is paid: see Choice.
WHAT = ("now", "all", "some", "but")


class PaylinkAccount(PageMixin, http.Controller):
    """A customer's statement page. Whoever holds the token sees this account and nothing else."""

    _cookie_path = ACCOUNT_PATH

    @http.route(f"{ACCOUNT_PATH}/<string:token>", **PAGE)
    def account_page(self, token, page=None, **_params):
        """All that is open, to tick what is paid; of very much some on each page."""
        statement = self._statement(token)
        choice = Choice(what=None, page=whole(page)) if page else None
        return self._render_account(statement, choice) if statement else self._render_unknown()

    @http.route(f"{ACCOUNT_PATH}/<string:token>/page", **FORM_PAGE)
    def account_turn(self, token, page=None, **_params):
        """Another page of a long account; what has been ticked on those before stays ticked."""
        statement = self._statement(token)
        if not statement:
            return self._render_unknown()
        if not self._is_sent():
            return request.redirect(f"{ACCOUNT_PATH}/{statement.access_token}", code=HTTPStatus.SEE_OTHER)
        choice = self._choice()
        what = "some" if choice.ticked and choice.what != "but" else choice.what  # who ticks something means that
        return self._render_account(statement, choice._replace(page=whole(page), what=what))

    @http.route(f"{ACCOUNT_PATH}/<string:token>/pay", **FORM_PAGE)
    def account_pay(self, token, day=None, **_params):
        """Lead to the payment page of a link for what was ticked."""
        statement = self._statement(token)
        if not statement:
            return self._render_unknown()
        if not self._is_sent():
            return request.redirect(f"{ACCOUNT_PATH}/{statement.access_token}", code=HTTPStatus.SEE_OTHER)
        choice = self._choice()
        try:
            with request.env.cr.savepoint():
                link = statement._pay_link(choice.ticked, choice.what, choice.currency_id, choice.seen)
        except UserError as error:
            return self._render_account(statement, choice, problem=str(error))
        # What this page has promised before midnight, the next one shows after it.
        query = {"lang": statement.env.lang} | ({"day": day} if link._promised_day(day) else {})
        query |= {"part": "all"} if link.in_installments else {}  # all that was ticked
        return request.redirect(f"{PAY_PATH}/{link.access_token}?{urlencode(query)}", code=HTTPStatus.SEE_OTHER)

    @http.route(f"{ACCOUNT_PATH}/<string:token>/help", **PAGE)
    def account_help(self, token, **_params):
        """How to pay, whether it is safe, whom to call."""
        statement = self._statement(token)
        if not statement or statement.cancelled_at:
            return self._render_account(statement) if statement else self._render_unknown()
        return self._render("paylink_addon.page_help", self._page_values(statement))

    @http.route(f"{ACCOUNT_PATH}/<string:token>/document/<int:item_id>", **PAGE)
    def account_document(self, token, item_id, **_params):
        """The PDF of one of the open invoices."""
        statement = self._statement(token)
        return self._document(statement, statement._document_pdf(item_id) if statement else None)

    @http.route(f"{ACCOUNT_PATH}/<string:token>/statement", **PAGE)
    def account_statement(self, token, **_params):
        """All that is open, as a PDF."""
        statement = self._statement(token)
        is_live = statement and not statement.cancelled_at
        return self._document(statement, statement._page_pdf() if is_live else None)

    @http.route(f"{ACCOUNT_PATH}/<string:token>/excel", **PAGE)
    def account_excel(self, token, **_params):
        """All that is open, as an Excel file."""
        statement = self._statement(token)
        is_live = statement and not statement.cancelled_at
        return self._document(statement, statement._page_excel() if is_live else None)

    @http.route("/paylink/statement/<int:statement_id>/excel", type="http", auth="user", methods=["GET"])
    def statement_excel(self, statement_id):
        """The same for who may read the customer, of what they may see."""
        statement = request.env["paylink.statement"].search([("id", "=", statement_id)])
        if not statement:
            raise request.not_found()
        statement._check_rights()
        own = statement._in_customers_language()
        return self._file(own._excel(own._file_values()))

    @http.route(f"{ACCOUNT_PATH}/<string:token>/opened", **FORM)
    def account_opened(self, token, **_params):
        """A person has touched the page (a mail scanner only fetches it). Employees do not count."""
        statement = self._statement(token)
        if not statement:
            return self._json({"error": "unknown"}, HTTPStatus.NOT_FOUND)
        return self._json({"ok": True})

    # === HELPERS === #

    def _page_values(self, statement):
        return statement._page_values() | {"languages": self._languages(statement), "lang": statement.env.lang}

    def _render_account(self, statement, choice=None, problem=None):
        """The page in whatever state the account is.

        :param Choice choice: what the customer has said on it
        :param str problem: why that can't be paid
        """
        values = self._page_values(statement)
        if statement.cancelled_at:
            return self._render("paylink_addon.page_account_revoked", values, status=HTTPStatus.GONE)
        sections = statement._page_sections(choice, is_paged=True)
        if not sections:
            return self._render("paylink_addon.page_account_empty", values)
        status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
        values |= {"sections": sections, "problem": problem}
        if choice and choice.page:
            values["place"] = values["base"], {"page": choice.page}
        return self._render("paylink_addon.page_account", values, status=status)

    def _found(self, token):
        return self._statement(token)

    def _statement(self, token):
        """The statement with this token, in its company and the customer's language, or an empty record set."""
        statement = request.env["paylink.statement"]._find_by_token(token)
        if not statement.issued_at:
            return statement.browse()
        lang = self._language(statement.lang)
        company_ids = statement.company_id.ids
        request.update_context(lang=lang, allowed_company_ids=company_ids)
        own = statement.with_user(SUPERUSER_ID).with_context(
            lang=lang, allowed_company_ids=company_ids, tz=statement._timezone()
        )
        return own if statement.cancelled_at else self._noted(own)

    @staticmethod
    def _choice():
        """What the form says; what can't be the id of an item stands as 0, which nobody owes."""
        form = request.httprequest.form
        what = form.get("what")
        return Choice(
            ticked=frozenset(map(whole, form.getlist("item"))),
            what=what if what in WHAT else "some",
            currency_id=whole(form.get("currency")),
            page=whole(form.get("at")),
            seen=form.get("seen", ""),
        )
