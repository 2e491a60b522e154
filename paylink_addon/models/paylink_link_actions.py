from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from psycopg2 import OperationalError

from ..const import LIVE_STATES

# With more invoices than this no missing PDF is made: each takes a second.
MAX_NEW_PDFS = 20


class PaylinkLinkActions(models.Model):
    """What people do with links, and the job that ends them."""

    _inherit = "paylink.link"

    attach_pdf = fields.Boolean(
        string="Attach the invoice PDF", help="Each time the link is sent by e-mail, also when it is sent again."
    )

    # === ACTIONS === #

    def action_send(self):
        """Send (or send again) the messages of live links, by the channels chosen on each."""
        self.check_access("write")
        self._check_payable()
        self._issue()
        self._queue_messages()
        return True

    def action_copy(self):
        """Return the URL to the client, which copies it; a draft becomes open by it."""
        self.ensure_one()
        self.check_access("write")
        if not self.issued_at:
            self._check_payable()
            self._issue()
        return {"type": "ir.actions.client", "tag": "paylink_addon.copy", "params": {"text": self.url}}

    def action_renew(self):
        """Make and send a successor of each cancelled or expired link; return the action that shows them.

        Who clicks twice sends the same one again: two would ask for the money twice.
        """
        self.check_access("write")
        if live := self.filtered(lambda link: link.state not in ("expired", "cancelled")):
            raise UserError(self.env._("%(name)s is not expired or cancelled: send it again.", name=live[0].name))
        self._lock()
        successors = self.browse()
        for link in self:
            successors |= (link.sudo()._live_successor() or link.sudo()._renew()).with_env(self.env)
        successors.action_send()
        return successors._action_show()

    def _live_successor(self):
        """The newest link made from this one, however often it was renewed, that can still be paid."""
        self.ensure_one()
        successors = newest = self.renewal_ids
        while newest := newest.renewal_ids:
            successors |= newest
        live = successors.filtered(lambda link: link.state in ("draft", *LIVE_STATES) and not link._is_expired())
        return live.sorted("id")[-1:]

    def _renew(self):
        """A draft that asks for what is still due of this link."""
        self.ensure_one()
        values = {
            "renewed_from_id": self.id,
            "expires_at": self.company_id._paylink_expires_at(),
            "line_ids": [
                fields.Command.create(line._successor_values()) for line in self.line_ids if line.move_line_id
            ],
        }
        if self.kind == "free" or self.is_limited:
            values["amount"] = max(self.amount - self.amount_paid, 0)
        elif (due := self._due_amounts()[self.id]) > 0:
            values["amount"] = due
        return self.copy(values)

    def action_open_page(self):
        """Open the customer's page in a new tab."""
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": self.url, "target": "new"}

    def action_view_transactions(self):
        """Show the transactions of the link."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("payment.action_payment_transaction")
        return action | {"domain": [("paylink_id", "=", self.id)], "context": {}}

    def action_view_documents(self):
        """Show the journal entries whose items the link asks for."""
        moves = self.line_ids.move_id
        return moves._get_records_action(name=self.env._("Documents"))

    def _action_show(self):
        if len(self) == 1:
            return self._get_records_action()
        return self._get_records_action(name=self.env._("Collection Links"), view_mode="list,form")

    # === BUSINESS METHODS === #

    def _message_attachments(self):
        """The PDFs of the invoices of the links that are sent with them: those stored; a few missing ones are made."""
        links = self.filtered("attach_pdf").sudo()
        moves = links.line_ids.move_id.filtered(lambda move: move.is_sale_document(include_receipts=True))
        missing = moves.filtered(lambda move: not move.invoice_pdf_report_id)
        if len(missing) <= MAX_NEW_PDFS:
            for move in missing:
                self.env["account.move.send"].sudo()._generate_and_send_invoices(
                    move, sending_methods=[], allow_fallback_pdf=False
                )
        return {link.id: link.line_ids.move_id.invoice_pdf_report_id.ids for link in links}

    def _issue(self):
        """Make the URL usable."""
        self.filtered(lambda link: not link.issued_at).sudo().issued_at = fields.Datetime.now()

    def _check_payable(self):
        """Refuse to send what can't be paid, saying why."""
        due = self._due_amounts()
        labels = dict(self._fields["state"]._description_selection(self.env))
        for link in self:
            if not link.issued_at and link._is_expired():
                link.expires_at = link.company_id._paylink_expires_at()
            if link.state in ("paid", "expired", "cancelled") or link._is_expired():
                raise UserError(
                    self.env._(
                        "%(name)s is %(state)s: make a new link to ask again.",
                        name=link.name,
                        state=labels["expired" if link._is_expired() else link.state].lower(),
                    )
                )
            if link.currency_id.compare_amounts(due[link.id], 0) <= 0:
                raise UserError(self.env._("%(name)s: nothing is due any more.", name=link.name))

    def _close_attempts(self, reason):
        """Close the attempts that have not reached the provider's answer yet."""
        self.sudo().transaction_ids._paylink_closable()._paylink_close(reason)

    def _lock(self):
        """Wait for, then hold, the rows that two payers of the same items fight for.

        The rows are also touched: under REPEATABLE READ the one who waited then fails with a serialization error and is
        run again with fresh data, instead of going on with what it read before the wait.
        """
        self.env.flush_all()
        for table, ids in self._rows_to_lock():
            self._lock_rows(table, ids)
        self.env.invalidate_all()

    @api.model
    def _lock_rows(self, table, ids):
        """Lock and touch rows: see :meth:`_lock`."""
        if not ids:
            return
        name = SQL.identifier(table)
        self.env.cr.execute(SQL("SELECT id FROM %s WHERE id IN %s ORDER BY id FOR NO KEY UPDATE", name, tuple(ids)))
        self.env.cr.execute(SQL("UPDATE %s SET write_date = write_date WHERE id IN %s", name, tuple(ids)))

    def _rows_to_lock(self):
        """Tables and ids, in the order in which everybody locks them."""
        return [("paylink_link", self.ids), ("account_move_line", self.sudo().line_ids.move_line_id.ids)]

    # === CRON === #

    @api.model
    def _close_settled(self, limit):
        """Close the payment pages of what was settled another way (a transfer, a credit note); one commit each."""
        Transaction = self.env["payment.transaction"]
        by_link = Transaction.search([("paylink_id.state", "=", "paid"), ("state", "=", "draft")], limit=limit)
        portal = [("paylink_id", "=", False), ("paylink_stripe_session", "!=", False), ("state", "=", "draft")]
        by_portal = Transaction.search([*portal, ("invoice_ids.amount_residual", "=", 0)], limit=limit)
        settled = by_portal.filtered(lambda tx: not any(tx.invoice_ids.mapped("amount_residual")))
        for tx in (by_link | settled)._paylink_unfinished():
            try:
                if tx.try_lock_for_update(allow_referencing=True):
                    tx.invalidate_recordset()  # its customer may have paid since it was read
                    tx._paylink_unfinished()._paylink_close(self.env._("Nothing is due any more."))
                self.env["ir.cron"]._commit_progress()
            except OperationalError:
                self.env.cr.rollback()  # somebody else works on the same rows: next time

    @api.model
    def _cron_expire(self, limit=500):
        """Expire the links whose time is over, and close their open attempts; end what else was left half done."""
        self.env["payment.transaction"]._paylink_close_abandoned(limit)
        self._resume_cancellations()
        self._close_settled(limit)
        # What is in progress is left to the provider's answer.
        domain = [("state", "in", ("open", "failed")), ("expires_at", "<=", fields.Datetime.now())]
        overdue = self.search(domain, limit=limit)
        overdue._close_attempts(self.env._("The link expired."))
        self.env.add_to_compute(self._fields["state"], overdue)
        overdue._recompute_recordset(["state"])
        overdue.filtered(lambda link: link.state == "expired")._log_events("expired")
        remaining = self.search_count(domain) if len(overdue) == limit else 0
        self.env["ir.cron"]._commit_progress(len(overdue), remaining=remaining)
