import logging

from markupsafe import Markup
from odoo import fields, models
from odoo.tools import format_amount
from psycopg2 import OperationalError

from ..tools.addresses import BadAddress, split_emails

_logger = logging.getLogger(__name__)


class PaylinkLinkBooking(models.Model):
    """How a confirmed payment of a link gets into the books, and what follows from it."""

    _inherit = "paylink.link"

    def _book(self, transaction):
        """Create, post and reconcile the payment of a confirmed transaction.

        :param transaction: a ``payment.transaction`` of this link in state ``done``
        :return: the ``account.payment``
        """
        self.ensure_one()
        if transaction.operation == "refund":
            return self._book_refund(transaction)
        values, items = getattr(self, f"_settle_{self.kind}")(transaction)
        payment = (
            self.env["account.payment"]
            .with_context(force_payment_move=True)
            .create(self._prepare_payment(transaction) | values)
        )
        payment.action_post()
        transaction.payment_id = payment
        payment._paylink_reconcile(items)
        return payment

    def _prepare_payment(self, transaction):
        """The values of the ``account.payment``, as ``account_payment`` makes them for its own transactions."""
        provider = transaction.provider_id
        inbound = transaction.amount > 0
        lines = provider.journal_id.inbound_payment_method_line_ids  # a provider has no other, for refunds neither
        return {
            "amount": abs(transaction.amount),
            "payment_type": "inbound" if inbound else "outbound",
            "currency_id": transaction.currency_id.id,
            "partner_id": transaction.partner_id.commercial_partner_id.id,
            "partner_type": "customer",
            "journal_id": provider.journal_id.id,
            "company_id": provider.company_id.id,
            "payment_method_line_id": lines.filtered(lambda line: line.payment_provider_id == provider)[:1].id,
            "payment_token_id": transaction.token_id.id,
            "payment_transaction_id": transaction.id,
            "memo": " - ".join(filter(None, [self.reference, transaction.reference, transaction.provider_reference])),
            "invoice_ids": transaction.invoice_ids.ids,
            "write_off_line_vals": [],
        }

    # === KIND: FREE AMOUNT === #

    def _settle_free(self, _transaction):
        """An open credit of the customer."""
        return {}, self.env["account.move.line"]

    # === KIND: OPEN ITEMS === #

    def _settle_open_items(self, transaction):
        """Settle the items of the link: oldest first, each on its own receivable account.

        The early payment discount is granted if the whole was paid on a day on which it held, however late the
        provider confirms.
        """
        items = self.line_ids.move_line_id.filtered(lambda item: item._paylink_is_collectable())
        if not items:
            return {}, items
        paid_on = self._paid_on(transaction)
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
        paid_at = (transaction.source_transaction_id or transaction).create_date
        return fields.Datetime.context_timestamp(self.with_context(tz=self._timezone()), paid_at).date()

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
        balance = self.currency_id._convert(amount, self.company_id.currency_id, self.company_id)
        return {
            "name": transaction.reference,
            "account_id": account.id,
            "partner_id": transaction.partner_id.commercial_partner_id.id,
            "currency_id": self.currency_id.id,
            "amount_currency": -amount,
            "balance": -balance,
        }

    def _discount_values(self, items, transaction):
        """The lines that book the early payment discount, as the payment registration wizard makes them."""
        if not items:
            return []
        company = self.company_id
        discount = sum(item.amount_residual_currency - item.discount_amount_currency for item in items)
        lines = self.env["account.move"]._get_invoice_counterpart_amls_for_early_payment_discount(
            [
                {
                    "aml": item,
                    "amount_currency": -item.amount_residual_currency,
                    "balance": self.currency_id._convert(-item.amount_residual_currency, company.currency_id, company),
                }
                for item in items
            ],
            self.currency_id._convert(discount, company.currency_id, company),
        )
        partner = transaction.partner_id.commercial_partner_id
        return [dict(line, partner_id=partner.id) for group in lines.values() for line in group]

    # === REFUNDS === #

    def _book_refund(self, transaction):
        """Book money given back: against what the payment left open, then against the credit notes of its documents.

        Without either it stays an open debit of the customer until the credit note is made.
        """
        source = transaction.source_transaction_id.payment_id
        account = source.destination_account_id
        payment = (
            self.env["account.payment"]
            .with_context(force_payment_move=True)
            .create(
                self._prepare_payment(transaction)
                | ({"destination_account_id": account.id} if account else {})
                | {"invoice_ids": []}
            )
        )
        payment.action_post()
        transaction.payment_id = payment
        credit_notes = self.line_ids.move_id.reversal_move_ids
        payment._paylink_reconcile(
            (source.move_id + credit_notes).line_ids.filtered(
                lambda item: item.account_id == account and item.balance < 0 and item._paylink_is_collectable()
            )
        )
        return payment

    # === WHAT FOLLOWS === #

    def _after_payment(self, transaction):
        """Tell who has to know that ``transaction`` has been booked; runs once per payment.

        The books come first: what fails here (a template that was deleted or broken) is logged and does not undo them.
        """
        self.ensure_one()
        steps = [self._log_booked]
        if transaction.operation != "refund":
            steps += [self._close_rivals, self._announce_payment, self._send_receipt, self._report_excess]
        self._run_steps(steps, transaction)

    def _run_steps(self, steps, transaction):
        """Do what follows from ``transaction``: what fails is logged, the rest is done all the same."""
        for step in steps:
            try:
                with self.env.cr.savepoint():
                    step(transaction)
            except OperationalError:
                raise
            except Exception:
                _logger.exception("%s: %s failed", self.name, step.__name__)

    def _log_booked(self, transaction):
        amount = format_amount(self.env, abs(transaction.amount), transaction.currency_id)
        name = "refunded" if transaction.operation == "refund" else "paid"
        self._log_events(self.env.ref(f"paylink_addon.mt_link_{name}"), {self.id: amount})

    def _close_rivals(self, _transaction):
        """Nothing of what was just paid may be paid a second time: close the other attempts."""
        self._open_drafts()._paylink_close(self.env._("Another payment of the same documents succeeded."))

    def _announce_payment(self, transaction):
        """Notify the owner, in the owner's language."""
        env = self._owner_env()
        self._notify_owner(
            subject=env._("%(name)s has been paid", name=self.name),
            body=env._(
                "%(partner)s paid %(amount)s (%(name)s: %(documents)s).",
                partner=self.partner_id.display_name,
                name=self.name,
                documents=self.documents_display,
                amount=format_amount(env, transaction.amount, transaction.currency_id),
            ),
        )

    def _send_receipt(self, transaction):
        """Queue the receipt to whoever the link was sent to, in the customer's language."""
        try:
            addresses = split_emails(self.email or self.partner_id.email)
        except BadAddress:
            return  # a receipt is no reason to fail: the page shows it too
        if addresses:
            template = self.env.ref("paylink_addon.mail_template_receipt").sudo().with_context(lang=self.lang)
            self._create_emails(
                self._prepare_emails(
                    template,
                    email_to=", ".join(addresses),
                    layout="paylink_addon.mail_layout_receipt",
                    subtype="paylink_addon.mt_link_receipt",
                    transaction=transaction,
                )
            )

    def _report_excess(self, transaction):
        """Money that came although nothing was due any more is the customer's credit, and somebody's task."""
        excess = transaction.payment_id._paylink_open_credit() if self.kind != "free" else 0
        if not excess:
            return
        env = self._owner_env()
        amount = format_amount(env, excess, transaction.currency_id)
        self._schedule(
            env._("%(amount)s too much was paid", amount=amount),
            env._(
                "%(partner)s paid %(amount)s more than was due (payment %(payment)s). It is an open credit of the "
                "customer: refund it, or use it for another document.",
                partner=self.partner_id.display_name,
                amount=amount,
                payment=transaction.payment_id.name,
            ),
        )

    def _task_user(self):
        """Who gets the tasks of the link: the owner, or an administrator where the owner has left."""
        return self.user_id if self.user_id.active else self.env.ref("base.user_admin")

    def _owner_env(self):
        """An environment in the language of whoever gets the link's tasks and notifications."""
        return self.env(context=dict(self.env.context, lang=self._task_user().lang))

    def _schedule(self, summary, note):
        """Give the owner a task on the link, unless the same one is still open. Texts: see :meth:`_owner_env`."""
        self.ensure_one()
        user = self._task_user()
        if summary not in self.activity_ids.mapped("summary"):
            self.activity_schedule(
                "mail.mail_activity_data_todo", summary=summary, note=Markup("<p>%s</p>") % note, user_id=user.id
            )
