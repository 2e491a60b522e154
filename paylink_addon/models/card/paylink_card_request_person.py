"""Stage of ``paylink.card.request``: who stores a method before being anybody's customer here."""

import phonenumbers
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...tools.addresses import BadAddress, parse_phone, split_emails
from ...tools.parameters import whole_number
from ...tools.texts import typed
from ..messaging.paylink_life_mixin import BATCH

# What a new customer says on the page; the first one has to be said.
PERSON = ("given_name", "given_company", "given_email", "given_phone", "given_vat")
# Days after which a request that came to nothing forgets whom it was sent to; 0: never.
ERASE_AFTER_PARAMETER = "paylink_addon.erase_card_requests_after_days"
DEFAULT_ERASE_AFTER = 90
ERASED = ("email", "phone", "consent_ip")
# Messages in which the addresses stand, and what was answered to them.
PERSONAL_MESSAGES = ("email_outgoing", "sms", "email", "user_notification")
# States in which a request waits for its customer.
WAITING = ("draft", "open", "failed")
LONGEST = {"given_email": 254, "given_phone": 40, "given_vat": 40}


class PaylinkCardRequestPerson(models.Model):
    """What new customers say of themselves. Until they are linked to a customer, one archived contact of the company
    stands for all of them: see ``res.company._paylink_newcomer``.
    """

    _inherit = "paylink.card.request"

    is_new = fields.Boolean(
        string="No customer yet", compute="_compute_is_new", store=True, help="Nobody knows yet whose method it is."
    )
    given_name = fields.Char(string="Name", readonly=True, copy=False)
    given_company = fields.Char(string="Company Name", readonly=True, copy=False)
    given_email = fields.Char(string="Their E-mail", readonly=True, copy=False)
    given_phone = fields.Char(string="Their Phone", readonly=True, copy=False)
    given_vat = fields.Char(string="VAT Number", readonly=True, copy=False)
    verified_at = fields.Datetime(
        string="Address proved on", readonly=True, copy=False, help="By a code that was sent to the e-mail address."
    )
    proved_after = fields.Integer(readonly=True, copy=False, help="The last attempt before the address was proved.")
    erased_at = fields.Datetime(string="Personal data erased on", readonly=True, copy=False)
    customer_name = fields.Char(string="Who", compute="_compute_customer_name")
    greeting = fields.Char(string="Greeting (text)", compute="_compute_greeting")

    # === COMPUTE METHODS === #

    @api.depends("partner_id", "company_id")
    def _compute_is_new(self):
        for request in self:
            newcomer = request.company_id.sudo().paylink_newcomer_id
            request.is_new = bool(newcomer) and request.partner_id == newcomer

    @api.depends("is_new", "given_name", "given_company", "email", "phone", "partner_id")
    def _compute_customer_name(self):
        for request in self:
            said = ", ".join(filter(None, [request.given_company, request.given_name]))
            sent_to = (request.send_email and request.email) or request.phone
            name = (said or sent_to) if request.is_new else False
            request.customer_name = name or request.sudo().partner_id.display_name

    @api.depends("is_new", "given_name", "partner_id", "lang")
    def _compute_greeting(self):
        for request in self:
            env, name = request.with_context(lang=request.lang).env, request._addressee()
            request.greeting = env._("Hello %(name)s,", name=name) if name else env._("Hello,")

    def _addressee(self):
        """The name of who is written to, or ``False``: nobody knows it yet."""
        return self.given_name or False if self.is_new else self.sudo().partner_id.name

    # === NEW REQUESTS === #

    @api.model
    def _complete_newcomers(self, vals_list):
        """Who is no customer yet is asked by the templates for that."""
        Template = self.env["paylink.card.template"].sudo()
        for vals in vals_list:
            if not vals.get("partner_id") and Template.browse(vals.get("template_id")).kind == "new":
                company = self.env["res.company"].browse(vals.get("company_id")) or self.env.company
                vals["partner_id"] = company._paylink_newcomer().id

    # === ON THE PAGE === #

    def _asks_who(self):
        """Whether the page asks who the customer is."""
        return self.is_new and not (self.kind == "generic" and self.given_name)

    def _is_business(self):
        """Whether the customer is a company, as far as anybody knows."""
        return bool(self.given_company or self.partner_id.commercial_partner_id.is_company)

    def _person(self):
        """What the form shows at first: what was said before, else where the request was sent to."""
        said = {name: self[name] or "" for name in PERSON}
        if not self.given_name:
            said |= {"given_email": self.email or "", "given_phone": self.phone or ""}
        return said

    def _person_values(self, person):
        """What a new customer has said, to be stored.

        :param dict person: what was sent, by the names of :data:`PERSON`: anything
        :raises UserError: it can't be right; with a text for the customer
        """
        return self._said_values(person) if self._asks_who() else {}

    @api.model
    def _said_values(self, person, email_needed=False):
        """Likewise, of whoever it is.

        :param bool email_needed: whether a phone number is not enough
        """
        said = {name: typed(person.get(name), LONGEST.get(name, 200)) for name in PERSON}
        if not said["given_name"]:
            raise UserError(self.env._("Please enter your name."))
        if email_needed and not said["given_email"]:
            raise UserError(self.env._("Please enter your e-mail address."))
        if not said["given_email"] and not said["given_phone"]:
            raise UserError(self.env._("Please enter your e-mail address or your phone number."))
        said["given_email"] = self._said_email(said["given_email"]) if said["given_email"] else ""
        if said["given_phone"]:
            self._check_phone(said["given_phone"])
        return {name: value or False for name, value in said.items()}

    @api.model
    def _said_email(self, text):
        """The one address in ``text``, normalized."""
        try:
            [email] = split_emails(text)
        except (BadAddress, ValueError):
            raise UserError(
                self.env._("“%(value)s” is not an e-mail address: please correct it.", value=text)
            ) from None
        return email

    @api.model
    def _check_phone(self, text):
        try:
            parsed = parse_phone(text, self.env.company.country_id.code)
        except phonenumbers.NumberParseException:
            parsed = None
        if not parsed or not phonenumbers.is_possible_number(parsed):
            raise UserError(self.env._("“%(value)s” is not a phone number: please correct it.", value=text))

    # === ACTIONS === #

    def action_copy_open_address(self):
        """Return the address of the page for anyone to the client, which copies it: the first one that there is."""
        self.check_access("read")
        template = self.env.company._paylink_open_template()
        if not template:
            raise UserError(
                self.env._("There is no page for anyone: a payment manager makes one (Card Request Templates).")
            )
        return template.action_copy_address()

    # === PROOF OF AN ADDRESS === #

    def _needs_code(self):
        """Whether who came by an open page has to prove the address again: each proof is good for one card. Who goes
        back without having tried one has the proof still.
        """
        if self.kind != "generic":
            return False
        return bool(self.transaction_ids.filtered(lambda tx: tx.id > self.proved_after)._paylink_card_used())

    def _note_proof(self):
        """The customer has proved the address again: another card may be tried."""
        last = max(self.transaction_ids.ids, default=0)
        self.write({"verified_at": fields.Datetime.now(), "proved_after": last})

    # === ERASING === #

    @api.model
    def _erase_old(self):
        """Erase whom requests were sent to that came to nothing a long time ago."""
        days = whole_number(self.env, ERASE_AFTER_PARAMETER, DEFAULT_ERASE_AFTER)
        if not days:
            return True
        limit = fields.Datetime.subtract(fields.Datetime.now(), days=days)
        removed = Domain("is_new", "=", True) & Domain("token_id.active", "=", False)
        ended = Domain("expires_at", "=", False) | Domain("expires_at", "<", limit)
        forgotten = Domain("is_new", "=", True) & Domain("state", "in", WAITING) & ended
        over = (
            (Domain("state", "=", "expired") & Domain("expires_at", "<", limit))
            | (forgotten & Domain("write_date", "<", limit))
            | (Domain("state", "=", "cancelled") & Domain("cancelled_at", "<", limit))
            | (Domain("state", "=", "stored") & removed & Domain("token_id.write_date", "<", limit))
        )
        requests = self.search(over & Domain("erased_at", "=", False))
        return self.env["paylink.job.mixin"]._each(requests, lambda some: some._erase(), size=BATCH)

    def _erase(self):
        """Forget the names, the addresses and where it was agreed from; the requests stay, with a note. Those that
        would still wait for whom they forget are over.
        """
        requests = self.sudo()
        requests.filtered(lambda request: request.state in WAITING).action_cancel()
        requests.write(dict.fromkeys((*PERSON, *ERASED), False) | {"erased_at": fields.Datetime.now()})
        domain = [("model", "=", self._name), ("res_id", "in", self.ids), ("message_type", "in", PERSONAL_MESSAGES)]
        messages = self.env["mail.message"].sudo().search(domain)
        self.env["sms.sms"].sudo().search([("mail_message_id", "in", messages.ids)]).unlink()
        messages.unlink()
        requests.transaction_ids._paylink_stripe_forget()
        removed = [("paylink_card_request_id", "in", requests.filtered("is_new").ids), ("active", "=", False)]
        self.env["payment.token"].sudo().search(removed).paylink_consent_ip = False
        self._log_events("erased")
