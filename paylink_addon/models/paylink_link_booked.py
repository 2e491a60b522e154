import logging

from markupsafe import Markup
from odoo import api, models
from odoo.tools import format_amount
from psycopg2 import OperationalError

from ..tools.addresses import BadAddress, split_emails

_logger = logging.getLogger(__name__)


class PaylinkLinkBooked(models.Model):
    """What follows from payments that have been booked: who is told, what is closed, which task somebody gets."""

    _inherit = "paylink.link"

    @api.model
    def _after_payments(self, transactions):
        """Tell who has to know that ``transactions`` have been booked; runs once per payment.

        :param transactions: of different links
        """
        refunds = transactions.filtered(lambda tx: tx.operation == "refund")
        logs = [self._log_booked, self._log_on_documents]
        self._run_steps(logs, refunds)
        self._run_steps(
            [*logs, self._announce_payments, self._send_receipts, self._report_excess], transactions - refunds
        )

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
        for name, changed in transactions.grouped(
            lambda tx: "refunded" if tx.operation == "refund" else "paid"
        ).items():
            amounts = {tx.paylink_id.id: format_amount(self.env, abs(tx.amount), tx.currency_id) for tx in changed}
            changed.paylink_id._log_events(name, amounts)

    @api.model
    def _log_on_documents(self, transactions):
        """Tell on each invoice which payment has come, or gone back."""
        texts = {
            move.id: tx.paylink_id._owner_env()._(
                "Payment %(payment)s by collection link %(link)s.",
                payment=tx.payment_id._get_html_link(),
                link=tx.paylink_id._get_html_link(),
            )
            for tx in transactions
            for move in tx.invoice_ids
        }
        moves = self.env["account.move"].browse(texts)
        moves._message_log_batch(texts, author_id=transactions._paylink_bot())

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
        transactions._paylink_close(self.env._("Another payment of the same documents succeeded."))

    @api.model
    def _announce_payments(self, transactions):
        """Notify the owners, each in their language, once for all that came for them at the same time."""
        for _user, received in transactions.grouped(lambda tx: tx.paylink_id._task_user()).items():
            links = received.paylink_id
            env = links[0]._owner_env()
            links._notify_owner(
                subject=env._("%(name)s has been paid", name=links.name)
                if len(links) == 1
                else env._("%(count)s collection links have been paid", count=len(links)),
                body=Markup("<br/>").join(tx._paylink_announcement(env) for tx in received),
            )

    @api.model
    def _send_receipts(self, transactions):
        """Queue the receipts to whoever the links were sent to, each in the customer's language."""
        addresses = {link.id: link._receipt_addresses() for link in transactions.paylink_id}
        known = transactions.filtered(lambda tx: addresses[tx.paylink_id.id])
        template = self.env.ref("paylink_addon.mail_template_receipt", raise_if_not_found=bool(known))
        for lang, paid in known.grouped(lambda tx: tx.paylink_id.lang).items():
            links = paid.paylink_id
            links._create_emails(
                links._prepare_emails(
                    template.sudo().with_context(lang=lang),
                    email_to=addresses,
                    layout="paylink_addon.mail_layout_receipt",
                    event="receipt",
                    transactions={tx.paylink_id.id: tx for tx in paid},
                )
            )

    def _receipt_addresses(self):
        """Where the receipt goes, as text; nothing where there is no good address: the page shows it too."""
        self.ensure_one()
        try:
            return ", ".join(split_emails(self.email or self.partner_id.email))
        except BadAddress:
            return ""

    @api.model
    def _report_excess(self, transactions):
        """Money that came although nothing was due any more is the customer's credit, and somebody's task."""
        for tx in transactions:
            excess = tx.paylink_id._excess(tx)
            if not excess:
                continue
            link = tx.paylink_id
            env = link._owner_env()
            amount = format_amount(env, excess, tx.currency_id)
            link._schedule(
                env._("%(amount)s too much was paid", amount=amount),
                link._excess_text(env, tx, amount),
            )

    def _excess_text(self, env, transaction, amount):
        """Where the money is that was paid too much, and what to do with it, in the language of ``env``."""
        return env._(
            "%(partner)s paid %(amount)s more than was due (payment %(payment)s). It is an open credit of the "
            "customer: refund it, or use it for another document.",
            partner=self.partner_id.display_name,
            amount=amount,
            payment=transaction.payment_id.name,
        )

    def _excess(self, transaction):
        """What of a booked payment is more than the link was to bring; a free amount is a credit by intention."""
        return 0.0 if self.kind == "free" else transaction.payment_id._paylink_open_credit()

    # === TASKS === #

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
