import base64

from odoo import fields, models
from odoo.tools import format_amount, format_date, formatLang

from ..const import LIVE_STATES


class PaylinkLinkPage(models.Model):
    """What the customer's page shows and may do. Callers have checked the token; everything is in sudo mode."""

    _inherit = "paylink.link"

    # === WHICH PAGE === #

    def _is_expired(self):
        """Whether the time is over, also before the job that says so has run."""
        return bool(self.expires_at and self.expires_at <= fields.Datetime.now())

    def _page_view(self, payable=None):
        """Which page the customer gets: ``pay``, ``progress``, ``paid`` or ``closed``.

        :param float payable: :meth:`_payable_amount`, where the caller has it already
        """
        self.ensure_one()
        if self.state == "paid" and self.amount_paid:
            return "paid"
        if self.state == "pending":
            return "progress"
        if self.state not in LIVE_STATES or self._is_expired():
            return "closed"
        payable = self._payable_amount() if payable is None else payable
        return "pay" if payable > 0 else "closed"

    def _closed_reason(self):
        """Why a link can't be paid: ``cancelled``, ``expired``, ``settled``, ``changing`` or ``in_progress``."""
        if self.state == "cancelled":
            return "cancelled"
        if not self._documents_stand():
            return "changing"
        if self.settled_elsewhere or not self._due_amounts()[self.id]:
            return "settled"
        if self.state == "expired" or self._is_expired():
            return "expired"
        return "in_progress"

    # === VALUES === #

    def _timezone(self):
        return self.partner_id.tz or self.company_id.paylink_tz

    def _prefetch_page(self):
        """Read only what the page shows: whole rows of customers, companies and items take longer than all the rest."""
        self.partner_id.fetch(["name", "lang", "tz", "country_id"])
        self.company_id.fetch(
            [
                "name",
                "phone",
                "email",
                "currency_id",
                "paylink_tz",
                "uses_default_logo",
            ]
        )
        self.line_ids.fetch(["name", "date", "date_due", "amount", "move_line_id", "is_invoice", "link_id"])
        self.line_ids.move_line_id.fetch(
            [
                "parent_state",
                "reconciled",
                "amount_residual_currency",
                "currency_id",
                "display_type",
                "discount_date",
                "discount_amount_currency",
                "move_id",
            ]
        )

    def _page_values(self):
        """What all pages of the link show, ready to print, in the language of the context."""
        self.ensure_one()
        received = self.transaction_ids._paylink_received()
        last = received.sorted("id")[-1:]
        due = self._due_amounts()[self.id]
        return {
            "link": self,
            "company": self.company_id,
            "base": f"/pay/{self.access_token}",
            "due": self._amount_text(due),
            "paid": self._amount_text(self.amount_paid),
            "refunded": self._amount_text(self.amount_refunded) if self.amount_refunded else False,
            "expires": self._expiry_text(self.env),
            "documents": self._page_documents(),
            "transfer": self._transfer_values(),
            "failure": self.state == "failed" and self._last_failure(),
            "paid_on": format_date(self.env, fields.Datetime.context_timestamp(self, last.last_state_change))
            if last
            else False,
            "method": ", ".join(
                dict.fromkeys(tx.paylink_method_display or tx.payment_method_id.name for tx in received)
            ),
            "payment_reference": ", ".join(received.mapped("reference")),
        }

    def _amount_text(self, amount):
        return format_amount(self.env, amount, self.currency_id)

    def _last_failure(self):
        """What the provider said about the last attempt, or that there was one."""
        attempt = self.transaction_ids._paylink_attempts().sorted("id")[-1:]
        return attempt.state_message if attempt.state in ("error", "draft") else ""

    def _page_documents(self):
        """The items as the customer knows them."""
        today = fields.Date.context_today(self)
        open_now = self.line_ids.move_line_id._paylink_due()
        return [
            {
                "name": line.name,
                "date": format_date(self.env, line.date),
                "due": format_date(self.env, line.date_due),
                "overdue": bool(line.date_due and line.date_due < today and open_now[line.move_line_id.id] > 0),
                "amount": self._amount_text(open_now[line.move_line_id.id] or line.amount),
                "settled": not open_now[line.move_line_id.id],
                "url": f"/pay/{self.access_token}/document/{line.id}" if line.is_invoice else False,
            }
            for line in self.line_ids
        ]

    # === THE PAYMENT FORM === #

    def _payment_form_values(self, payable, amount=None):
        """The context of Odoo's ``payment.form`` for this link.

        :param float payable: what may be paid now, in major units
        :param amount: what the customer chose to pay, as text, where a part is allowed
        """
        chosen = self._chosen_amount(amount, payable)
        provider_ids, method_ids = self.env["payment.provider"]._paylink_option_ids(
            self.company_id.id, self.partner_id.country_id.id, self.currency_id.id, chosen, self.partner_id
        )
        providers = self.env["payment.provider"].browse(provider_ids)
        methods = self.env["payment.method"].browse(method_ids)
        tokens = self.env["payment.token"]._get_available_tokens(providers.ids, self.partner_id.id)
        return {
            "amount": chosen,
            "amount_text": self._amount_text(chosen),
            "amount_input": formatLang(self.env, chosen, digits=self.currency_id.decimal_places, grouping=False),
            "payable": payable,
            "payable_text": self._amount_text(payable),
            "currency": self.currency_id,
            "partner_id": self.partner_id.id,
            "providers_sudo": providers,
            "payment_methods_sudo": methods,
            "tokens_sudo": tokens,
            "reference_prefix": self.name,
            "transaction_route": f"/pay/{self.access_token}/transaction",
            "landing_route": "/payment/status",
            "access_token": None,
            "availability_report": {},
            "company_mismatch": False,
        }

    def _chosen_amount(self, amount, payable):
        """The part the customer typed, if it is one, else all that is payable."""
        if not self.allow_partial or not amount:
            return payable
        text = "".join(str(amount).split())
        if "," in text and "." in text:  # one of the two groups the thousands: the first
            text = text.replace(min(",.", key=text.rindex), "")
        try:
            chosen = self.currency_id.round(float(text.replace(",", ".")))
        except (ValueError, OverflowError):
            return payable
        return chosen if 0 < chosen <= payable else payable

    def _payment_options(self, amount):
        """The providers, methods and saved methods with which this amount can be paid."""
        partner = self.partner_id
        providers, methods = self.env["payment.provider"]._paylink_options(
            self.company_id.id, self.currency_id.id, amount, partner
        )
        return providers, methods, self.env["payment.token"]._get_available_tokens(providers.ids, partner.id)

    # === TRANSFER === #

    def _transfer_values(self):
        """How to pay by bank transfer, or ``False`` where the link names no account."""
        bank = self.bank_account_id
        if not bank:
            return False
        bank.fetch(["acc_number", "sanitized_acc_number", "acc_holder_name", "bank_id", "partner_id"])
        return {
            "beneficiary": bank.acc_holder_name or bank.partner_id.name,
            "account": bank.acc_number,
            "is_iban": bank.acc_type == "iban",
            "bic": bank.bank_bic,
            "reference": self.name,
            "has_qr": bank.acc_type == "iban" and self.currency_id.name == "EUR",
        }

    def _transfer_qr(self):
        """The EPC QR code (PNG, bytes) of a transfer of what is payable, or ``None``."""
        amount = self._payable_amount()
        if not self.bank_account_id or amount <= 0:
            return None
        code = self.bank_account_id.build_qr_code_base64(
            amount, self.name, "", self.currency_id, self.partner_id, qr_method="sct_qr", silent_errors=True
        )
        return base64.b64decode(code.split(",", 1)[1]) if code else None

    # === DOCUMENTS === #

    def _document_pdf(self, line_id):
        """The PDF of the invoice of one line of this link, as ``{filename, content_type, content}``, or ``None``."""
        move = self.line_ids.filtered(lambda line: line.id == line_id and line.is_invoice).move_id
        if not move:
            return None
        stored = move.invoice_pdf_report_id
        if stored:
            return {"filename": stored.name, "content_type": "application/pdf", "content": stored.raw}
        name = f"{move._get_report_base_filename() or move.name}"
        return self._render_report("account.account_invoices", move, name)

    def _receipt_pdf(self):
        """The receipt, as ``{filename, content_type, content}``."""
        name = self.env._("Receipt %(name)s", name=self.name)
        return self._render_report("paylink_addon.report_receipt", self, name)

    def _render_report(self, report, records, name):
        """A report as PDF, or as HTML where wkhtmltopdf is missing."""
        Report = self.env["ir.actions.report"].sudo()
        name = name.replace("/", "-")
        if Report.get_wkhtmltopdf_state() == "install":
            content = Report._render_qweb_html(report, records.ids)[0]
            return {"filename": f"{name}.html", "content_type": "text/html; charset=utf-8", "content": content}
        content = Report._render_qweb_pdf(report, records.ids)[0]
        is_pdf = content[:4] == b"%PDF"
        return {
            "filename": f"{name}.pdf" if is_pdf else f"{name}.html",
            "content_type": "application/pdf" if is_pdf else "text/html; charset=utf-8",
            "content": content,
        }
