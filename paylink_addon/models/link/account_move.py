import base64
from collections import defaultdict

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, LazyTranslate, format_date
from odoo.tools.image import image_data_uri

from ...const import LIVE_STATES, VOID_STATES
from ...tools import qr
from .account_move_line import IN_PAYMENT_STATES, ITEM_FIELDS

_lt = LazyTranslate(__name__)


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["account.move", "paylink.status.mixin", "paylink.pdf.mixin"]

    paylink_amount_refunded = fields.Monetary(
        string="Refunded by link",
        compute="_compute_paylink_amount_refunded",
        groups="paylink_addon.group_paylink_user",
    )
    paylink_can_send = fields.Boolean(compute="_compute_paylink_can_send")
    # Made by us alone, and what customers get: nobody else reads or changes it.
    paylink_document_pdf = fields.Binary(
        string="PDF for Customers", attachment=True, copy=False, readonly=True, groups="base.group_system"
    )

    # === COMPUTE METHODS === #

    def _paylink_pairs_sql(self):
        """In sudo mode: everyone who sees an invoice may know whether it was asked for."""
        self.env["paylink.link.line"].flush_model(["move_id", "link_id"])
        pairs = SQL("line.move_id AS record_id, line.link_id")
        if not self:  # the database plans better without DISTINCT
            return SQL("SELECT %s, line.id FROM paylink_link_line line", pairs)
        return SQL("SELECT DISTINCT %s FROM paylink_link_line line WHERE line.move_id IN %s", pairs, tuple(self.ids))

    def _compute_paylink_amount_refunded(self):
        domain = [("move_id", "in", self.ids), ("link_id.amount_refunded", ">", 0)]
        pairs = self.env["paylink.link.line"].sudo()._read_group(domain, ["move_id"], ["link_id:recordset"])
        refunded = {move.id: sum(links.mapped("amount_refunded")) for move, links in pairs}
        for move in self:
            move.paylink_amount_refunded = refunded.get(move._origin.id, 0.0)

    @api.depends("state", "move_type", "amount_residual", "payment_state")
    def _compute_paylink_can_send(self):
        for move in self:
            move.paylink_can_send = (
                move.state == "posted"
                and move.move_type in ("out_invoice", "out_receipt")
                and (move.payment_state in ("not_paid", "partial") or move._paylink_is_paid_in_part())
            )

    def _paylink_is_paid_in_part(self):
        """Whether a payment without an entry, which Odoo calls *in payment*, leaves something to be asked for."""
        self.ensure_one()
        if self.payment_state not in IN_PAYMENT_STATES or self.currency_id.is_zero(self.amount_residual):
            return False
        items = self._origin._paylink_open_items()
        return bool(items - items._paylink_in_flight())

    # === SEARCH METHODS === #

    def _search_reconciled_payment_ids(self, operator, value):
        """See ``account.payment._search_reconciled_invoice_ids``."""
        if self.env.context.get("paylink_knows_reconciled"):
            return Domain.FALSE
        return super()._search_reconciled_payment_ids(operator, value)

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Taxes that are due on payment: see :meth:`_get_accounting_date`, which Odoo does not ask for their day."""
        if booked_on := self.env.context.get("paylink_booked_on"):
            vals_list = [self._paylink_dated(vals, booked_on) for vals in vals_list]
        return super().create(vals_list)

    # === ACTIONS === #

    def action_paylink_view_links(self):
        """Show all links of the invoice."""
        self.ensure_one()
        self.check_access("read")
        links = self.env["paylink.link"].search([("line_ids.move_id", "in", self.ids)])
        return links._get_records_action(name=self.env._("Collection Links"))

    # === BUSINESS METHODS === #

    def _get_accounting_date(self, invoice_date, has_tax, lock_dates=None):
        """What follows from money that has moved (VAT on payments, exchange differences, what is undone) is of its day,
        or of the first open one after it: Odoo takes today, or the end of a month.

        Context ``paylink_booked_on``: that day; ``date.min``: that which the entry has already.
        """
        booked_on = self.env.context.get("paylink_booked_on")
        if not booked_on or self.is_invoice(include_receipts=True):
            return super()._get_accounting_date(invoice_date, has_tax, lock_dates=lock_dates)
        return self.company_id._paylink_open_day(max(invoice_date, booked_on), self.journal_id, has_tax)

    @api.model
    def _paylink_dated(self, vals, booked_on):
        """The values of an entry of taxes that are due on payment, with its day; those of others as they are.

        What is reconciled anew, after a part of it was undone, is of the day on which it was undone: the day of the
        payment has declared it.
        """
        if not vals.get("tax_cash_basis_rec_id"):
            return vals
        partial = self.env["account.partial.reconcile"].browse(vals["tax_cash_basis_rec_id"])
        journal = self.env["account.journal"].browse(vals["journal_id"])
        day = partial.company_id._paylink_open_day(max(partial.max_date, booked_on), journal, has_tax=True)
        return vals | {"date": day}

    def _paylink_taxes_locked_text(self, moved_on):
        """That the taxes which are due because of this entry are booked later than the money moved, and why."""
        taxed_on = self.company_id._paylink_open_day(moved_on, has_tax=True) if self else moved_on
        if taxed_on <= moved_on or not self._paylink_cash_basis_entries():
            return ""
        env = self.company_id._paylink_env()
        return env._(
            "The money moved on %(moved)s. That tax period is locked: its taxes are booked on %(booked)s.",
            moved=format_date(env, moved_on),
            booked=format_date(env, taxed_on),
        )

    def _paylink_cash_basis_entries(self):
        """The entries of taxes that are due because of this one."""
        lines = self.line_ids
        partials = lines.matched_debit_ids | lines.matched_credit_ids
        return self.env["account.move"].sudo().search([("tax_cash_basis_rec_id", "in", partials.ids)])

    def _paylink_open_items(self):
        """The open receivable items of these moves, in sudo mode (only after access to the moves is checked)."""
        return (
            self.env["account.move.line"]
            .sudo()
            .search_fetch(
                [
                    ("move_id", "in", self.ids),
                    ("account_type", "=", "asset_receivable"),
                    ("parent_state", "=", "posted"),
                    ("reconciled", "=", False),
                ],
                ITEM_FIELDS,
                order="date_maturity, id",
            )
        )

    @api.model
    def _get_invoice_counterpart_amls_for_early_payment_discount(self, aml_values_list, open_balance):
        """The texts of discounts are in the language of the books, not of who registers the payment, or whose page."""
        company = self.env["account.move.line"].union(*(values["aml"] for values in aml_values_list)).company_id[:1]
        in_books = company._paylink_in_its_language
        return super(AccountMove, in_books(self))._get_invoice_counterpart_amls_for_early_payment_discount(
            [{**values, "aml": in_books(values["aml"])} for values in aml_values_list], open_balance
        )

    # === CHANGED DOCUMENTS === #
    # What becomes of collection links when their documents are changed.
    #
    # Only what has been posted before can have links: making and posting new documents costs nothing.

    def _post(self, soft=True):
        """Links follow what is posted again: its receivable items may be others now."""
        known = self.filtered("posted_before")
        links = known._paylink_locked_links()
        posted = super()._post(soft)
        if links:
            links._follow_documents(posted & known)
        return posted

    def _reconcile_reversed_moves(self, reverse_moves, move_reverse_cancel):
        """A credit note takes first what was given back of its document's payments: that has waited for it.

        Not one that cancels its document: what it settles is that.
        """
        if not move_reverse_cancel:
            notes = reverse_moves.filtered(lambda move: move.move_type == "out_refund").sudo()
            notes.reversed_entry_id._paylink_given_back()._paylink_letter_refunds()
        return super()._reconcile_reversed_moves(reverse_moves, move_reverse_cancel)

    def _paylink_given_back(self):
        """The payments by which money for these documents was given back, oldest first, in sudo mode."""
        moves, Payment = self.sudo(), self.env["account.payment"].sudo()
        given_back = Domain("source_payment_id", "!=", False) & Domain("payment_type", "=", "outbound")
        given_back &= Domain("state", "not in", VOID_STATES)
        # Most books have none: one look by an index says so.
        if not self or not Payment.search_count(given_back, limit=1):
            return Payment
        lines = self.env["paylink.link.line"].sudo().search([("move_id", "in", self.ids)])
        transactions = lines.link_id.transaction_ids | moves.transaction_ids
        transactions |= transactions.child_transaction_ids
        settling = moves.line_ids.matched_credit_ids.credit_move_id
        received = transactions.payment_id | settling.payment_id
        return Payment.search(given_back & Domain("source_payment_id", "in", received.ids), order="date, id")

    def button_draft(self):
        """Nobody pays what is being changed: attempts that wait for the customer are closed, or left to the job."""
        links = self.filtered("posted_before")._paylink_locked_links()
        result = super().button_draft()
        links.transaction_ids._paylink_closable()._paylink_close_if_free(_lt("A document is being changed."))
        # Those in the customer portal, too; of what is on its way people are told.
        self.filtered("posted_before").line_ids._paylink_settled()
        return result

    def button_cancel(self):
        """Links leave out what is canceled, as long as they ask for something else."""
        links = self.filtered("posted_before")._paylink_locked_links()
        asked = {link: link._asked() for link in links if link.state in ("draft", *LIVE_STATES)}
        result = super().button_cancel()
        links._leave_out_canceled(asked)
        return result

    def unlink(self):
        """The owners of links that asked for these documents get a task."""
        links = self.filtered("posted_before")._paylink_locked_links()
        lost = {link: link.line_ids.filtered(lambda line: line.move_id in self).mapped("name") for link in links}
        result = super().unlink()
        for link, names in lost.items():
            link._report_lost(names)
        return result

    def _paylink_locked_links(self):
        """The links, not paid yet, that ask for these documents; locked before the documents, as payers do."""
        if not self:
            return self.env["paylink.link"].sudo()
        lines = self.env["paylink.link.line"].sudo().search([("move_id", "in", self.ids)])
        links = lines.link_id.filtered(lambda link: not link.paid_at)
        if links:
            links._wait_and_hold()
        return links

    def _paylink_items_by_debtor(self):
        """The ids of the open receivable items of these moves, by document and debtor."""
        found = defaultdict(set)
        for item in self._paylink_open_items():
            found[item._paylink_debtor()].add(item.id)
        return found

    # === THE E-MAIL === #

    def _notify_by_email_render_layout(self, message, recipients_group, msg_vals=False, render_values=None):
        """Put the button of the collection link into the e-mail: see ``account.move.send._get_mail_params``.

        Colleagues who follow the invoice get the text without it, unless they were chosen as recipients.
        """
        html = super()._notify_by_email_render_layout(
            message, recipients_group, msg_vals=msg_vals, render_values=render_values
        )
        place, button = self.env.context.get("paylink_button") or (None, None)
        chosen = (msg_vals or {}).get("partner_ids") or message.partner_ids.ids
        colleagues = recipients_group["notification_group_name"] == "user"
        if not button or (colleagues and set(recipients_group["recipients_ids"]) - set(chosen)):
            return html
        return html.replace(place, button) if place in html else html + button

    # === THE PDF === #
    # The collection link on the invoice's PDF.

    def _paylink_link_values(self):
        """The values of a link made for this invoice alone."""
        self.ensure_one()
        return {
            "partner_id": self.partner_id.id,
            "reference": self.payment_reference or self.name,
            "send_email": True,
            "send_sms": False,
        }

    def _paylink_on_pdf(self):
        """The link that the PDF shows, in sudo mode: only one that is there. It is made when the invoice is sent.

        Where links are being sent, with this PDF, it is one of them (``paylink_sent_ids`` in the context) or none.
        """
        self.ensure_one()
        link = self.env["paylink.link"].sudo()
        if not self.company_id.sudo().paylink_on_invoice_pdf or self.state != "posted":
            return link
        sent = self.env.context.get("paylink_sent_ids")
        found = link._links_of_invoices(self, among=link.browse(sent) if sent else None)
        return found.get(self.sudo(), link)

    def _paylink_pdf_lacks_link(self):
        """Whether the PDF to be sent is to show an address that is not there yet, or will expire: ours, or Odoo's."""
        self.ensure_one()
        if self.display_link_qr_code and not self.access_token:
            return True
        if not self.company_id.sudo().paylink_on_invoice_pdf:
            return False
        link = self._paylink_on_pdf()
        return bool(link.expires_at if link else self.env["paylink.link"]._askable_items(self))

    def _paylink_qr_code(self, url):
        """A QR code as the source of an image."""
        return image_data_uri(base64.b64encode(qr.png(url)))
