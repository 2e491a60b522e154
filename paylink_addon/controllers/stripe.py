from odoo import SUPERUSER_ID, http
from odoo.exceptions import UserError
from odoo.http import request

from ..models.stripe.payment_transaction_checkout import CHECKOUT_PATH, RETURN_PATH, StripeSilent
from .page import FORM_PAGE, PAGE
from .pay import FormPageMixin


class PaylinkStripe(FormPageMixin, http.Controller):
    """The customer's way to Stripe's page and back. Who holds a transaction's token is who pays it."""

    @http.route(CHECKOUT_PATH, **FORM_PAGE)
    def checkout(self, tx=None, token=None, **_params):
        """Lead the customer to the page of their attempt, however often they click."""
        # Odoo's own payment pages send it too, and may stand at another address: whose token it is pays.
        transaction = self._transaction(tx if self._is_post() else None, token)
        if not transaction:
            return self._problem(request.env._("This payment is not known here."), status=404)
        try:
            url = transaction._paylink_leads_to()
        except StripeSilent as error:
            return self._problem(str(error), transaction, status=503)
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
        return self._render_plain("paylink_addon.page_stripe_problem", values, status=status)
