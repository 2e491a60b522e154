"""Stage of ``payment.transaction``: the page at Stripe."""

import logging
import secrets
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import LazyTranslate, consteq

from odoo.addons.payment import utils as payment_utils

from ...tools.locks import WAIT, a_slot, take_free
from ...tools.money import MoneyError, to_minor
from ...tools.stripe_errors import StripeAbsent, StripeFailure, StripeRefused, StripeTransient, redact
from ...tools.texts import one_line, said
from .const import STRIPE_CODE, STRIPE_LOCALES
from .payment_transaction import MAX_REFERENCE
from .payment_transaction_requests import SESSION_EXPAND

_lt = LazyTranslate(__name__)

_logger = logging.getLogger(__name__)
# A return does not ask again, when it has heard the outcome or nothing at all, before that time.
ASK_AGAIN = timedelta(minutes=5)
# Stripe wants a page to last more than 30 minutes and less than 24 hours.
LONGEST = timedelta(hours=23)
SHORTEST = timedelta(minutes=45)
# With less than that left a request is made anew: on its way to Stripe it would become too short.
SOONEST = timedelta(minutes=31)
MAX_LINES = 100
MAX_NAME = 250
CHECKOUT_PATH = "/paylink/stripe/checkout"
RETURN_PATH = "/paylink/stripe/return"


class StripeSilent(UserError):
    """Stripe does not answer; with a text for the customer, who may try again."""


class PaymentTransactionCheckout(models.Model):
    """The page at Stripe: one Checkout Session, and so one PaymentIntent, for each attempt."""

    _inherit = "payment.transaction"

    paylink_stripe_request = fields.Json(
        string="Parameters of the Page",
        copy=False,
        readonly=True,
        groups="base.group_system",
        help="Stored before Stripe is asked: a retry with the same key must ask for the same.",
    )

    paylink_stripe_asked_at = fields.Datetime(
        string="Asked after the Return",
        copy=False,
        readonly=True,
        help="When a customer's return made us ask Stripe about the outcome last. Empty: the next one does.",
    )

    def _paylink_page_lasts(self):
        """Stripe itself says when its page has ended."""
        return bool(self.paylink_stripe_session) or super()._paylink_page_lasts()

    # === THE FORM THAT LEADS THERE === #

    def _get_specific_rendering_values(self, processing_values):
        """The redirect form leads to our own route: the attempt is committed before Stripe hears of it."""
        if not self._paylink_is_stripe():
            return super()._get_specific_rendering_values(processing_values)
        if not self.paylink_stripe_request:
            self.sudo().paylink_stripe_request = self._paylink_stripe_session_values()
        return {"api_url": CHECKOUT_PATH, "tx": self.id, "token": self._paylink_stripe_token()}

    def _paylink_stripe_token(self):
        """Proves that who comes with the transaction's id was sent by us, and by an address that is still valid."""
        address = self.sudo()._paylink_asked_by().access_token
        return payment_utils.generate_access_token("paylink_stripe", self.id, self.reference, address, env=self.env)

    def _paylink_stripe_by_token(self, tx_id, token):
        """The transaction, in sudo mode, of whoever holds its token; else none.

        :param tx_id: as it came: anything
        :param token: as it came: anything
        """
        if not str(tx_id).isdecimal() or len(str(tx_id)) > 18 or not isinstance(token, str) or not token.isascii():
            return self.sudo().browse()
        tx = self.sudo().browse(int(tx_id)).exists()
        known = tx and tx._paylink_is_stripe() and consteq(tx._paylink_stripe_token(), token)
        return tx if known else tx.browse()

    # === WHAT THE PAGE SHOWS === #

    def _paylink_stripe_session_values(self):
        """The parameters of the Checkout Session, but for the customer.

        :raise UserError: the amount can't be paid exactly
        """
        back = f"{self.company_id._paylink_base_url()}{RETURN_PATH}?tx={self.id}&token={self._paylink_stripe_token()}"
        mode = "setup" if self.operation == "validation" else "payment"
        return {
            "mode": mode,
            "client_reference_id": self.reference[:MAX_REFERENCE],
            "metadata": self._paylink_stripe_metadata(),
            "locale": self._paylink_stripe_locale(),
            "expires_at": int(self._paylink_stripe_expires_at().timestamp()),
            "success_url": back,
            "cancel_url": f"{back}&cancelled=1",
            **getattr(self, f"_paylink_stripe_{mode}_values")(),
        }

    def _paylink_stripe_setup_values(self):
        """Which methods are offered is left to the account's dashboard, unless some were asked for."""
        code = self.currency_id.name.lower()
        types = self.provider_id._paylink_stripe_types(self._paylink_methods_asked_for(), self.currency_id)
        is_debit_shown = not types or "acss_debit" in types
        debit = self._paylink_stripe_debit_values({"currency": code}, {"default_for": ["invoice"]})
        return {
            "currency": code,
            "setup_intent_data": {"metadata": self._paylink_stripe_metadata(), "description": self.reference},
            **({"allowed_payment_method_types": types} if types else {}),
            **(debit if is_debit_shown else {}),
        }

    def _paylink_methods_asked_for(self):
        """Hook: the codes of the ``payment.method`` that may be stored; none: whatever the provider can store."""
        return []

    def _paylink_stripe_debit_values(self, options=None, mandate=None):
        """What the customer agrees to who lets a bank account in Canada be debited, which Stripe writes down there.

        https://docs.stripe.com/payments/acss-debit/set-up-payment?payment-ui=checkout

        :param dict options: more of the method
        :param dict mandate: more of the agreement
        """
        if not self.provider_id._paylink_stripe_types(["acss_debit"], self.currency_id):
            return {}
        is_business = self._paylink_is_business()
        schedule = {"payment_schedule": "sporadic"}
        if self.tokenize:
            when = said(_lt("when an invoice is due, or as agreed"), self._paylink_customer_env())
            schedule = {"payment_schedule": "combined", "interval_description": when}
        agreement = {**schedule, "transaction_type": "business" if is_business else "personal", **(mandate or {})}
        return {"payment_method_options": {"acss_debit": {**(options or {}), "mandate_options": agreement}}}

    def _paylink_is_business(self):
        """Hook: whether who pays, or stores a method, does so as a company."""
        return self.partner_id.commercial_partner_id.is_company

    def _paylink_stripe_payment_values(self):
        """Which methods are offered is left to the account's dashboard."""
        data = {"metadata": self._paylink_stripe_metadata(), "description": self.reference}
        if self.tokenize:
            data["setup_future_usage"] = "off_session"
        if self.provider_id.capture_manually:
            data["capture_method"] = "manual"
        return {
            "line_items": self._paylink_stripe_line_items(),
            "payment_intent_data": data,
            **self._paylink_stripe_debit_values(),
        }

    def _paylink_stripe_locale(self):
        """Stripe's name of the language that the customer reads."""
        lang = (self.env.context.get("lang") or self.partner_lang or "").replace("_", "-")
        return next((code for code in (lang, lang.partition("-")[0]) if code in STRIPE_LOCALES), "auto")

    def _paylink_stripe_expires_at(self):
        """The page ends with the request, as far as Stripe allows."""
        now = fields.Datetime.now()
        ends = [now + LONGEST, *filter(None, [self._paylink_asked_by().expires_at])]
        return max(min(ends), now + SHORTEST)

    def _paylink_stripe_line_items(self):
        """One line per document, if they make exactly the amount; else (a part, credits, a discount) one for all."""
        documents, total = self._paylink_documents(), self._paylink_stripe_minor()
        lines = self._paylink_stripe_exact_lines(documents)
        exact = sum(minor for _name, minor in lines) == total and all(minor > 0 for _name, minor in lines)
        if not exact or not 0 < len(lines) <= MAX_LINES:
            owed = ", ".join(name for name, amount in documents if amount > 0)  # credits go without saying
            names = owed or self.paylink_id.reference or self.reference
            lines = [(names, total)]
        return [
            {
                "quantity": 1,
                "price_data": {
                    "currency": self.currency_id.name.lower(),
                    "unit_amount": minor,
                    "product_data": {"name": self._paylink_stripe_short(name)},
                },
            }
            for name, minor in lines
        ]

    def _paylink_stripe_exact_lines(self, documents):
        """The documents with their amounts in minor units; none, where one of these can't be expressed."""
        code = self.currency_id.name
        try:
            return [(name, to_minor(amount, code)) for name, amount in documents]
        except MoneyError:
            return []

    def _paylink_stripe_short(self, name):
        name = one_line(name or self.reference)
        return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"

    # === LEADING THE CUSTOMER THERE === #

    def _paylink_leads_to_stripe_checkout(self):
        """:meth:`_paylink_stripe_checkout`, and what the customer has to know of what Stripe says to that.

        :return: URL; ``None``: our own page says what has become of the attempt
        :raise StripeSilent: Stripe does not answer
        :raise UserError: it can't be paid anymore; with a text for the customer
        """
        try:
            return self._paylink_stripe_checkout()
        except (StripeRefused, StripeAbsent) as error:
            _logger.warning("%s can't be paid: %s", self.reference, error)
            self._paylink_stripe_refused(error)
            return None
        except StripeFailure as error:
            _logger.info("%s: no page: %s", self.reference, error)
            raise StripeSilent(self.env._("The payment page does not answer. You have not been charged.")) from error

    def _paylink_stripe_refused(self, error):
        """Nothing that the customer can do something about: those who can are told why."""
        about_key = isinstance(error, StripeRefused) and error.about_key
        self._paylink_tell_managers("key" if about_key else "page", redact(str(error)))
        texts = {
            "amount_too_small": _lt("This amount is too small to be paid online. You have not been charged."),
            "amount_too_large": _lt("This amount is too large to be paid online. You have not been charged."),
        }
        other = _lt("The payment page can't be opened at the moment. You have not been charged.")
        self._set_error(texts.get(error.code, other))

    def _paylink_stripe_checkout(self):
        """Where to send the customer: their page at Stripe, or ``None`` if there is nothing to pay here anymore.

        Commits. May be called as often as the customer clicks: it leads to the same page.

        :return: URL
        :raise UserError: it can't be paid anymore; with a text for the customer
        :raise StripeFailure: Stripe did not answer, or refuses
        """
        self.ensure_one()
        if self.state != "draft" or self.operation not in ("online_redirect", "validation"):
            return None
        self._paylink_stripe_check_payable()
        self._paylink_stripe_close_others()
        self._paylink_stripe_may_ask_again()
        with a_slot(self.env.cr, wait=WAIT) as is_free:
            if not is_free:
                raise StripeTransient("As many as may wait for something slow are waiting.")
            known = self.paylink_stripe_session
            session = self._paylink_stripe_reusable() if known else self._paylink_stripe_new_session()
            self.provider_id._paylink_stripe_note_key(refused=False)
            if session["status"] != "open":
                self._paylink_stripe_apply(session)  # which may ask Stripe as well
                return None
        if self.state != "draft":  # closed while Stripe was asked
            self._paylink_queue("expire")
            self._paylink_wake_sender()
            return None
        self._paylink_note_return()
        return session["url"]

    def _paylink_stripe_check_payable(self):
        """The form may be sent again hours later."""
        self._ensure_provider_is_not_disabled()
        if self._paylink_is_overtaken():
            raise UserError(self.env._("This can no longer be paid, or not in this amount: reload the page."))

    def _paylink_stripe_close_others(self):
        """The newest attempt counts, also of those in Odoo's portal: see ``paylink.link._start_attempt``."""
        if not self.paylink_id and self.invoice_ids:
            others = self.env["paylink.link"]._open_drafts_on(self.invoice_ids) - self
            others._paylink_close(_lt("The customer started again."))

    def _paylink_stripe_reusable(self):
        """The session as it is now."""
        return self.provider_id._paylink_stripe().session(self.paylink_stripe_session, expand=SESSION_EXPAND)

    def _paylink_stripe_new_session(self):
        """Make the session. Whoever repeats this, knowing or not what became of it, gets the same one."""
        customer = self._paylink_stripe_payer()
        if self._paylink_stripe_request_is_late() and (session := self._paylink_stripe_renew_request(customer)):
            self._paylink_stripe_adopt(paylink_stripe_session=session["id"])
            return session
        try:
            session = self._paylink_stripe_create_session(customer)
        except StripeRefused as error:
            if error.param != "customer_email":
                raise
            session = self._paylink_stripe_without_email(customer)
        except StripeAbsent as error:
            if error.param != "customer":
                raise
            # Deleted in the dashboard. Nothing was made with the key, and Stripe keeps the refusal under it.
            customer._renew_key()
            request = {name: value for name, value in self.paylink_stripe_request.items() if name != "customer"}
            self.write({"paylink_key": secrets.token_urlsafe(24), "paylink_stripe_request": request})
            session = self._paylink_stripe_create_session(customer._of(self))
        self._paylink_stripe_adopt(paylink_stripe_session=session["id"])
        return session

    def _paylink_stripe_payer(self):
        """The ``paylink.stripe.customer`` who pays; none, where Stripe makes one of its own for this page."""
        customers = self.env["paylink.stripe.customer"].sudo()
        return customers if self._paylink_stripe_stranger() is not None else customers._of(self)

    def _paylink_stripe_stranger(self):
        """Hook: who pays, or stores a method, and is nobody's customer yet: a dict with ``email``, which may be empty.

        ``None``: the partner does. The partner of a stranger is shared with other strangers, who must not have one
        customer at Stripe.
        """
        return

    def _paylink_stripe_forget(self):
        """Forget the address of strangers, which was part of what Stripe was asked."""
        self.flush_recordset(["paylink_stripe_request"])
        query = "UPDATE payment_transaction SET paylink_stripe_request = paylink_stripe_request - %s WHERE id IN %s"
        if self:
            self.env.cr.execute(query, ["customer_email", tuple(self.ids)])
            self.invalidate_recordset(["paylink_stripe_request"])

    def _paylink_stripe_whose(self, customer):
        """The parameters of the page that say who comes."""
        if customer:
            return {"customer": customer.customer}
        email = (self._paylink_stripe_stranger() or {}).get("email")
        return {"customer_creation": "always", **({"customer_email": email} if email else {})}

    def _paylink_stripe_without_email(self, customer):
        """Make the page without an address that Stripe refuses, which keeps nobody from paying: it asks for one."""
        request = {name: value for name, value in self.paylink_stripe_request.items() if name != "customer_email"}
        self.write({"paylink_key": secrets.token_urlsafe(24), "paylink_stripe_request": request})
        return self._paylink_stripe_create_session(customer)

    def _paylink_stripe_request_is_late(self):
        """Whether Stripe would refuse the end of the page that was stored: Stripe did not answer, or nobody asked."""
        return self.paylink_stripe_request["expires_at"] < (fields.Datetime.now() + SOONEST).timestamp()

    def _paylink_stripe_renew_request(self, customer):
        """Store another request, with a key of its own, once it is sure that the old one has made nothing.

        :return: the session that it has made after all, or ``None``
        """
        since = int((self.create_date - timedelta(hours=1)).timestamp())
        asked_for = self.paylink_stripe_request.get("customer", customer.customer)
        whose = {"customer": asked_for} if asked_for else {}
        sessions = self.provider_id._paylink_stripe().sessions(created={"gte": since}, **whose)
        if found := self._paylink_stripe_seek(sessions):
            return found
        self.write(
            {
                "paylink_key": secrets.token_urlsafe(24),
                "paylink_stripe_request": self._paylink_stripe_session_values(),
            }
        )
        return None

    def _paylink_stripe_create_session(self, customer):
        """The customer is part of what is stored: partners may be merged between two tries with one key."""
        stripe = self.provider_id._paylink_stripe()
        asked = self.paylink_stripe_request
        is_told = "customer" in asked or "customer_creation" in asked
        request = asked if is_told else self._paylink_stripe_whose(customer) | asked
        self.paylink_stripe_request = request
        self.env.cr.commit()  # pylint: disable=invalid-commit
        return stripe.session_create(key=self.paylink_key, **request)

    # === CLOSING === #

    def _paylink_close(self, reason):
        """The page of an attempt that is given up is closed at Stripe, too, once that is committed."""
        result = super()._paylink_close(reason)
        if pages := self.filtered(lambda tx: tx.paylink_stripe_session and tx._paylink_is_stripe()):
            pages._paylink_queue("expire")
            pages._paylink_wake_sender()
        return result

    def _paylink_stripe_close_declined(self):
        """Charges that came to nothing, and are not tried again, are closed at Stripe: nobody can confirm them late."""
        declined = self.filtered(
            lambda tx: (
                tx._paylink_is_offline() and tx.state == "error" and tx.paylink_stripe_intent and not tx.paylink_todo
            )
        )
        if declined:
            declined._paylink_queue("expire")
            declined._paylink_wake_sender()

    # === COMING BACK === #

    def _paylink_stripe_returned(self):
        """The customer is back, which proves nothing: ask Stripe about the session that we have stored. Commits.

        Whoever has the address may come back as often as he likes: an outcome is asked for once, and who does not
        answer is left alone for a time. What is not known then is reported by Stripe, or looked up by the sweep.

        :return: whether Stripe says that it can still be paid
        """
        self.ensure_one()
        status = None
        with a_slot(self.env.cr) as is_free:
            if is_free and self._paylink_stripe_take_return():
                status, may_ask_again = self._paylink_stripe_ask_for_outcome()
                if may_ask_again:
                    self._paylink_stripe_may_ask_again()
        return status == "open"

    def _paylink_stripe_ask_for_outcome(self):
        """Ask Stripe about the session, and apply what it says, which may lead to another question.

        :return: the status of the session, ``None`` if it is not known, and whether the next return may ask again
        """
        try:
            session = self._paylink_stripe_reusable()
            self._paylink_apply([(STRIPE_CODE, session)])
        except (StripeFailure, UserError) as error:
            self.env.cr.rollback()
            _logger.info("%s: the return told nothing: %s", self.reference, error)
            return None, bool(getattr(error, "status", None))  # an answer of a kind: the next one may be better
        return session["status"], session["status"] == "open"

    def _paylink_stripe_take_return(self):
        """Take the right to ask about the outcome, which nobody else has for a time then. Commits: no row is held while
        Stripe is asked.
        """
        if not self._paylink_stripe_awaits_return() or not take_free(self) or not self._paylink_stripe_awaits_return():
            return False
        self.paylink_stripe_asked_at = fields.Datetime.now()
        self.env.cr.commit()  # pylint: disable=invalid-commit
        return True

    def _paylink_stripe_awaits_return(self):
        asked = self.paylink_stripe_asked_at and self.paylink_stripe_asked_at > fields.Datetime.now() - ASK_AGAIN
        return self.state in ("draft", "pending", "cancel") and self.paylink_stripe_session and not asked

    def _paylink_stripe_may_ask_again(self):
        """Let the next return ask: the customer is led to Stripe anew, or the last answer was none."""
        if self.paylink_stripe_asked_at:
            self.paylink_stripe_asked_at = False
