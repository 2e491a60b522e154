"""Stage of ``paylink.link``: how confirmed payments get into the books, and what follows from it."""

import logging
from collections import defaultdict
from datetime import date
from functools import partial

from markupsafe import Markup
from odoo import api, models
from odoo.tools import LazyTranslate, format_amount
from psycopg2 import OperationalError

from ...const import Task
from ...tools.addresses import BadAddress, split_emails

_lt = LazyTranslate(__name__)

QUIET = {"tracking_disable": True, "mail_create_nolog": True, "mail_create_nosubscribe": True}
_logger = logging.getLogger(__name__)


class PaylinkLinkBooks(models.Model):
    """How confirmed payments of links get into the books."""

    _inherit = "paylink.link"

    @api.model
    def _book(self, transactions):
        """Create, post and reconcile the payments of confirmed transactions of links, set-wise.

        :param transactions: ``payment.transaction`` in state ``done``, without payments, all of one company, and no two
            of the same items (:meth:`payment.transaction._paylink_rounds`)
        """
        # What is told of payments stands on the link and, in one line, on its documents.
        quiet = transactions.with_context(**QUIET)
        refunds = quiet.filtered(lambda tx: tx.operation == "refund")
        for refund in refunds:
            refund.paylink_id._book_refund(refund)
        received = quiet - refunds
        settled = [tx.paylink_id._of_kind("settle", tx) for tx in received]
        lines = {provider: provider._paylink_payment_method_line() for provider in received.provider_id}
        payments = self._create_payments(
            [
                tx.paylink_id._payment_values(tx, values, lines[tx.provider_id])
                for tx, (values, _items) in zip(received, settled, strict=True)
            ]
        )
        for tx, payment in zip(received, payments, strict=True):
            tx.payment_id = payment
        payments._paylink_reconcile([items for _values, items in settled])
        payments._paylink_say_locked()
        quiet.env.flush_all()  # here nothing is tracked
        transactions.paylink_id._by_kind("after_booking", transactions)

    def _after_booking_general(self, transactions):
        """Nothing but the payments."""

    @api.model
    def _create_payments(self, vals_list):
        """Post payments with their entries, which Odoo makes in one batch where there is nothing to write off."""
        for vals in vals_list:
            if not vals["write_off_line_vals"]:
                del vals["write_off_line_vals"]
        making = {"force_payment_move": True, "paylink_knows_reconciled": True, "paylink_booked_on": date.min, **QUIET}
        books = self.env.company._paylink_in_books(self.env["account.payment"])
        payments = books.with_context(**making).create(vals_list)
        payments.action_post()
        return payments.with_context(paylink_knows_reconciled=False)

    def _payment_values(self, transaction, settled, line):
        """The values of a payment that settles something.

        :param dict settled: what the hook ``settle`` says of it
        :param line: see :meth:`_prepare_payment`
        """
        values = self._prepare_payment(transaction, line) | settled
        if any(affects_taxes(line) for line in values["write_off_line_vals"]):
            values["date"] = transaction._paylink_booked_on(has_tax=True)
        return values

    def _prepare_payment(self, transaction, line=None):
        """The values of the ``account.payment``, as ``account_payment`` makes them for its own transactions.

        :param line: the ``account.payment.method.line`` of the provider, where it is known
        """
        provider = transaction.provider_id
        line = line or provider._paylink_payment_method_line()
        inbound = transaction.amount > 0
        return {
            "amount": abs(transaction.amount),
            "payment_type": "inbound" if inbound else "outbound",
            "currency_id": transaction.currency_id.id,
            "partner_id": transaction.partner_id.commercial_partner_id.id,
            "partner_type": "customer",
            "journal_id": line.journal_id.id,
            "company_id": provider.company_id.id,
            "payment_method_line_id": line.id,
            "payment_token_id": transaction.token_id.id,
            "payment_transaction_id": transaction.id,
            "date": self._booked_on(transaction),
            "memo": " - ".join(filter(None, [self.reference, transaction.reference, transaction.provider_reference])),
            "invoice_ids": transaction.invoice_ids.ids,
            "write_off_line_vals": [],
        }

    def _booked_on(self, transaction):
        """The day of the payment in the books."""
        return transaction._paylink_booked_on()

    # === SETTLING === #

    def _settle_general(self, _transaction):
        """An open credit of the customer."""
        return {}, self.env["account.move.line"]

    def _settle_open_items(self, transaction):
        """Settle the items of the link."""
        return self._settle_items(self.line_ids.move_line_id, transaction)

    def _settle_items(self, items, transaction):
        """Settle items: oldest first, each on its own receivable account. Who has paid what is due now has paid that.

        The early payment discount is granted if the whole was paid on a day on which it held, however late the
        provider confirms.
        """
        items = items.filtered(lambda item: item._paylink_is_collectable())
        items = items._paylink_left() or items
        if not items:
            return {}, items
        paid_on = self._paid_on(transaction)
        items = self._meant_items(items, transaction.amount, paid_on)
        due = items._paylink_due(paid_on)
        discounted = items._paylink_discounted(paid_on)
        if self.currency_id.compare_amounts(sum(due.values()), transaction.amount):
            discounted, due = discounted.browse(), {item.id: item.amount_residual_currency for item in items}
        shares = self._share_out(items, due, transaction.amount)
        for item in discounted:  # the discount is taken from the account of its item
            shares[item.account_id] += item.amount_residual_currency - item.discount_amount_currency
        main, *others = sorted(shares, key=lambda account: -shares[account])
        write_offs = self._discount_values(discounted, transaction)
        write_offs += [self._share_values(other, shares[other], transaction) for other in others if shares[other]]
        return {"destination_account_id": main.id, "write_off_line_vals": write_offs}, items

    def _paid_on(self, transaction):
        """The day on which the customer paid, where the customer is."""
        attempt = transaction.source_transaction_id or transaction
        return attempt.paylink_day or self._day(attempt.create_date)

    def _share_out(self, items, due, amount):
        """How much of ``amount`` goes to each receivable account: credits first, then the oldest due item."""
        shares = dict.fromkeys(items.account_id, 0.0)
        for item in items.sorted(lambda item: (due[item.id] > 0, item.date_maturity or item.date, item.id)):
            share = min(due[item.id], amount)
            shares[item.account_id] = self.currency_id.round(shares[item.account_id] + share)
            amount = self.currency_id.round(amount - share)
        return shares

    def _share_values(self, account, amount, transaction):
        """A payment has one counterpart account: the share of another one is one more line of its entry."""
        return {
            "name": transaction.reference,
            "account_id": account.id,
            "partner_id": transaction.partner_id.commercial_partner_id.id,
            "currency_id": self.currency_id.id,
            "amount_currency": -amount,
            "balance": -self._in_books(amount, transaction),
        }

    def _in_books(self, amount, transaction):
        """An amount of a payment in the company's currency, at the rate of the day of the payment."""
        company = self.company_id
        return self.currency_id._convert(amount, company.currency_id, company, self._booked_on(transaction))

    def _discount_values(self, items, transaction):
        """The lines that book the early payment discount, as the payment registration wizard makes them."""
        if not items:
            return []
        discount = sum(item.amount_residual_currency - item.discount_amount_currency for item in items)
        lines = self.env["account.move"]._get_invoice_counterpart_amls_for_early_payment_discount(
            [
                {
                    "aml": item,
                    "amount_currency": -item.amount_residual_currency,
                    "balance": self._in_books(-item.amount_residual_currency, transaction),
                }
                for item in items
            ],
            self._in_books(discount, transaction),
        )
        partner = transaction.partner_id.commercial_partner_id
        return [dict(line, partner_id=partner.id) for group in lines.values() for line in group]

    # === REFUNDS === #

    def _book_refund(self, transaction):
        """Book money given back: see ``account.payment._paylink_letter_refunds``."""
        source = transaction.source_transaction_id.payment_id
        account = source.destination_account_id
        values = self._prepare_payment(transaction) | {"invoice_ids": []}
        payment = self._create_payments([values | ({"destination_account_id": account.id} if account else {})])
        transaction.payment_id = payment
        payment._paylink_letter_refunds()
        payment._paylink_say_locked()

    # === WHAT FOLLOWS === #
    # What follows from payments that have been booked: who is told, what is closed, which task somebody gets.

    @api.model
    def _after_payments(self, transactions):
        """Tell who has to know that ``transactions`` have been booked; runs once per payment.

        :param transactions: of different links
        """
        refunds = transactions.filtered(lambda tx: tx.operation == "refund")
        self._run_steps([*self._log_steps(), *self._refund_steps()], refunds)
        self._run_steps([*self._log_steps(), *self._payment_steps()], transactions - refunds)

    @api.model
    def _log_steps(self):
        """Hook: what is told of payments and of refunds that have been booked.

        :return: methods of ``transactions``: see :meth:`_run_steps`
        """
        return [self._log_booked, self._log_on_documents]

    @api.model
    def _payment_steps(self):
        """Hook: what follows from payments, not from refunds: as :meth:`_log_steps`."""
        return [self._announce_payments, self._send_receipts, self._report_excess]

    @api.model
    def _refund_steps(self):
        """Hook: what follows from refunds: as :meth:`_log_steps`."""
        return [self._send_refund_notices]

    @api.model
    def _run_steps(self, steps, transactions):
        """Do what follows from ``transactions``, set-wise; if that fails each alone, so that only the culprit lacks.

        The books come first: what fails here (a template that was deleted or broken) is logged and does not undo them.
        """
        if not transactions:
            return
        try:
            with self.env.cr.savepoint():
                for step in steps:
                    step(transactions)
        except OperationalError:
            raise
        except Exception:
            if len(steps) == len(transactions) == 1:
                _logger.exception("%s: %s failed", transactions.paylink_id.name, steps[0].__name__)
                return
            for transaction in transactions:
                for step in steps:
                    self._run_steps([step], transaction)

    @api.model
    def _log_booked(self, transactions):
        """In the name of who has refunded; what was made in the provider's dashboard says so."""
        told = transactions.grouped(lambda tx: (tx._paylink_booked_event(), tx.paylink_user_id))
        for (name, author), changed in told.items():
            texts = {tx.paylink_id.id: tx._paylink_booked_text(tx.company_id._paylink_env()) for tx in changed}
            moments = {tx.paylink_id.id: tx.paylink_moved_at for tx in changed}
            changed.paylink_id._log_events(name, texts, author=author.partner_id, moments=moments)

    @api.model
    def _log_on_documents(self, transactions):
        """Tell on each document which payment has come, or gone back, and who has given it back."""
        for author, own in transactions.grouped(lambda tx: tx._paylink_author()).items():
            notes = defaultdict(list)
            for tx in own:
                for record, text in tx.paylink_id._of_kind("document_notes", tx):
                    notes[record._name, record.id].append(text)
            texts = defaultdict(dict)
            for (model, record_id), found in notes.items():
                texts[model][record_id] = Markup("<br/>").join(found)
            for model, bodies in texts.items():
                self.env[model].browse(bodies)._message_log_batch(bodies, author_id=author.id)

    def _document_notes_general(self, transaction):
        """On each invoice."""
        env = self.company_id._paylink_env()
        facts = {"payment": transaction._paylink_entry()._get_html_link(), "link": self._get_html_link()}
        if transaction.operation != "refund":
            text = env._("Payment %(payment)s by collection link %(link)s.", **facts)
            return [(move, text) for move in transaction.invoice_ids]
        facts["text"] = transaction._paylink_booked_text(env)
        text = env._("Refund %(payment)s of collection link %(link)s: %(text)s", **facts)
        return [(move, text) for move in self.line_ids.filtered("is_invoice").move_id]

    @api.model
    def _close_rivals(self, transactions):
        """Nothing of what was just paid may be paid a second time: close the other attempts.

        :param transactions: booked payments, by links and by Odoo's portal, and refunds, which close nothing
        """
        paid = transactions.filtered(lambda tx: tx.operation != "refund")
        drafts = paid.paylink_id._open_drafts()
        drafts |= self._open_drafts_on(paid.filtered(lambda tx: not tx.paylink_id).invoice_ids)
        self._run_steps([self._close_drafts], drafts)

    @api.model
    def _close_drafts(self, transactions):
        transactions._paylink_close(_lt("Another payment of the same documents succeeded."))

    @api.model
    def _announce_payments(self, transactions):
        """Notify the owners, each in their language, once for all that came for them at the same time."""
        for _user, received in transactions.grouped(lambda tx: tx.paylink_id._task_users()).items():
            links = received.paylink_id
            env = links[0]._owner_env()
            links._notify_owner(
                subject=received._paylink_headline(env),
                body=Markup("<br/>").join(tx._paylink_announcement(env) for tx in received),
            )

    @api.model
    def _send_receipts(self, transactions):
        """By e-mail; to whom that can't be sent, and the link was sent by SMS, by SMS."""
        self._send_notices(transactions, "receipt")
        self._text_receipts(transactions.filtered(lambda tx: tx.paylink_id._receipt_channel() == "sms"))

    @api.model
    def _text_receipts(self, transactions):
        template = self.env.ref("paylink_addon.sms_template_receipt", raise_if_not_found=False)
        if not template:  # nobody wants them to be sent
            return
        for lang, paid in transactions.grouped(lambda tx: tx.paylink_id.lang).items():
            told = {"lang": lang, "paylink_told_ids": paid._ids}
            links = paid.paylink_id.with_context(**told)
            links._create_sms(template.sudo().with_context(**told)._render_field("body", links.ids), event="receipt")

    def _receipt_channel(self):
        """How the customer is told of payments by the link: by ``email`` or ``sms``, or not at all (``False``)."""
        self.ensure_one()
        if self._receipt_addresses():
            return "email"
        return "sms" if self.send_sms and self.phone else False

    @api.model
    def _send_refund_notices(self, transactions):
        """Tell the customers that their money is on its way back, where that was wished."""
        self._send_notices(transactions.filtered("paylink_tell_customer"), "refund_notice")

    @api.model
    def _send_notices(self, transactions, event):
        """Queue messages about payments to whoever the links were sent to, each in the customer's language.

        :param str event: ``receipt`` or ``refund_notice``: the template, the layout and the event have its name
        """
        addresses = {link.id: link._receipt_addresses() for link in transactions.paylink_id}
        known = transactions.filtered(lambda tx: addresses[tx.paylink_id.id])
        template = self.env.ref(f"paylink_addon.mail_template_{event}", raise_if_not_found=False)
        if not template:  # nobody wants them to be sent
            return
        for lang, paid in known.grouped(lambda tx: tx.paylink_id.lang).items():
            links = paid.paylink_id.with_context(paylink_told_ids=paid._ids)
            links._create_emails(
                links._prepare_emails(
                    template.sudo().with_context(lang=lang, paylink_told_ids=paid._ids),
                    email_to=addresses,
                    layout=f"paylink_addon.mail_layout_{event}",
                    event=event,
                    transactions={tx.paylink_id.id: tx for tx in paid},
                )
            )

    def _receipt_promise(self):
        """How the customer will get a receipt: as :meth:`_receipt_channel`, where somebody wants it to be sent."""
        channel = self._receipt_channel()
        name = {"email": "mail_template_receipt", "sms": "sms_template_receipt"}.get(channel)
        is_wanted = name and self.env["ir.model.data"]._xmlid_to_res_id(f"paylink_addon.{name}")  # known by heart
        return bool(is_wanted) and channel

    def _receipt_addresses(self):
        """Where the receipt goes, as text; nothing where there is no good address: the page shows it too."""
        self.ensure_one()
        try:
            return ", ".join(split_emails(self.email or self.partner_id.email))
        except BadAddress:
            return ""

    @api.model
    def _report_excess(self, transactions):
        """Money that came although nothing was due anymore is the customer's credit, and somebody's task."""
        for tx in transactions:
            link = tx.paylink_id
            if excess := link._of_kind("excess", tx):
                link._give_task(Task.EXCESS, partial(link._excess_texts, tx, excess), about=tx)

    def _excess_texts(self, transaction, excess, env):
        amount = format_amount(env, excess, transaction.currency_id)
        text = self._of_kind("excess_text", env, transaction, amount)
        return env._("%(amount)s was overpaid", amount=amount), text

    def _excess_text_general(self, env, transaction, amount):
        return env._(
            "%(partner)s paid %(amount)s more than was due (payment %(payment)s). It is an open credit of the "
            "customer: refund it, or use it for another document.",
            partner=self.partner_id.display_name,
            amount=amount,
            payment=transaction._paylink_entry().name,
        )

    def _excess_general(self, transaction):
        return transaction._paylink_open_credit()

    def _excess_free(self, _transaction):
        """A free amount is a credit by intention."""
        return 0.0


def affects_taxes(line):
    """Whether a line (values of an ``account.move.line``) counts for a tax report."""
    return any(command[2] for name in ("tax_ids", "tax_tag_ids") for command in line.get(name) or ())
