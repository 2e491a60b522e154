from http import HTTPStatus

from odoo import http
from odoo.exceptions import AccessError, UserError
from odoo.http import request

from odoo.addons.payment.controllers.portal import PaymentPortal

PATH = "/my/payment_method"
FORM = {"type": "http", "methods": ["POST"], "auth": "user", "website": True}
# What the page says of what was done.
NOTES = ("removed", "waiting", "default", "busy", "late")


class PaylinkCardPortal(PaymentPortal):
    """Portal users manage what they have stored: with what they agreed to, and none of anybody else's."""

    @http.route()
    def payment_method(self, done=None, **kwargs):
        """The user's stored methods. Where nothing can be stored by a request of ours, Odoo's own page does it."""
        if not self._paylink_template():
            return super().payment_method(**kwargs)
        tokens = self._paylink_own_tokens()
        values = {
            "page_name": "payment_methods",
            "rows": [self._paylink_row(token) for token in tokens],
            "done": done if done in NOTES else False,
            "company": request.env.company,
        }
        return request.render("paylink_addon.portal_my_payment_methods", values)

    @http.route(f"{PATH}/add", **FORM)
    def paylink_add_method(self, replaces=None, **_params):
        """Lead to the page of a request that stores a method: a new one, or in the place of one of the user's own."""
        token = self._paylink_own(replaces) if replaces else request.env["payment.token"].sudo()
        if replaces and not token:
            return self._paylink_back()
        try:
            card = request.env["paylink.card.request"].sudo()._for_portal(request.env.user, request.env.company, token)
        except UserError:
            request.env.cr.rollback()
            return self._paylink_back("late")
        return request.redirect(f"{card._page_path}/{card.access_token}", code=HTTPStatus.SEE_OTHER)

    @http.route(f"{PATH}/default", **FORM)
    def paylink_set_default_method(self, token_id=None, **_params):
        """Have this one charged from now on."""
        token = self._paylink_own(token_id)
        if token:
            token._paylink_make_default()
        return self._paylink_back(token and "default")

    @http.route(f"{PATH}/remove", **FORM)
    def paylink_remove_method(self, token_id=None, **_params):
        """Remove one, at the provider as well."""
        token = self._paylink_own(token_id)
        if not token:
            return self._paylink_back()
        try:
            answer = token._paylink_withdraw()
        except UserError:
            request.env.cr.rollback()
            return self._paylink_back("busy")
        return self._paylink_back("removed" if answer["params"]["type"] == "success" else "waiting")

    @http.route()
    def archive_token(self, token_id):
        """What Odoo's own form removes is removed likewise."""
        if token := self._paylink_own(token_id):
            token._paylink_withdraw()

    def _create_transaction(self, *args, **kwargs):
        """On Odoo's own pages (invoices, orders…) what is not offered to who is logged in is not charged either: Odoo
        takes whatever contacts of the same customer have saved.
        """
        if kwargs.get("flow") == "token":
            self._paylink_check_offered(kwargs.get("token_id"))
        return super()._create_transaction(*args, **kwargs)

    # === HELPERS === #

    @staticmethod
    def _paylink_check_offered(token_id):
        """
        :param token_id: as a client said it: anything
        :raises AccessError: it is not the user's own
        """
        Token = request.env["payment.token"].sudo()
        token = Token.browse(token_id if type(token_id) is int else 0).exists()
        own = Token._get_available_tokens(token.provider_id.ids, request.env.user.partner_id.id)
        if not token & own:
            raise AccessError(request.env._("This payment method is not yours: choose another one."))

    @staticmethod
    def _paylink_template():
        return request.env["paylink.card.request"].sudo()._portal_template(request.env.user, request.env.company)

    @staticmethod
    def _paylink_own_tokens():
        """What the user has stored, or their company, in the companies whose portal it is: see Odoo's own page."""
        user = request.env.user
        tokens = request.env["payment.token"].sudo()
        tokens = tokens._get_available_tokens(None, user.partner_id.id, is_validation=True)
        return tokens.filtered(lambda token: token.company_id in user.company_ids)

    def _paylink_own(self, token_id):
        """One of them, by what a client says: anything."""
        own = self._paylink_own_tokens()
        return own.filtered(lambda token: str(token.id) == str(token_id))

    @staticmethod
    def _paylink_row(token):
        """What the page shows of a method, the texts in the reader's language."""
        labels = dict(token._fields["paylink_profile_status"]._description_selection(request.env))
        status = token.paylink_profile_status
        return {
            "id": token.id,
            "name": token.display_name,
            "method": token.payment_method_id.with_env(request.env).sudo().name,
            "bank": token.paylink_bank,
            "expires": token.paylink_expires_on,
            "is_usable": token._paylink_works(),
            "warning": labels[status] if status != "usable" else False,
            "is_default": token.paylink_is_default,
            "consent": token.paylink_consent,
            "agreed_at": token.paylink_consent_at,
        }

    @staticmethod
    def _paylink_back(done=None):
        return request.redirect(f"{PATH}?done={done}" if done else PATH, code=HTTPStatus.SEE_OTHER)
