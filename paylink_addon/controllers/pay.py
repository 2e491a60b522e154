import hashlib
import secrets
from http import HTTPStatus
from urllib.parse import urlencode

from markupsafe import Markup
from odoo import SUPERUSER_ID, http
from odoo.exceptions import UserError
from odoo.http import request
from odoo.tools import is_html_empty

from odoo.addons.payment.controllers.portal import PaymentPortal

from ..const import PAY_PATH
from ..tools import qr
from ..tools.locks import WAIT, a_slot
from ..tools.pages import whole
from .page import FORM, FORM_PAGE, MAX_BODY, PAGE, PLAIN_POLICY, PageMixin

# Odoo's payment form needs eval (its templates are compiled in the browser) and an attribute handler on its scripts.
FORM_POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval' {extra}; script-src-attr 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline' {extra}; img-src 'self' data: {extra}; font-src 'self' data: {extra}; "
    "connect-src 'self' {extra}; frame-src 'self' {extra}; form-action {targets}; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)

# Where the session keeps by which address (its token) the customer began to pay: it may be replaced meanwhile.
ADDRESS_KEY = "paylink_address"


class FormPageMixin(PageMixin):
    """What the controllers of pages share on which customers choose a way to pay, or to be charged later.

    The choice is sent by a plain form. Odoo's payment form, with its scripts, is loaded only for who has chosen a
    method that shows fields on the page.
    """

    def _render_plain(self, template, values, status=HTTPStatus.OK):
        """A page whose form leads to a provider's site."""
        targets = request.env["payment.provider"]._paylink_form_targets()
        policy = PLAIN_POLICY.replace("form-action 'self'", f"form-action {targets}")
        return self._render(template, values, status=status, policy=policy)

    def _render_fields(self, template, values):
        """A page that has Odoo's payment form on it.

        :param dict values: with those of the form (see ``payment.provider._paylink_fields_values``)
        """
        values["session_info"] = request.env["ir.http"].get_frontend_session_info()
        values["is_html_empty"] = is_html_empty  # Odoo's form asks for it
        values["nonce"] = secrets.token_urlsafe(12)
        # A provider that shows its fields on the page brings its own scripts from its own site.
        policy = FORM_POLICY.format(
            nonce=values["nonce"],
            extra="https:" if values["embedded"] else "",
            targets=request.env["payment.provider"]._paylink_form_targets(),
        )
        return self._render(template, values, policy=policy)

    def _lead_on(self, owner, option, make, **params):
        """Answer who has chosen how: lead to the provider's page, to ours with its fields, or to the outcome.

        :param owner: the link, or the card request
        :param option: as the form named it: anything
        :param make: a function that makes the transaction of a choice
        :param params: what the page with the fields has to know
        :raises UserError: with a text for the customer
        """
        Provider = request.env["payment.provider"]
        choice = Provider._paylink_choice(option)
        if not choice:
            raise UserError(owner.env._("Choose how to pay."))
        if Provider._paylink_choice_shows_fields(choice, is_validation=owner._name != "paylink.link"):
            query = urlencode({"method": option, "lang": owner.env.lang} | params)
            return request.redirect(f"{owner._page_path}/{owner.access_token}?{query}", code=HTTPStatus.SEE_OTHER)
        transaction, answer = self._attempted(lambda: make(choice), choice)
        # Nobody waits for the rows of the attempt while a provider is asked, and it stays whatever becomes of it.
        request.env.cr.commit()  # pylint: disable=invalid-commit
        if answer["state"] == "error":
            raise UserError(answer["state_message"])
        if url := transaction.with_user(SUPERUSER_ID)._paylink_leads_to():
            return self._leave(url)
        if transaction.state == "draft" and (form := answer.get("redirect_form_html")):
            return self._render_leave(owner, form)
        return request.redirect("/payment/status", code=HTTPStatus.SEE_OTHER)

    @staticmethod
    def _leave(url, local=False):
        response = request.redirect(url, code=HTTPStatus.SEE_OTHER, local=local)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    def _render_leave(self, owner, form):
        """The form of a provider that leads to its page: our script sends it, or the customer by a button."""
        start, end, rest = str(form).rpartition("</form>")
        parts = Markup(start), Markup(end + rest)  # noqa: S704
        values = owner._page_values() | {"languages": [], "lang": owner.env.lang, "form": parts}
        return self._render_plain("paylink_addon.page_leave", values)

    def _attempted(self, make, choice):
        """Make the transaction of an attempt; return it, and what leads its customer on (Odoo's processing values).

        For that some providers ask their server, which may be silent: that is done in a slot, so that a worker is left
        for everybody else, and after a commit, so that nobody waits for the rows that the attempt holds.

        :param make: a function that makes the transaction
        :param dict choice: as a client sent it
        :raises UserError: with a text for the customer
        """
        if choice.get("token_id") or not request.env["payment.provider"]._paylink_asked_for_form(
            choice.get("provider_id")
        ):
            transaction = make()
            if transaction.operation == "online_token":
                transaction._paylink_request("charge")
            return transaction, transaction._get_processing_values()
        with a_slot(request.env.cr, wait=WAIT) as is_free:
            if not is_free:
                raise UserError(
                    request.env._("Many are paying right now: please try again in a minute. You have not been charged.")
                )
            transaction = make()
            request.env.cr.commit()  # pylint: disable=invalid-commit
            return transaction, self._asked_values(transaction)

    @staticmethod
    def _asked_values(transaction):
        """What a provider answers; what goes wrong with it ends the attempt."""
        try:
            return transaction._get_processing_values()
        except UserError as error:
            request.env.cr.rollback()
            transaction._set_error(str(error))
            request.env.cr.commit()  # pylint: disable=invalid-commit
            raise


class PaylinkPay(FormPageMixin, http.Controller):
    """The customer's page of a collection link. Whoever holds the token sees this link and nothing else."""

    # === PAGES === #

    @http.route(f"{PAY_PATH}/<string:token>", **PAGE)
    def page(self, token, amount=None, **params):
        """The page of a link in whatever state it is."""
        link = self._link(token)
        if not link:
            return self._render_unknown()
        link = link._on_day(link._promised_day(params.get("day")))._for_page()
        payer = self._payer(link)
        money = link._page_money(payer)
        view = link._page_view(money.payable)
        if view not in ("pay", "plan") and (led_to := link._led_to()) != link:
            return self.page(led_to.access_token, **params)
        is_back = view == "pay" and params.get("returned") and link._awaits_provider()
        if view == "pay" and not is_back:
            chosen = link._chosen(params.get("part"), amount, money.payable)
            return self._render_chosen(link, money, chosen, payer, params.get("method"))
        values = self._page_values(link, money)
        if is_back:
            return self._render("paylink_addon.page_progress", values | {"returned": True})
        if view == "closed":
            values["reason"] = link._closed_reason()
        gone = view == "closed" and values["reason"] not in ("in_progress", "changing")
        status = HTTPStatus.GONE if gone else HTTPStatus.OK
        if view == "progress":
            values["running"] = link._running_text()
        return self._render(f"paylink_addon.page_{view}", values, status=status)

    def _page_values(self, link, money):
        return link._page_texts(money.due) | {"languages": self._languages(link), "lang": link.env.lang}

    @http.route(f"{PAY_PATH}/<string:token>/help", **PAGE)
    def help(self, token, **_params):
        """How to pay, whether it is safe, whom to call."""
        link = self._link(token)
        if not link:
            return self._render_unknown()
        values = link._page_values() | {"languages": self._languages(link), "lang": link.env.lang}
        return self._render("paylink_addon.page_help", values | {"contact": link.user_id.name})

    def _render_pay(self, link, money, chosen, payer, option=None, status=HTTPStatus.OK, **more):
        """The page to pay on.

        :param PageMoney money: see ``paylink.link._page_money``
        :param Choice chosen: see ``paylink.link._chosen``
        :param payer: see :meth:`_payer`
        :param option: what the customer has chosen to pay with: anything
        :param more: other values of the page, such as what is wrong
        """
        values = self._page_values(link, money) | link._payment_form_values(money, chosen, payer, option) | more
        values["csrf_token"] = payer and request.csrf_token()
        return self._render_plain("paylink_addon.page_pay", values, status)

    def _render_chosen(self, link, money, chosen, payer, option):
        """The page to pay on: that with the fields of a method, for who has chosen such a one."""
        if not option or chosen.problem:
            return self._render_pay(link, money, chosen, payer, option)
        if fields := link._fields_values(money, chosen, payer, option):
            return self._render_fields("paylink_addon.page_pay_fields", self._page_values(link, money) | fields)
        offered = [one.value for one in link._payment_form_values(money, chosen, payer)["options"]]
        gone = link.env._("This payment method is no longer available: choose another.")
        return self._render_pay(link, money, chosen, payer, option, pay_problem=option not in offered and gone)

    # === WHAT THE PAGE CALLS === #

    @http.route(f"{PAY_PATH}/<string:token>/opened", **FORM)
    def opened(self, token, **_params):
        """A person has touched the page (a mail scanner only fetches it). Employees do not count."""
        link = self._link(token)
        if not link:
            return self._json({"error": "unknown"}, HTTPStatus.NOT_FOUND)
        return self._json({"ok": True})

    @http.route(f"{PAY_PATH}/<string:token>/status", **PAGE)
    def status(self, token, **params):
        """The state of the link, for the page to follow it."""
        link = self._link(token)
        if not link:
            return self._json({"error": "unknown"}, HTTPStatus.NOT_FOUND)
        link._book_confirmed()
        link = link._on_day(link._promised_day(params.get("day")))
        view, status = link._page_view(), link._page_status()
        return self._json(
            {
                "state": link.state,
                "status": status,
                "attempts": link.attempt_count,
                "label": dict(link._fields["status"]._description_selection(link.env))[status],
                "view": view,
                "stamp": link._page_stamp(view),
            }
        )

    @http.route(f"{PAY_PATH}/<string:token>/transaction", type="jsonrpc", auth="public", max_content_length=MAX_BODY)
    def transaction(self, token, amount=None, **kwargs):
        """Make the transaction of one attempt and return its processing values to Odoo's payment form.

        Of what the form sends only the choice of method is taken; whatever else modules add to it is ignored. What
        can't be paid (that way) is answered as the form expects it of a failed payment, with a text for the customer.

        The attempt is committed before a saved method is charged: a request that is run again as a whole after a
        conflict, and a second click, both find it, and that money may be under way.
        """
        return self._begin(self._link(token), amount, kwargs)

    @http.route(f"{PAY_PATH}/<string:token>/pay", **FORM_PAGE | {"save_session": True})
    def pay(self, token, part=None, amount=None, shown=None, option="", **params):
        """Where the form of the page is sent: begin to pay, and lead the customer on.

        What can't be paid (that way) is told on the page, with what was chosen and typed.
        """
        link = self._link(token)
        if not link:
            return self._render_unknown()
        found = self._is_sent() and link._as_shown(shown)
        if found:
            link, part = found._for_part(part)
            request.env.cr.commit()  # pylint: disable=invalid-commit  # the link stays, whatever becomes of the attempt
        payer = self._payer(link)
        money = link._page_money(payer)
        if not self._is_sent() or link._page_view(money.payable) != "pay":
            return request.redirect(f"{PAY_PATH}/{link.access_token}", code=HTTPStatus.SEE_OTHER)
        chosen = link._chosen(part, amount, money.payable)
        problem = not found and link.env._("The amount has changed: check it, then pay.")
        if found and not chosen.problem:
            try:
                return self._pay(link, chosen, option, params)
            except UserError as error:
                request.env.cr.rollback()
                problem = str(error)
        return self._render_pay(
            link, money, chosen, payer, option, HTTPStatus.UNPROCESSABLE_ENTITY, pay_problem=problem
        )

    def _pay(self, link, chosen, option, params):
        """Begin to pay what was chosen: see :meth:`_lead_on`."""
        save = {"tokenization_requested": bool(params.get("save"))}
        return self._lead_on(
            link,
            option,
            lambda choice: self._make_transaction(link, chosen.amount, choice | save),
            part=chosen.part,
            amount=chosen.text,
        )

    def _begin(self, link, amount, choice):
        """The processing values of a new attempt, or what went wrong: see :meth:`transaction`."""
        try:
            return self._attempted(lambda: self._make_transaction(link, amount, choice), choice)[1]
        except UserError as error:
            request.env.cr.rollback()
            return {"state": "error", "state_message": str(error)}

    @staticmethod
    def _is_by_user():
        """Whether whoever is logged in sends this, not a page of another site by their browser: before anything that is
        theirs is used. Odoo's script sends JSON, which no other site can; a form brings the token of the session.
        """
        if request.dispatcher.routing_type != "http":
            return True
        token = request.params.get("csrf_token")
        return isinstance(token, str) and token.isascii() and request.validate_csrf(token)

    @staticmethod
    def _payer(link):
        """Whose saved methods the reader of this page may pay with: see ``paylink.link._payer``."""
        return link._payer(request.env.user)

    @classmethod
    def _make_transaction(cls, link, amount, choice):
        if not link:
            raise UserError(request.env._("This link does not exist: check the address in your message."))
        payer = cls._payer(link) if cls._is_by_user() else None
        values = link._start_attempt(
            amount,
            choice.get("provider_id"),
            choice.get("payment_method_id"),
            choice.get("token_id"),
            payer,
        )
        flow = choice.get("flow") if choice.get("flow") in ("redirect", "direct") else "redirect"
        request.update_context(delay_token_charge=True, lang=link.env.lang)
        transaction = PaymentPortal()._create_transaction(
            flow="token" if values["token_id"] else flow,
            tokenization_requested=link._may_save(payer) and bool(choice.get("tokenization_requested")),
            landing_route="/payment/status",  # leads to the link's page, without its token in the transaction
            reference_prefix=link.name,
            **values,
        )
        request.session[ADDRESS_KEY] = link.access_token  # and Odoo's key says of which transaction
        return transaction

    @http.route(f"{PAY_PATH}/<string:token>/renew", **FORM_PAGE)
    def renew(self, token, **_params):
        """The customer asks for a new link: its owner gets a task, once."""
        link = self._link(token)
        if not link:
            return self._render_unknown()
        if not self._is_sent():
            return request.redirect(f"{PAY_PATH}/{link.access_token}", code=HTTPStatus.SEE_OTHER)
        if not link._ask_for_renewal():
            return request.redirect(f"{PAY_PATH}/{link.access_token}", code=HTTPStatus.SEE_OTHER)
        values = link._page_values() | {"languages": self._languages(link), "lang": link.env.lang}
        return self._render("paylink_addon.page_asked", values)

    # === DOCUMENTS === #

    @http.route(f"{PAY_PATH}/<string:token>/documents", **PAGE)
    def documents(self, token, page=None, **_params):
        """All documents of the link, of which the page itself shows the first."""
        link = self._link(token)
        if not link:
            return self._render_unknown()
        if not link.line_ids:
            return request.redirect(f"{PAY_PATH}/{link.access_token}", code=HTTPStatus.SEE_OTHER)
        values = link._all_documents_values(whole(page)) | {"languages": self._languages(link), "lang": link.env.lang}
        return self._render("paylink_addon.page_all_documents", values)

    @http.route(f"{PAY_PATH}/<string:token>/document/<int:line_id>", **PAGE)
    def document(self, token, line_id, **_params):
        """The PDF of one of the link's invoices."""
        link = self._link(token)
        return self._document(link, link._document_pdf(line_id) if link else None)

    @http.route([f"{PAY_PATH}/<string:token>/receipt", f"{PAY_PATH}/<string:token>/receipt/<int:payment_id>"], **PAGE)
    def receipt(self, token, payment_id=None, **_params):
        """The receipt of all payments, or of one, as a PDF; as a page to print where the server can't make PDFs."""
        link, payment = self._receipted(token, payment_id)
        if not payment:
            return self._render_unknown()
        return self._document(link, payment._paylink_receipt_pdf() if payment_id else link._receipt_pdf())

    @http.route(
        [
            f"{PAY_PATH}/<string:token>/receipt/page",
            f"{PAY_PATH}/<string:token>/receipt/<int:payment_id>/page",
        ],
        **PAGE,
    )
    def receipt_page(self, token, payment_id=None, **_params):
        """The same as a page, to read and to print."""
        link, payments = self._receipted(token, payment_id)
        if not payments:
            return self._render_unknown()
        values = link._page_values() | {"languages": self._languages(link), "lang": link.env.lang}
        values |= {"receipt_of": payment_id, "receipt": link._receipt_values(payments)}
        return self._render("paylink_addon.page_receipt", values)

    def _receipted(self, token, payment_id):
        """The link with this token, or that which it has led to, and what has been paid by it: all, or what has the id.

        Nothing is there to give a receipt of where nothing has been paid, or by another link.
        """
        link = self._link(token)
        if link and link._page_view() != "pay":
            link = link._led_to()
        payments = link.transaction_ids._paylink_received()
        return link, payments.filtered(lambda tx: payment_id in (None, tx.id))

    @http.route(f"{PAY_PATH}/<string:token>/qr", **PAGE)
    def qr(self, token, **_params):
        """The SEPA QR code of the transfer, as PNG; who has it already is only told that it is still the same."""
        link = self._link(token)
        text = link and link._transfer_qr_text()
        if not text:
            return self._render_unknown()
        headers = self._headers(content_type="image/png") | {"Cache-Control": "private, no-cache"}
        response = request.make_response("", headers=headers)
        response.set_etag(hashlib.sha256(text.encode()).hexdigest())
        if request.httprequest.if_none_match.contains(response.get_etag()[0]):
            response.status_code = HTTPStatus.NOT_MODIFIED
        else:
            response.data = qr.kept_png(text)
        return response

    # === HELPERS === #

    def _found(self, token):
        return self._link(token)

    def _link(self, token):
        """The issued link with this token, in its company and the customer's language, or an empty record set."""
        link = request.env["paylink.link"]._find_by_token(token)
        if not link.issued_at:
            return link.browse()
        lang = self._language(link.lang)
        request.update_context(lang=lang, allowed_company_ids=link.company_id.ids)
        link._prefetch_page()
        own = link.with_user(SUPERUSER_ID)
        return self._noted(own.with_context(lang=lang, allowed_company_ids=link.company_id.ids, tz=link._timezone()))
