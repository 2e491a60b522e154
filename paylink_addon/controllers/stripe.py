import logging

from odoo import SUPERUSER_ID, http
from odoo.exceptions import UserError
from odoo.http import request
from odoo.tools import LazyTranslate

from ..models.stripe.payment_transaction_checkout import CHECKOUT_PATH, RETURN_PATH
from ..tools.stripe_errors import StripeAbsent, StripeFailure, StripeRefused, redact
from .page import FORM_PAGE, PAGE, PLAIN_POLICY, PageMixin

_lt = LazyTranslate(__name__)

_logger = logging.getLogger(__name__)


class PaylinkStripe(PageMixin, http.Controller):
    """The customer's way to Stripe's page and back. Who holds a transaction's token is who pays it."""

    @http.route(CHECKOUT_PATH, **FORM_PAGE)
    def checkout(self, tx=None, token=None, **_params):
        """Lead the customer to the page of their attempt, however often they click."""
        # Odoo's own payment pages send it too, and may stand at another address: whose token it is pays.
        transaction = self._transaction(tx if self._is_post() else None, token)
        if not transaction:
            return self._problem(request.env._("This payment is not known here."), status=404)
        try:
            url = transaction._paylink_stripe_checkout()
        except (StripeRefused, StripeAbsent) as error:
            _logger.warning("%s can't be paid: %s", transaction.reference, error)
            return self._refused(transaction, error)
        except StripeFailure as error:
            _logger.info("%s: no page: %s", transaction.reference, error)
            return self._problem(
                request.env._("The payment page does not answer. You have not been charged."), transaction, status=503
            )
        except UserError as error:
            asked_by = transaction._paylink_asked_by()
            if asked_by and not asked_by._awaits_customer():
                return self._back(transaction, has_left=True)  # paid, canceled…: the page says it
            return self._problem(str(error), transaction, again=False)
        return self._leave(url) if url else self._back(transaction)

    @http.route(RETURN_PATH, **PAGE)
    def back(self, tx=None, token=None, cancelled=None, **_params):
        """The customer comes back from Stripe: look what is true, then show it."""
        transaction = self._transaction(tx, token)
        if not transaction:
            return self._problem(request.env._("This payment is not known here."), status=404)
        is_open = transaction._paylink_stripe_returned()
        has_left = cancelled == "1" and is_open and transaction.state == "draft"
        if has_left and transaction._paylink_asked_by():
            transaction._paylink_abandon()
        return self._back(transaction, has_left)

    # === HELPERS === #

    def _transaction(self, tx_id, token):
        transaction = request.env["payment.transaction"]._paylink_stripe_by_token(tx_id, token)
        request.update_context(lang=self._language(transaction._paylink_asked_by().lang, transaction.partner_lang))
        if transaction:
            request.update_context(allowed_company_ids=transaction.company_id.ids)
        return transaction.with_user(SUPERUSER_ID).with_context(**request.env.context)

    def _refused(self, transaction, error):
        """Nothing that the customer can do something about: those who can are told why."""
        about_key = isinstance(error, StripeRefused) and error.about_key
        transaction._paylink_tell_managers("key" if about_key else "page", redact(str(error)))
        texts = {
            "amount_too_small": _lt("This amount is too small to be paid online. You have not been charged."),
            "amount_too_large": _lt("This amount is too large to be paid online. You have not been charged."),
        }
        other = _lt("The payment page can't be opened at the moment. You have not been charged.")
        transaction._set_error(texts.get(error.code, other))
        return self._back(transaction)

    @staticmethod
    def _leave(url, local=False):
        response = request.redirect(url, code=303, local=local)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    def _back(self, transaction, has_left=False):
        """The page that the customer came from; Odoo's own for what was paid elsewhere.

        :param bool has_left: the customer is known not to have paid
        """
        asked_by = transaction._paylink_asked_by()
        if not asked_by:
            return self._leave((has_left and transaction.landing_route) or "/payment/status", local=True)
        asked_by._customer_is_back()
        waits = transaction.state == "draft" and not has_left
        return self._leave(f"{asked_by._page_path}/{asked_by.access_token}{'?returned=1' if waits else ''}", local=True)

    def _problem(self, message, transaction=None, again=True, status=200):
        """What went wrong and what to do now, on a page in the customer's language."""
        asked_by = transaction._paylink_asked_by() if transaction else None
        values = {
            "message": message,
            "transaction": transaction if again else None,
            "unknown": not transaction,
            "token": transaction._paylink_stripe_token() if transaction else None,
            "link": None,
            "company": transaction.company_id if transaction else None,
            "back": f"{asked_by._page_path}/{asked_by.access_token}" if asked_by else "/my",
            "languages": [],
            "lang": request.env.lang,
        }
        targets = request.env["payment.provider"]._paylink_form_targets()
        policy = PLAIN_POLICY.replace("form-action 'self'", f"form-action {targets}")
        return self._render("paylink_addon.page_stripe_problem", values, status=status, policy=policy)
