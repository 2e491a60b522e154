"""Stage of ``paylink.link``: how a link is paid: the customer's page and its attempts."""

from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, LazyTranslate, format_date, ormcache

from ...const import DEFAULT_MAX_ATTEMPTS, LIVE_STATES, MAX_ATTEMPTS_PARAMETER
from ...tools import days
from ...tools.collected import Collected
from ...tools.pages import FEW, page_of
from ...tools.parameters import whole_number
from ...tools.texts import one_line, said
from .paylink_link_amounts import NOTHING

_lt = LazyTranslate(__name__)


class PageMoney(NamedTuple):
    """What is ``due``, what of it is ``payable`` now (major units), and whether the payer has saved methods.

    ``options`` is the version of what can be paid with (see ``payment.provider._paylink_version_sql``).
    """

    due: float
    payable: float
    has_tokens: bool
    options: str


class PaylinkLinkPay(models.Model):
    """What the customer's page shows and may do. Callers have checked the token; everything is in sudo mode."""

    _inherit = "paylink.link"

    # === WHICH PAGE === #

    def _page_view(self, payable=None):
        """Which page the customer gets: ``pay``, ``progress``, ``paid``, ``refunded`` or ``closed``.

        :param float payable: :meth:`_payable_amount`, where the caller has it already
        """
        self.ensure_one()
        if self.status == "refunded":
            return "refunded"
        if self.state == "paid" and self.amount_paid and self.status != "settled":
            return "paid"
        if self._running():
            return "progress"
        if self.state not in LIVE_STATES or self._is_expired():
            return "closed"
        payable = self._payable_amount() if payable is None else payable
        return "pay" if payable > 0 else "closed"

    def _page_status(self):
        """The status as the customer may know it: what a bank has not decided yet is for the bank to tell."""
        self.ensure_one()
        return "paid" if self.status == "chargeback" else self.status

    def _closed_reason(self):
        """Why a link can't be paid: ``cancelled``, ``expired``, ``replaced``, ``settled``, ``changing``,
        ``in_progress``, or a reason that only its kind knows.
        """
        return self._of_kind("closed_reason")

    def _closed_reason_general(self):
        if self.state == "cancelled" or (self.line_ids and not self.line_ids._not_canceled()):
            return self._ended_reason("cancelled")
        if not self._documents_stand():
            return "changing"
        if self.settled_elsewhere or not self._due_amounts()[self.id]:
            return "settled"
        if self.state == "expired" or self._is_expired():
            return self._ended_reason("expired")
        return "in_progress"

    def _ended_reason(self, reason):
        """``reason``, unless the customer has been sent another link for the same, or has paid it."""
        if self._sent_instead():
            return "replaced"
        nothing_due = self._documents_stand() and not self._due_amounts()[self.id]
        return "settled" if nothing_due or "paid" in self._successors().mapped("state") else reason

    # === VALUES === #

    def _for_page(self):
        """These as a page has them, which changes nothing: what is registered of their items is looked up once."""
        return self.with_context(paylink_registered=Collected())

    def _payer(self, user):
        """Whose saved methods ``user`` may pay with: none but the user's own, as a contact of the customer.

        The address of a link is passed on, within a company and beyond: it is no proof that a card is the reader's.

        :param user: who is logged in, or the public user
        :return: a ``res.partner`` in sudo mode, or none
        """
        self.ensure_one()
        if user._is_public():
            return self.env["res.partner"]
        partner = user.sudo().partner_id
        is_customer = partner.commercial_partner_id == self.partner_id.commercial_partner_id
        return partner if is_customer else partner.browse()

    def _may_save(self, payer):
        """Whether ``payer`` (see :meth:`_payer`) may save a method: it becomes the customer's own, to be charged again.

        That of a colleague, or of whoever else holds the address, must not.
        """
        self.ensure_one()
        return bool(payer) and payer == self.partner_id

    def _page_money(self, payer=None):
        """What this page needs to know of money: one query, unless something may be on its way.

        :param payer: see :meth:`_payer`
        :rtype: PageMoney
        """
        self.ensure_one()
        query = SQL(
            """
            SELECT ARRAY(SELECT id FROM payment_transaction WHERE paylink_id = %(link)s ORDER BY id DESC),
                   EXISTS(SELECT FROM payment_token WHERE partner_id = %(payer)s AND active),
                   %(options)s,
                   %(may_come)s
            """,
            link=self.id,
            payer=payer.id if payer else None,
            options=self.env["payment.provider"]._paylink_version_sql(),
            may_come=self._of_kind("may_come_sql"),
        )
        self.env.flush_all()
        own, has_tokens, options, may_come = self.env.execute_query(query)[0]
        self._fields["transaction_ids"]._insert_cache(self, [tuple(own)])  # saves a query (bench/page.py)
        due = self._due_amounts()[self.id]
        return PageMoney(due, self._payable_of(due, self._coming() if may_come else NOTHING), has_tokens, options)

    def _page_values(self):
        """What all pages of the link show, ready to print, in the language of the context."""
        return self._page_texts(self._due_amounts()[self.id])

    def _page_texts(self, due):
        self.ensure_one()
        paid, lines = self._paid_amount(), self.line_ids._standing()
        return {
            "link": self,
            "company": self.company_id,
            "base": f"/pay/{self.access_token}",
            "due": self._amount_text(self._proposal(due)[0]),
            "paid": self._amount_text(paid) if paid else False,
            "payments": self._page_payments(),
            "refunded": self._amount_text(self.amount_refunded) if self.amount_refunded else False,
            "refunds": self._page_refunds() if self.amount_refunded else [],
            "lost": self._amount_text(self.amount_taken_back) if self.status == "lost" else False,
            "expires": self._expiry_text(self.env),
            "documents": self._page_documents(lines[:FEW]),
            "documents_left": max(len(lines) - FEW, 0),
            "subject": self._of_kind("page_subject"),
            "purpose": self._purpose_text(),
            "transfer": self._transfer_values(),
            "wire": self._wire_values(),
            "receipt_by": self._receipt_promise(),
            "failure": self.state == "failed" and self._last_failure(),
            **self._of_kind("page_extras"),
        }

    def _page_payments(self, received=None):
        """The payments that have come by the link, the last one first: each is what it is, nothing is summed.

        :param received: which of them; by default all
        """
        received = (received or self.transaction_ids._paylink_received()).sorted("id", reverse=True)
        documents = self._of_kind("paid_documents") if received else None
        return [
            {
                "id": tx.id,
                "amount": self._amount_text(tx.amount),
                "date": format_date(self.env, tx._paylink_moved_on()),
                "method": tx.paylink_method_display or tx.payment_method_id.name,
                "reference": tx.reference,
                "is_kept": tx._paylink_kept_amount(documents) > 0,
            }
            for tx in received
        ]

    def _is_settling(self):
        """Whether the customer has nothing to do: it is paid, as far as we may say, or being paid."""
        return self.state == "paid" or bool(self._running())

    def _page_refunds(self):
        """What was given back, the last one first: to where it was paid from."""
        refunds = self.transaction_ids._paylink_refunds().sorted("id", reverse=True)
        return [
            {
                "amount": self._amount_text(-tx.amount),
                "date": format_date(self.env, tx._paylink_moved_on()),
                "method": tx.source_transaction_id.paylink_method_display or tx.payment_method_id.name,
                "reference": tx.reference,
            }
            for tx in refunds
        ]

    def _page_subject_general(self):
        return self.reference

    def _page_extras_general(self):
        return {}

    def _last_failure(self):
        """What the provider said about the last attempt, or that there was one."""
        attempt = self.transaction_ids._paylink_attempts().sorted("id")[-1:]
        if attempt.paylink_abandoned and not attempt.paylink_decline_count:
            return self.env._("You left the payment page before paying.")
        return said(attempt._paylink_last_reason(), self.env) if attempt.state in ("error", "draft") else ""

    def _page_documents(self, lines):
        """The items of these lines as the customer knows them."""
        items, day = lines.move_line_id, self._discount_day()
        open_now, discounted = lines._due(day), set(items._paylink_discounted(day).ids)
        registered = items._paylink_registered()
        return [
            self._page_document(line, open_now[line.id], line.move_line_id.id in discounted, self._today())
            | line.move_line_id._paylink_registered_texts(registered.get(line.move_line_id.id))
            for line in lines
        ]

    def _all_documents_values(self, number):
        """What the page of all documents shows: as many as fit on one page.

        :param int number: which page: any number
        """
        page, lines = page_of(self.line_ids._standing(), number)
        return {
            "link": self,
            "company": self.company_id,
            "base": f"{self._page_path}/{self.access_token}",
            "receipt_by": self._receipt_promise(),
            "documents": self._page_documents(lines),
            "page": page,
        }

    def _page_document(self, line, due, is_discounted, today):
        """One item as the customer knows it.

        :param due: what is open of it
        """
        item, amount = line.move_line_id, due or line.amount
        return {
            "name": line._customer_name(self.env),
            "date": format_date(self.env, line.date),
            "due": format_date(self.env, line.date_due) if amount > 0 else False,
            "overdue": bool(line.date_due and line.date_due < today and due > 0) and not self._is_settling(),
            "credit": amount < 0,
            "discount": item._paylink_discount_text(self.env) if is_discounted and due else False,
            "amount": self._amount_text(amount),
            "settled": not due and (self.state == "paid" or item.parent_state == "posted"),
            "url": f"/pay/{self.access_token}/document/{line.id}" if line._has_pdf() else False,
        }

    # === THE PAYMENT FORM === #

    def _payment_form_values(self, money, chosen, payer=None, option=None):
        """What the page shows of how much is paid, and with what.

        :param PageMoney money: what may be paid now
        :param chosen: how much of it the customer pays: see :meth:`_chosen`
        :param payer: see :meth:`_payer`
        :param option: what the customer has chosen to pay with: anything; else it is the first that there is
        """
        provider_ids, method_ids = self._option_ids(money, chosen.amount)
        problem = not provider_ids and self._online_problem(chosen.amount, money.options)
        if problem and self.allow_partial:  # another amount may be possible
            chosen = chosen._replace(problem=problem)
            provider_ids, method_ids = self._option_ids(money, 0.0)
        providers = self.env["payment.provider"].browse(provider_ids)
        tokens = self._saved_methods(providers, payer if money.has_tokens else None)
        options = [
            *providers._paylink_offered_tokens(tokens),
            *providers._paylink_known_offers(money.options, provider_ids, method_ids, self._may_save(payer)),
        ]
        pattern = self._currency_pattern()
        return {
            **self._choice_values(chosen, money.payable),
            "stamp": self._pay_stamp(money.payable, money.options),
            "currency_sign": " ".join(pattern.format("").split()),
            "currency_pattern": pattern,
            "online_problem": problem,
            "options": sorted(options, key=lambda one: one.value != option),  # what was chosen stands first
        }

    def _fields_values(self, money, chosen, payer, option):
        """The values of the page with Odoo's ``payment.form`` for a method that shows fields there; ``None`` if it does
        not, or is not offered. For the arguments see :meth:`_payment_form_values`.
        """
        ids, Provider = self._option_ids(money, chosen.amount), self.env["payment.provider"]
        offered = Provider._paylink_known_offers(money.options, *ids, self._may_save(payer))
        found = next((one for one in offered if one.value == option and one.shows_fields), None)
        return found and {
            **self._choice_values(chosen, money.payable),
            **Provider._paylink_fields_values(found, self),
            "stamp": self._pay_stamp(money.payable, money.options),
            "currency": self.currency_id,
            "back": urlencode({"part": chosen.part, "amount": chosen.text}),
        }

    def _option_ids(self, money, amount):
        """The ids of the providers and the methods with which ``amount`` can be paid; 0: any amount."""
        return self.env["payment.provider"]._paylink_option_ids(
            money.options, self.company_id.id, self.currency_id.id, amount, self.partner_id
        )

    def _currency_pattern(self):
        """How an amount stands beside its sign: the customer types only the amount."""
        return self.currency_id._paylink_pattern(self.env, self.company_id, self.partner_id)

    def _page_stamp(self, view):
        """What the page is now: it changes with the view, with what may be paid, and with what it can be paid with."""
        if view != "pay":
            return view
        return self._pay_stamp(self._payable_amount(), self.env["payment.provider"]._paylink_version())

    @staticmethod
    def _pay_stamp(payable, options):
        return f"pay {payable} {options}"

    def _online_problem(self, amount, version=None):
        """Why this amount can't be paid online: see ``payment.provider._paylink_online_problem``."""
        self.ensure_one()
        Provider = self.env["payment.provider"]
        return Provider._paylink_online_problem(self.company_id, self.currency_id, amount, self.partner_id, version)

    def _payment_options(self, amount, payer=None):
        """The providers, methods and saved methods with which ``payer`` (see :meth:`_payer`) can pay this amount."""
        providers, methods = self.env["payment.provider"]._paylink_options(
            self.company_id.id, self.currency_id.id, amount, self.partner_id
        )
        return providers, methods, self._saved_methods(providers, payer)

    def _saved_methods(self, providers, payer):
        Token = self.env["payment.token"]
        return Token._get_available_tokens(providers.ids, payer.id) if payer else Token

    # === TRANSFER === #

    def _transfer_values(self):
        """How to pay by bank transfer, or ``False`` where there is no account for it."""
        bank = self._transfer_account()
        if not bank:
            return False
        bank.fetch(
            [
                *("acc_number", "sanitized_acc_number", "acc_holder_name", "bank_id", "partner_id", "write_date"),
                "clearing_number",
            ]
        )
        return {
            "beneficiary": bank.acc_holder_name or bank.partner_id.name,
            "account": bank.acc_number,
            "is_iban": bank.acc_type == "iban",
            "bic": bank.bank_bic,
            "clearing": bank.acc_type != "iban" and bank.clearing_number,
            "reference": self._transfer_reference(),
            "has_qr": self._has_transfer_qr(bank.id, bank.write_date, self.currency_id.id),
        }

    @api.model
    @ormcache("bank_id", "changed_on", "currency_id")
    def _has_transfer_qr(self, bank_id, changed_on, currency_id):
        """Whether a SEPA transfer to this account can have a QR code: Odoo reads all countries of SEPA to tell."""
        bank, currency = self.env["res.partner.bank"].browse(bank_id), self.env["res.currency"].browse(currency_id)
        return not bank._get_error_messages_for_qr("sct_qr", self.env["res.partner"], currency)

    def _transfer_qr_text(self):
        """What the QR code says of a transfer of what is asked for at first, or ``None``."""
        amount, _lines = self._proposal(self._payable_amount())
        return self._transfer_text(amount) if amount > 0 else None

    def _wire_values(self):
        """What who has chosen a wire transfer of Odoo's own provider has to know, as that one says it, or ``False``."""
        announced = self.transaction_ids._paylink_announced().sorted("id")[-1:]
        if not announced:
            return False
        return {
            "amount": self._amount_text(announced.amount),
            "message": announced.provider_id.pending_msg,
            "reference": announced.reference,
        }

    def _transfer_account(self):
        """The link's account; where it names one that was archived since, the one the company offers now."""
        bank = self.bank_account_id
        return bank if not bank or bank.active else self.company_id._paylink_bank_account()

    def _transfer_reference(self):
        """Hook: what the customer gives as the reason of a transfer. Here: our number."""
        return self.name

    def _transfer_text(self, amount):
        """What the EPC QR code of a transfer of ``amount`` says, or ``None`` where it can't be one by SEPA."""
        bank = self._transfer_account()
        if not bank:
            return None
        reference = self._transfer_reference()  # as text or, where it is of that kind, as a structured one
        values = bank._build_qr_code_vals(
            amount, reference, reference, self.currency_id, self.partner_id, qr_method="sct_qr", silent_errors=True
        )
        return values and "\n".join(map(one_line, bank._get_qr_vals(**values)))

    # === ATTEMPTS === #
    # What is checked, under lock, before a customer's attempt to pay becomes a transaction.

    def _start_attempt(self, amount, provider_id, method_id, token_id, payer=None):
        """Check under lock that this may be paid this way now; return the values of the transaction to make.

        :param amount: what the page showed, in major units of the link's currency
        :param payer: see :meth:`_payer`
        :raises UserError: with a text for the customer
        """
        self.ensure_one()
        self._wait_and_hold()
        self._check_open()
        self._check_attempts()
        link = self._as_promised(amount)
        payable = link._checked_amount(amount)
        providers, methods, tokens = self._payment_options(payable, payer)
        provider = providers.filtered(lambda p: p.id == provider_id)
        token = tokens.filtered(lambda t: t.id == token_id)
        method = methods.filtered(lambda m: m.id == method_id)
        if not provider or not (token if token_id else method):
            raise UserError(
                link._online_problem(payable)
                or self.env._("This payment method is no longer available: reload the page.")
            )
        # The newest attempt counts: one that was left on another tab must not be paid as well.
        self._open_drafts()._paylink_close(_lt("The customer started again."))
        self._mark_opened()
        return {
            "provider_id": provider.id,
            "payment_method_id": method.id,
            "token_id": token.id,
            "amount": payable,
            "currency_id": self.currency_id.id,
            "partner_id": self.partner_id.id,
            "custom_create_values": {
                "paylink_id": self.id,
                "paylink_day": link._today(),
                **self._of_kind("attempt_documents"),
            },
        }

    def _attempt_documents_general(self):
        invoices = self.line_ids._standing().filtered("is_invoice").move_id
        return {"invoice_ids": [fields.Command.set(invoices.ids)]}

    def _check_open(self):
        if self.state not in LIVE_STATES or self._is_expired() or self.cancel_requested_at:
            raise UserError(self.env._("This link can no longer be paid: reload the page."))

    def _check_attempts(self):
        """Stop who tries card after card."""
        limit = whole_number(self.env, MAX_ATTEMPTS_PARAMETER, DEFAULT_MAX_ATTEMPTS)
        recent = self._attempts_since(fields.Datetime.now() - timedelta(hours=1))
        if len(recent) + sum(recent.mapped("paylink_decline_count")) >= limit:
            raise UserError(
                self.env._("Too many attempts: wait an hour, or pay by transfer.")
                if self._transfer_account()
                else self.env._("Too many attempts: wait an hour, or contact us.")
            )

    def _attempts_since(self, since):
        """Hook: the attempts that count as tries of whoever has this link."""
        tried = (self | self.widened_from_id | self.widened_ids).transaction_ids
        return tried.filtered(lambda tx: tx.create_date >= since and tx.operation != "refund")

    def _checked_amount(self, amount):
        """What is paid: what the page showed, if that is still right."""
        payable = self._payable_amount()
        if payable <= 0:
            raise UserError(self.env._("Nothing is left to pay here, or a payment is in progress: reload the page."))
        shown = self._shown_amount(amount)
        difference = self.currency_id.compare_amounts(shown, payable)
        if self._is_offered(shown, payable) or (self.allow_partial and difference < 0 < shown):
            return shown
        raise UserError(self.env._("The amount has changed: reload the page."))

    def _shown_amount(self, amount):
        try:
            return self.currency_id.round(float(amount))
        except (TypeError, ValueError, OverflowError):
            return 0.0

    def _awaits_customer(self):
        return self._page_view() == "pay"

    def _customer_is_back(self):
        self._book_confirmed()

    def _book_confirmed(self):
        """Book what the provider has confirmed, without waiting for the job; what takes long is left to that."""
        confirmed = self.transaction_ids.filtered(lambda tx: tx.state == "done" and not tx.is_post_processed)
        for tx in confirmed - confirmed._paylink_long():
            tx._paylink_try_to_book()

    def _awaits_provider(self):
        """Whether an attempt of the last quarter of an hour has not been answered by its provider."""
        since = fields.Datetime.now() - timedelta(minutes=15)
        waiting = self.transaction_ids._paylink_closable().filtered(lambda tx: not tx.paylink_abandoned)
        return bool(waiting.filtered(lambda tx: tx.create_date >= since))

    # === DAYS === #
    # What a page has promised on a day, such as a discount, holds for who has seen it then and clicks just after it.

    def _as_promised(self, amount):
        """The link as it is today, or as it was until some minutes ago, if that is when the page showed this amount."""
        days_that_hold = self._promised_days()
        if len(days_that_hold) > 1:
            shown = self._shown_amount(amount)
            for link in map(self._on_day, days_that_hold):
                if link._is_offered(shown, link._payable_amount()):
                    return link
        return self

    def _promised_days(self):
        """The days whose amounts hold now: today, and the day before while it is over for some minutes only."""
        return list(dict.fromkeys([self._today(), self._day(days.now() - days.GRACE)]))

    def _on_day(self, day):
        """The link as it is on one of the days that hold now; ``None``: today."""
        return self.with_context(paylink_day=day)

    def _promised_day(self, text):
        """The day that another page has promised, if it is over and still holds; else ``None``.

        :param text: as it came in a URL or a form: anything
        """
        return next((day for day in self._promised_days()[1:] if str(day) == text), None)

    def _today(self):
        return self.env.context.get("paylink_day") or super()._today()
