"""Stage of ``paylink.card.request``: how a method is stored: the customer's page and its attempts."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...const import DEFAULT_MAX_ATTEMPTS, MAX_ATTEMPTS_PARAMETER
from ...tools.locks import hold_and_touch
from ...tools.parameters import whole_number
from ...tools.texts import said

# Odoo's code of a pre-authorized debit in Canada.
DEBIT = "acss_debit"


class PaylinkCardRequestStore(models.Model):
    """What the customer sees and does. Callers have checked the token; all is in sudo mode."""

    _inherit = "paylink.card.request"

    # === THE PAGE === #

    @api.model
    def _page_fields(self):
        return (
            *("name", "access_token", "company_id", "partner_id", "template_id", "lang", "kind", "state"),
            *("issued_at", "expires_at", "cancelled_at", "token_id", "consent_at", "replaces_id", "attempt_count"),
            *("is_new", "given_name", "given_company", "given_email", "given_phone", "given_vat"),
        )

    def _page_view(self):
        """Which page is shown: ``consent``, ``code``, ``store``, ``progress``, ``stored`` or ``closed``."""
        if self.token_id:
            return "stored"
        if self.state == "pending":  # small deposits of a bank may outlast the request
            return "progress"
        if not self._is_live():
            return "closed"
        if self._needs_code():
            return "code"
        return "store" if self._has_consented() else "consent"

    def _awaits_customer(self):
        return self._page_view() in ("consent", "store")

    def _has_consented(self):
        """Whether the customer has agreed to the words as they are now."""
        return bool(self.consent_at) and self.consent_version == self.template_id.consent_version

    def _page_values(self):
        """The values of every page of the request, in the language of the context."""
        self.ensure_one()
        token = self.token_id
        title, text = self._page_words()
        return {
            "link": None,
            "card": self,
            "storing_help": True,
            "addressee": self._addressee(),
            "person": self._person() if self._asks_who() else None,
            "company": self.company_id,
            "base": f"{self._page_path}/{self.access_token}",
            "title": title,
            "text": text,
            "consent": self._consent_words(self._asks_who()),
            "expires": self._expiry_text(self.env),
            "replaced": self.replaces_id._paylink_public_name(),
            "stored": token._paylink_public_name(),
            "closed": "cancelled" if self.cancelled_at else "expired",
            "failure": self.state == "failed" and self._last_failure(),
        }

    def _page_words(self):
        """The title and the text of the page: the template's. Who replaces a method in the portal knows why."""
        if self.is_from_portal and self.replaces_id:
            return self.env._("Replace your payment method"), False
        return self.template_id.title, self.template_id.text

    def _consent_words(self, is_asked=False):
        """What the customer agrees to, in the language of the context, with the company's name in it.

        :param bool is_asked: who the customer is, is still to be said on the page
        """
        words = self.template_id.consent.replace("{company}", self.company_id.name)
        return "\n\n".join(filter(None, [words, self._debit_notice(is_asked)]))

    def _debit_notice(self, is_asked=False):
        """What the rules for pre-authorized debits in Canada want the customer to read, where one can be stored.

        https://www.payments.ca/systems-services/payment-services/pre-authorized-debit
        """
        providers, _methods = self.template_id._options(self.company_id, self.partner_id)
        accepted = self.template_id.with_context(active_test=False).method_ids.mapped("code") or [DEBIT]
        if DEBIT not in accepted or not providers._paylink_take_debits(self.company_id.currency_id):
            return ""
        rights = self.env._(
            "The account is debited when an invoice is due, or as agreed, with its amount. I am told of each debit "
            "before it is made, and waive any longer notice. I can end this agreement at any time by writing to "
            "%(company)s. I have certain rights if a debit does not comply with this agreement, such as being "
            "reimbursed: my bank and www.payments.ca tell more.",
            company=self.company_id.name,
        )
        return f"{self._debit_kind(is_asked)} {rights}"

    def _debit_kind(self, is_asked):
        if is_asked:
            return self.env._(
                "If I choose a bank account in Canada: this is an agreement for business pre-authorized debits (PAD) "
                "if I have entered the name of a company, otherwise for personal pre-authorized debits (PAD)."
            )
        if self._is_business():
            return self.env._(
                "If I choose a bank account in Canada: this is an agreement for business pre-authorized debits (PAD)."
            )
        return self.env._(
            "If I choose a bank account in Canada: this is an agreement for personal pre-authorized debits (PAD)."
        )

    def _last_failure(self):
        attempt = self.transaction_ids._paylink_card_attempts().sorted("id")[-1:]
        if attempt.paylink_abandoned and not attempt.paylink_decline_count:
            return self.env._("You left the page before a payment method was stored.")
        is_told = attempt.state in ("error", "draft") or attempt.paylink_decline_count
        return said(attempt._paylink_last_reason(), self.env) if is_told else ""

    def _form_values(self, option=None):
        """What the page offers to store.

        :param option: what the customer has chosen: anything; else it is the first that there is
        """
        providers, methods = self.template_id._options(self.company_id, self.partner_id)
        options = providers._paylink_offered(methods, is_validation=True)
        return {"options": sorted(options, key=lambda one: one.value != option)}

    def _fields_values(self, option):
        """The values of the page with Odoo's ``payment.form``, if this method is offered and shows fields there."""
        found = next((one for one in self._form_values()["options"] if one.value == option and one.shows_fields), None)
        return found and {
            **self.env["payment.provider"]._paylink_fields_values(found, self),
            "mode": "validation",
            "allow_token_selection": False,
            "back": "",
        }

    # === STORING === #

    def _agree(self, ip, person=None):
        """The customer agrees to the words of the page, in the language of the context.

        :param str ip: where from
        :param dict person: who a new customer says that they are
        :raises UserError: it is too late; with a text for the customer
        """
        self.ensure_one()
        hold_and_touch(self)
        self._check_usable()
        # First who it is: what is agreed to depends on it.
        self.write(self._person_values(person or {}))
        self.write(self._consent_values(ip))
        self._mark_opened()
        self._log_events("agreed")

    def _consent_values(self, ip):
        """What is kept of that the customer agrees, in the language of the context, from ``ip``."""
        return {
            "consent_text": self._consent_words(),
            "consent_version": self.template_id.consent_version,
            "consent_lang": self.env.lang,
            "consent_at": fields.Datetime.now(),
            "consent_ip": ip,
        }

    def _start_attempt(self, provider_id, method_id):
        """Check under lock that a method may be stored this way now; return the values of the transaction to make.

        :raises UserError: with a text for the customer
        """
        self.ensure_one()
        hold_and_touch(self)
        self._check_usable()
        if not self._has_consented():
            raise UserError(self.env._("Please agree first: reload the page."))
        self._check_attempts()
        providers, methods = self.template_id._options(self.company_id, self.partner_id)
        provider = providers.filtered(lambda p: p.id == provider_id)
        method = methods.filtered(lambda m: m.id == method_id)
        if not provider or method not in provider.payment_method_ids:
            raise UserError(self.env._("This payment method is no longer available: reload the page."))
        # The newest attempt counts: one that was left on another tab must not store a second method.
        self._close_attempts(self.env._("The customer started again."))
        return {
            "provider_id": provider.id,
            "payment_method_id": method.id,
            "token_id": None,
            "amount": None,
            "currency_id": None,
            "partner_id": self.partner_id.id,
            "is_validation": True,
            "custom_create_values": {"paylink_card_request_id": self.id},
        }

    def _check_usable(self):
        if not self._awaits_customer():
            raise UserError(self.env._("This request can no longer be used: reload the page."))

    def _check_attempts(self):
        """Stop who tries card after card."""
        if self._has_tried_enough():
            raise UserError(self.env._("Too many attempts: wait an hour, or contact us."))

    def _has_tried_enough(self):
        """Whether as many tries as are allowed in an hour have been made."""
        limit = whole_number(self.env, MAX_ATTEMPTS_PARAMETER, DEFAULT_MAX_ATTEMPTS)
        since = fields.Datetime.now() - timedelta(hours=1)
        recent = self.transaction_ids.filtered(lambda tx: tx.create_date >= since)
        return len(recent) + sum(recent.mapped("paylink_decline_count")) >= limit

    # === STORED === #

    def _store(self, token):
        """A provider has stored the customer's method: it is ready to charge. Does nothing the second time.

        One that comes although another came first, or after the request was cancelled, is kept as well: the customer
        has agreed to it, and the provider has it.
        """
        self.ensure_one()
        hold_and_touch(self)
        token._paylink_keep_consent(self)
        if self.token_id:
            return
        self.write({"token_id": token.id, "stored_at": fields.Datetime.now()})
        self._retire(token)
        self._log_events("stored", {self.id: token.display_name})
        self._confirm()
        told = self.with_env(self._owner_env())
        told._notify_owner(
            told.env._("%(partner)s has stored a payment method", partner=told.customer_name),
            told._stored_text(token),
        )
        self._give_link_task(token)

    def _retire(self, token):
        """What was to be replaced is not charged anymore, here and at its provider."""
        replaced = (self.replaces_id - token).filtered(lambda old: old._paylink_shares_owner(token))
        if replaced:
            replaced._paylink_succeeded_by(token, self)
        if replaced.active:
            replaced._paylink_finish("replaced")
            self._log_events("retired", {self.id: replaced.display_name})

    def _confirm(self):
        """Write to the customer what was stored and agreed to, by e-mail, if there is an address."""
        self.ensure_one()
        request = self.filtered("email").with_context(lang=self.lang)
        template = self.env.ref("paylink_addon.mail_template_card_stored", raise_if_not_found=False)
        if not request or not template or request._recipient_problem(self.partner_id, self.email, "", True, False):
            return
        values = request._prepare_emails(
            template.sudo().with_context(lang=self.lang), layout="paylink_addon.mail_layout_card_stored", event="told"
        )
        request._create_emails(values)

    # === WHO IS TOLD === #

    def _interrupted(self, message):
        """An attempt has failed or was given up: the owner sees it, the customer may try again."""
        self._mark_unread()
        self._log_events("attempt_failed", {self.id: message})

    def _declined_on_page(self, transaction, message):
        """A card was declined on the provider's page, where the customer may try another one: not for ever. Who came by
        an open page proves the address again first.
        """
        self._interrupted(message)
        if transaction.state == "draft" and (self._needs_code() or self._has_tried_enough()):
            transaction._paylink_close(message)

    def _attempt_changed(self, transaction, message):
        """Tell of a new state of one of the attempts."""
        if transaction.state in ("error", "cancel") and not transaction.paylink_closed:
            self._interrupted(message or "")
        elif transaction.state == "pending":
            self._log_events("pending")
