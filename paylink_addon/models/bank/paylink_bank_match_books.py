"""Stage of ``paylink.bank.match``: how matches get into the books, and out of them."""

import logging
from collections import defaultdict
from datetime import date, timedelta

from markupsafe import Markup
from odoo import api, fields, models
from odoo.fields import Command
from odoo.tools import LazyTranslate, format_date
from psycopg2 import OperationalError

from ...tools import days
from ...tools.locks import hold, hold_and_touch
from ...tools.texts import reason
from ..link.paylink_link_books import QUIET
from .paylink_bank_match import WAITING

_lt = LazyTranslate(__name__)
_logger = logging.getLogger(__name__)
# How many lines are reconciled in one plan.
BATCH = 200


class PaylinkBankMatchBooks(models.Model):
    """The line's own entry settles open items: its line on the suspense account becomes the customers'. What is no
    open item (a deposit, a free amount, a wallet) is booked by the kind of its link, as any payment by it is, and the
    line is reconciled with that payment.

    Each link that gets something has a transaction for it: so whatever follows from a payment, follows from a transfer.
    """

    _inherit = "paylink.bank.match"

    fees = fields.Monetary(
        string="Bank Fees", readonly=True, help="What the bank has kept: it is paid, and booked as fees."
    )

    # === ACCEPTING === #

    def _accept_proven(self):
        """Reconcile what is proven, as far as that is still so: who else works on the same is not waited for in vain.

        :return: what was accepted, and why others could not be booked, by the id of their line. What was not accepted
            is gone: it is looked at again
        """
        done, left = self._accept(automatic=True)
        problems = {match.line_id.id: why for match, why in left.items() if isinstance(why, str)}
        self.browse().concat(*left).unlink()
        return done, problems

    def _accept(self, *, automatic=False):
        """Reconcile these matches, many at a time; what fails does so alone.

        :param bool automatic: only what is proven, and still so
        :return: what was accepted, and why the others were not, by match
        """
        done, left = self.browse(), {}
        for company, own in self.grouped("company_id").items():
            books = company._paylink_in_books(own)
            for start in range(0, len(own), BATCH):
                accepted, failed = books[start : start + BATCH]._accept_batch(automatic)
                done |= accepted
                left |= failed
        return done, left

    def _accept_batch(self, automatic):
        try:
            with self.env.cr.savepoint():
                return self._accept_together(automatic)
        except Exception as error:
            self.env.invalidate_all()
            if len(self) == 1:
                if isinstance(error, OperationalError):
                    if not automatic:
                        raise
                    return self.browse(), {self: _lt("Others are working on it.")}
                if automatic:
                    _logger.warning("Bank line %s could not be matched", self.line_id.id, exc_info=True)
                return self.browse(), {self: reason(error)}
        done, left = self.browse(), {}
        for match in self:
            accepted, failed = match._accept_batch(automatic)
            done |= accepted
            left |= failed
        return done, left

    def _accept_together(self, automatic):
        """Payers of links take their rows first; then the lines. Who has waited for them looks at what is there now."""
        # What is told of payments stands on the link, and in one line on documents. Taxes that are due on payment are
        # of the day of the line, or the first open one.
        quiet = self.with_context(**QUIET, paylink_booked_on=date.min)
        links, lines = quiet.link_ids, quiet.line_id
        if links:
            links._wait_and_hold()
        hold_and_touch(lines)
        due, problems, taken = quiet._due_now(), {}, set()
        for match in quiet:
            if problem := match._problem(due[match], taken, automatic):
                problems[match] = problem
            else:
                taken |= match._wanted()
        ready = quiet.browse(match.id for match in quiet if match not in problems)
        if ready:
            ready._keep_fees(due)
            ready._book()
            ready._decide("accepted", automatic=automatic)
            rivals = self.search([("line_id", "in", ready.line_id.ids), ("state", "in", WAITING)])
            rivals.unlink()
            quiet.env.flush_all()  # here nothing is tracked
        return self & ready, problems

    def _problem(self, due, taken, automatic):
        """Why it can't be reconciled (now), or ``False``.

        :param due: what is due of it now
        :param set taken: what others get at the same time: see :meth:`_wanted`
        """
        line = self.line_id
        _liquidity, suspense, others = line._seek_for_lines()
        if self.state != "proposed" or line.is_reconciled or line.state != "posted" or others or len(suspense) != 1:
            return _lt("The bank line has been reconciled in the meantime.")
        if self.currency_id.compare_amounts(-suspense.amount_currency, self.amount):
            return _lt("The bank line has been changed in the meantime.")
        if self._wanted() & taken:
            return _lt("Another line was accepted for it.")
        return not self._is_due(due, automatic) and _lt("What is due has changed in the meantime.")

    def _has(self, *codes):
        """Whether it was found for one of these reasons."""
        return not set(codes).isdisjoint((self.reasons or "").split(","))

    def _wanted(self):
        """What no other line may get at the same time; more than what is due, anybody may bring."""
        if self._has("paid_already"):
            return set()
        items = self.item_ids | self.link_ids.line_ids.move_line_id
        return {*items.ids, *(("link", link.id) for link in self.link_ids if not link.line_ids)}

    def _is_due(self, due, automatic):
        """Whether as much is due as when it was found; whoever decides may see that more is due, never less."""
        compare = self.currency_id.compare_amounts
        if self._has("fees"):
            limit = self.company_id.paylink_bank_fee_limit
            return compare(self.amount, due) < 0 and compare(due - self.amount, limit) <= 0
        if automatic:
            return compare(due, self.due) == 0
        return compare(due, min(self.amount, self.due)) >= 0

    def _due_now(self):
        """What is due of each on the day of its line, in its currency."""
        found = {}
        for day, matches in self.grouped("line_date").items():
            links = matches.with_context(paylink_day=day).link_ids
            due = links._due_amounts() if links else {}
            asked = links.line_ids.move_line_id
            left = asked._paylink_left()
            of_items = (matches.item_ids - asked)._paylink_due(day)
            for match in matches:
                found[match] = sum(due[link.id] for link in match.link_ids)
                found[match] += match._registered_beside(left)
                found[match] += sum(of_items.get(item.id, 0.0) for item in match.item_ids)
        return found

    def _registered_beside(self, left):
        """What is registered without an entry, beside what is due, is on its way: it is the money that has come.

        :param left: the items of which something is left to be asked for
        """
        asked = self.link_ids.line_ids.move_line_id
        return sum((asked - left).mapped("amount_residual_currency")) if asked & left else 0.0

    # === BOOKING === #

    def _book(self):
        """Book and reconcile all of these in one plan."""
        transactions = self._create_transactions()
        direct = transactions.filtered(lambda tx: tx.paylink_id.kind == "open_items")
        (transactions - direct)._paylink_book_transfers()
        plan = [group for match in self for group in match._settle()]
        if plan:
            self.env["account.move.line"]._reconcile_plan(plan)
        for match in self:
            match._keep_settled()
            match._say_locked()
        direct._paylink_after_transfers()
        self._close_announced()
        self.filtered(lambda match: not match.link_ids)._note_on_documents()

    def _close_announced(self):
        """Wire transfers that Odoo's provider has noted as pending have come: nothing waits for them anymore."""
        transactions = self.link_ids.transaction_ids | self.item_ids.move_id.transaction_ids
        for tx in transactions._paylink_announced():
            still_due = (
                tx.paylink_id.state != "paid" if tx.paylink_id else any(tx.invoice_ids.mapped("amount_residual"))
            )
            if not still_due:
                tx._paylink_close(_lt("The transfer has come: a bank line shows it."))

    def _note_on_documents(self):
        """What no link tells is noted on the invoices that were paid, in the company's language."""
        notes = defaultdict(list)
        for match in self:
            env = match.company_id._paylink_env()
            text = env._(
                "Transfer of %(amount)s of %(day)s: %(label)s",
                amount=match._amount_text(env),
                day=format_date(env, match.line_date),
                label=match.label or match.line_id.name or "",
            )
            for move in match.item_ids.move_id.filtered(lambda move: move.is_invoice(include_receipts=True)):
                notes[move.id].append(text)
        bodies = {move_id: Markup("<br/>").join(texts) for move_id, texts in notes.items()}
        self.env["account.move"].browse(bodies)._message_log_batch(bodies)

    def _keep_settled(self):
        """Of what it was found for, some may not have needed it: what is settled tells whether it stands."""
        self.item_ids &= self._counterparts()

    def _say_locked(self):
        """Say on the bank's entry that the taxes which follow from it are booked later, and why."""
        if self.company_id._paylink_open_day(self.line_date, has_tax=True) > self.line_date:
            text = self.move_id._paylink_taxes_locked_text(self.line_date)
            if text:
                self.move_id._message_log(body=text)

    def _counterparts(self):
        """The lines of other entries that the line's own is reconciled with."""
        partials = self.move_id.line_ids.matched_debit_ids | self.move_id.line_ids.matched_credit_ids
        return (partials.debit_move_id | partials.credit_move_id).filtered(lambda line: line.move_id != self.move_id)

    def _create_transactions(self):
        """A transaction for each link that gets something of a line."""
        method = self.env.ref("payment.payment_method_bank_transfer").id
        providers = {company: company._paylink_transfer_provider().id for company in self.link_ids.company_id}
        vals_list = [vals | {"payment_method_id": method} for match in self for vals in match._prepare_transactions()]
        for vals in vals_list:
            vals["provider_id"] = providers[self.env["paylink.link"].browse(vals["paylink_id"]).company_id]
        return self.env["payment.transaction"].sudo().create(vals_list)

    def _prepare_transactions(self):
        """Of several links each gets what is due, and the last one what is more."""
        due = self.with_context(paylink_day=self.line_date).link_ids._due_amounts() if len(self.link_ids) > 1 else {}
        left = self.amount + self.fees
        prepared = []
        for index, link in enumerate(self.link_ids.sorted("id"), start=1):
            amount = min(left, due[link.id]) if index < len(self.link_ids) else left
            left = self.currency_id.round(left - amount)
            if self.currency_id.compare_amounts(amount, 0) > 0:
                prepared.append(self._prepare_transaction(link, amount))
        return prepared

    def _prepare_transaction(self, link, amount):
        is_direct = link.kind == "open_items"
        return {
            "reference": f"{link.name}-T{self.id}",
            "provider_reference": link.transfer_reference,
            "amount": amount,
            "currency_id": self.currency_id.id,
            "partner_id": link.partner_id.id,
            "operation": "offline",
            "state": "done" if is_direct else "draft",
            "last_state_change": self._noon(),
            "paylink_moved_at": self._noon(),
            "is_post_processed": is_direct,
            "paylink_untold": is_direct,
            "paylink_id": link.id,
            "paylink_day": self.line_date,
            "paylink_match_id": self.id,
            **link._of_kind("attempt_documents"),
        }

    def _noon(self):
        """A moment on the day of the line."""
        return days.beginning(self.line_date, self.company_id.paylink_tz) + timedelta(hours=12)

    def _keep_fees(self, due):
        """What the bank has kept of it, where that is booked: the company has an account for it.

        :param dict due: what is due of each, before anything is booked
        """
        for match in self.filtered(lambda match: match._has("fees")):
            if match.company_id._paylink_bank_fee_account():
                match.fees = match.currency_id.round(due[match] - match.amount)

    # === THE ENTRY OF THE LINE === #

    def _settle(self):
        """Put what was paid in the place of the line's suspense account.

        :return: what is to be reconciled with each other, as a list of ``account.move.line``
        """
        values, items, groups = self._fee_values(), self.env["account.move.line"], []
        for tx in self.transaction_ids:
            own, settled, liquidity = tx._paylink_counterparts()
            values += own
            items |= settled
            groups.append(liquidity)
        rest = self.item_ids - self.link_ids.line_ids.move_line_id
        if not self.link_ids:
            for own, settled in self._counterparts_by_customer(rest):
                values += own
                items |= settled
            if not rest:  # an open credit of the customer
                values += self._counterpart_values(self.partner_id, self.amount, {})
        new = self._replace_suspense(values)
        groups = [group | self._fitting(new, group) for group in filter(None, groups)]
        settling = new.filtered(
            lambda line: line.account_id.account_type == "asset_receivable" or line.account_id in items.account_id
        )
        groups += [
            group
            for group in (settling + items).grouped("account_id").values()
            if len({line.balance > 0 for line in group}) == 2
        ]
        return groups

    @staticmethod
    def _fitting(new, liquidity):
        """The line that is the payment's: of the same account and amount."""
        found = new.filtered(
            lambda line: line.account_id == liquidity.account_id and line.amount_currency == -liquidity.amount_currency
        )
        return found[:1]

    def _fee_values(self):
        if not self.fees:
            return []
        account = self.company_id._paylink_bank_fee_account()
        return [{"account_id": account.id, "amount_currency": self.fees, "name": self.env._("Bank fees")}]

    def _counterparts_by_customer(self, items):
        """Each customer gets what is due of theirs, the last one what is more: pairs of values and settled items."""
        left, own_items = self.amount + self.fees, items.grouped(lambda item: item.partner_id.commercial_partner_id)
        for index, own in enumerate(own_items.values(), start=1):
            amount = min(left, sum(own._paylink_due(self.line_date).values())) if index < len(own_items) else left
            left = self.currency_id.round(left - amount)
            if self.currency_id.compare_amounts(amount, 0) > 0:
                yield self._counterparts_of_items(own, amount)

    def _counterparts_of_items(self, items, amount):
        """What settles items that no link asks for; the early payment discount and accounts as those of a link have.

        What was registered by hand is on an outstanding account: it takes just what came.
        """
        if items.payment_id and items.account_id.account_type != "asset_receivable":
            partner = items.partner_id
            values = {"destination_account_id": items.account_id.id}
            return self._counterpart_values(partner, amount, values), items
        link = self.env["paylink.link"].new(
            {
                "kind": "open_items",
                "company_id": self.company_id.id,
                "currency_id": self.currency_id.id,
                "partner_id": items.partner_id.commercial_partner_id.id,
            }
        )
        transaction = self.env["payment.transaction"].new(
            {
                "amount": amount,
                "currency_id": self.currency_id.id,
                "partner_id": link.partner_id.id,
                "paylink_day": self.line_date,
                "paylink_match_id": self.id,
                "reference": self.line_id.payment_ref,
            }
        )
        values, settled = link._settle_items(items, transaction)
        return self._counterpart_values(link.partner_id, transaction.amount, values), settled

    def _counterpart_values(self, partner, amount, values):
        """The values of the lines that an amount is booked on, as ``paylink.link`` hooks ``settle`` say it."""
        customer = partner.commercial_partner_id
        account = (
            values.get("destination_account_id")
            or customer.with_company(self.company_id).property_account_receivable_id.id
        )
        others = [dict(line) for line in values.get("write_off_line_vals", ())]
        main = amount + sum(line["amount_currency"] for line in others)
        return [{"account_id": account, "partner_id": customer.id, "amount_currency": -main}, *others]

    def _replace_suspense(self, values):
        """Write the lines that take the place of the suspense line; what is left of a rounding is the first one's.

        :return: them
        """
        line = self.line_id
        liquidity, suspense, _others = line._seek_for_lines()
        total, balance = suspense.amount_currency, suspense.balance
        rate = balance / total if total else 1.0
        company_currency = self.company_id.currency_id
        first, *others = values
        for own in others:
            own.setdefault("balance", company_currency.round(own["amount_currency"] * rate))
        first["balance"] = company_currency.round(balance - sum(own["balance"] for own in others))
        first["amount_currency"] = self.currency_id.round(total - sum(own["amount_currency"] for own in others))
        for own in values:
            own.setdefault("name", line.payment_ref)
            own["currency_id"] = self.currency_id.id
        partners = {own["partner_id"] for own in values if own.get("partner_id")}
        partner_id = partners.pop() if len(partners) == 1 else line.partner_id.id
        # Nothing is reconciled with what has just been the suspense account's.
        unsynchronized = {
            "skip_account_move_synchronization": True,
            "skip_readonly_check": True,
            "paylink_knows_reconciled": True,
        }
        if others:
            commands = [Command.update(suspense.id, first), *(Command.create(own) for own in others)]
            line.move_id.with_context(**unsynchronized).write({"line_ids": commands})
        else:  # by far fewer queries
            suspense.with_context(**unsynchronized).write({name: first[name] for name in ("account_id", "partner_id")})
        line.with_context(**unsynchronized).partner_id = partner_id
        return (line.move_id.line_ids - liquidity).with_env(self.env)

    # === UNDOING === #

    def _undo(self, state="undone"):
        """Take matches back: the lines are as before, and what they had paid is due again. Links follow.

        :param state: ``void`` where nobody has decided against them, but the line has become another one
        """
        standing = self.with_context(paylink_undoing=True).filtered(lambda match: match.state == "accepted")
        if not standing:
            return
        if links := standing.link_ids:
            links._wait_and_hold()
        hold(standing.line_id)
        lines = standing.line_id.filtered(lambda line: not line._seek_for_lines()[1])
        lines.with_context(paylink_booked_on=date.min).action_undo_reconciliation()
        standing._withdraw(state)

    def _withdraw(self, state="undone"):
        """The links have not got this money; the books say so already."""
        matches = self.with_context(paylink_undoing=True)
        matches.transaction_ids._paylink_withdraw_transfers()
        matches._decide(state)
        for match in matches:
            texts = {link.id: match._amount_text(link.company_id._paylink_env()) for link in match.link_ids}
            match.link_ids._log_events("transfer_undone", texts, author=match.user_id.partner_id or None)

    @api.model
    def _look_again(self, moves):
        """Matches whose lines settle nothing anymore, because somebody has taken the reconciliation back, are undone.

        :param moves: ``account.move`` of which something was reconciled
        """
        if self.env.context.get("paylink_undoing") or not moves:
            return
        standing = self.sudo().search([("move_id", "in", moves.ids), ("state", "=", "accepted")])
        standing.filtered(lambda match: not match._is_in_books())._withdraw_rest()

    def _is_in_books(self):
        """Whether the line still settles anything of what it was matched with; what settled nothing was a credit."""
        if self.line_id.state != "posted" or self.line_id._seek_for_lines()[1]:
            return False
        others = self._counterparts()
        if payments := self.transaction_ids.payment_id:
            return bool(payments.move_id & others.move_id)
        return not self.item_ids or bool(self.item_ids & others)

    def _withdraw_rest(self, state="undone"):
        """What somebody has un-reconciled by hand stays as it is in the books; the links follow."""
        if self:
            if links := self.link_ids:
                links._wait_and_hold()
            self._withdraw(state)
