"""Stage of ``account.bank.statement.line``: lines find what they pay as soon as they are there."""

import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError
from psycopg2 import OperationalError

from ...tools import days
from .paylink_bank_match import BATCH, WAITING

_logger = logging.getLogger(__name__)
# What a line brings; and what of it Odoo writes its entry anew for.
DECISIVE = frozenset({"amount", "amount_currency", "foreign_currency_id", "journal_id"})
WRITTEN_ANEW = frozenset({"payment_ref", "partner_id"})
# Who is faster gets what two lines want: the other one is looked at again.
ROUNDS = 4


class AccountBankStatementLineMatch(models.Model):
    """Lines of banks find what they pay as soon as they are there, however they came."""

    _inherit = "account.bank.statement.line"

    paylink_match_ids = fields.One2many(
        "paylink.bank.match", "line_id", string="Matches with Collection Links", readonly=True
    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """What is proven is reconciled at once, the rest proposed. Nothing of that keeps a line from being there."""
        lines = super().create(vals_list)
        lines._paylink_match_new()
        return lines

    def write(self, vals):
        """What a line pays follows its amount: whoever changes it takes the match back."""
        if names := self._paylink_decisive() & vals.keys():
            self.filtered(lambda line: line._paylink_differs(vals, names))._paylink_accepted()._undo("void")
        return super().write(vals)

    def _paylink_decisive(self):
        """Fields that change what a line pays."""
        context = self.env.context
        if context.get("paylink_undoing"):
            return frozenset()
        return DECISIVE if context.get("skip_account_move_synchronization") else DECISIVE | WRITTEN_ANEW

    def _paylink_differs(self, vals, names):
        """Whether these values change what the line brings; Odoo writes them again whenever its entry is changed."""
        self.ensure_one()
        return any(self._fields[name].convert_to_write(self[name], self) != vals[name] for name in names)

    def action_undo_reconciliation(self):
        """Whoever takes the reconciliation back undoes the match, also where it had settled nothing yet."""
        result = super().action_undo_reconciliation()
        self._paylink_look_again()
        return result

    def _paylink_look_again(self):
        """Matches whose lines have become open again are none anymore."""
        if not self.env.context.get("paylink_undoing"):
            self._paylink_accepted().filtered(lambda match: not match._is_in_books())._withdraw_rest()

    def unlink(self):
        """A line that goes takes with it what it had paid."""
        self._paylink_accepted()._undo("void")
        return super().unlink()

    # === ACTIONS === #

    def action_paylink_match(self):
        """Look for what these lines pay, and say what became of it."""
        self._paylink_check_accountant()
        done = self.sudo()._paylink_match()
        return self._paylink_told(done)

    @api.model
    def _paylink_check_accountant(self):
        """Matching is for those who keep the books, and for payment managers; by whatever client."""
        user = self.env.user
        allowed = ("account.group_account_invoice", "paylink_addon.group_payment_manager")
        if not self.env.su and not any(user.has_group(group) for group in allowed):
            raise AccessError(self.env._("Matching bank lines is for accountants and payment managers."))
        if self:
            self.check_access("read")
            if self.company_id - self.env.companies:
                raise AccessError(self.env._("It belongs to another company: switch to it."))

    def _paylink_told(self, matches):
        """What a click has done, as a notification that leads on to the list."""
        accepted = matches.filtered(lambda match: match.state == "accepted")
        lines = self.filtered(lambda line: not line.is_reconciled and line.amount > 0)
        text = self.env._(
            "%(done)s of %(count)s lines are matched; of %(left)s there are proposals.",
            done=len(accepted.line_id),
            count=len(accepted.line_id | lines),
            left=len(matches.filtered(lambda match: match.state == "proposed").line_id),
        )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"message": text, "type": "success", "next": {"type": "ir.actions.client", "tag": "soft_reload"}},
        }

    # === MATCHING === #

    def _paylink_match_new(self):
        """Match new lines, with payouts first; what fails is undone, logged, and left to the jobs."""
        lines = self.sudo().filtered(lambda line: line.journal_id._paylink_takes_transfers())
        if not lines:
            return
        try:
            with self.env.cr.savepoint():
                self.env["paylink.payout"].sudo()._match_bank_lines(lines)
                lines._paylink_to_match()._paylink_match()
        except Exception as error:
            if not isinstance(error, OperationalError):
                _logger.exception("Bank lines could not be matched")
            self.env.invalidate_all()
            self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_match")

    def _paylink_to_match(self):
        """Those that customers may have made: money that came to a bank's journal, and is not reconciled."""
        return self.filtered(
            lambda line: (
                line.journal_id._paylink_takes_transfers()
                and line.state == "posted"
                and not line.is_reconciled
                and line.amount > 0
            )
        )

    def _paylink_match(self):
        """Reconcile what is proven and propose the rest: anew, what was proposed before is forgotten.

        :return: the matches that are there now: accepted by this, and proposed
        """
        Match = self.env["paylink.bank.match"]
        found, left, problems = Match, self._paylink_to_match(), {}
        for _round in range(ROUNDS):
            decisions = left._paylink_decide()
            proven, taken = [], set()
            for decision in decisions:
                if decision.proof and decision.line.id not in problems and not decision.keys & taken:
                    proven.append(decision)
                    taken |= decision.keys
            accepted, failed = Match._create_of(proven)._accept_proven()
            found |= accepted
            problems |= failed
            left -= accepted.line_id
            open_ids = set(left.ids)
            decisions = [decision for decision in decisions if decision.line.id in open_ids]
            if not accepted or not any(decision.keys & taken for decision in decisions):
                break  # what is left is as it was found
        decisions = [
            decision._replace(proof=decision.proof and decision.line.id not in problems) for decision in decisions
        ]
        return found | left._paylink_propose(decisions, problems)

    def _paylink_propose(self, decisions, problems=None):
        """Store what is proposed of these lines; what has been proposed just so stays, all else is forgotten.

        Lines for which there is nothing to propose have a row, too, which says why.

        :param dict problems: why something could not be booked, by the id of the line
        """
        Match = self.env["paylink.bank.match"]
        before = Match.search([("line_id", "in", self.ids), ("state", "in", WAITING)])
        known = {match._fingerprint(): match for match in before}
        unknown = self.browse(set(self.ids) - {decision.line.id for decision in decisions})
        prepared = [*Match._prepare_of(decisions, problems), *unknown._paylink_prepare_unknown()]
        prepared = {Match._fingerprint_of(vals): vals for vals in prepared}
        stale = before.filtered(lambda match: match._fingerprint() not in prepared)
        stay, new = before - stale, [vals for key, vals in prepared.items() if key not in known]
        stale.unlink()
        return stay | Match.create(new)

    def _paylink_prepare_unknown(self):
        """The values of the rows of lines for which nothing was found, but of those that somebody has put away."""
        if not self:
            return []
        Match = self.env["paylink.bank.match"]
        refused = Match.search([("line_id", "in", self.ids), ("state", "in", ("rejected", "undone"))])
        put_away = refused.filtered(
            lambda match: match.state == "rejected" and not match.link_ids and not match.item_ids
        )
        named, rows = self._paylink_named_abroad(), []
        for line in self - put_away.line_id:
            links = named.get(line.id, self.env["paylink.link"])
            reasons = ["other_currency" if links else "refused" if line in refused.line_id else "nothing"]
            rows.append(Match._prepare_unknown(line, reasons, links))
        return rows

    def _paylink_named_abroad(self):
        """Links that lines name by our reference, and that are in another currency: by the id of the line."""
        found = {
            line.id: {reference.number for reference in line.references if reference.is_sure}
            for line in self._paylink_read_lines()
        }
        links = self.env["paylink.link"].search([("id", "in", list(set().union(*found.values())))])
        by_id = {link.id: link for link in links}
        named = {}
        for line in self:
            own = links.browse(number for number in found.get(line.id, ()) if number in by_id)
            currency = line.foreign_currency_id or line.currency_id
            family = own.filtered(lambda link, of=line: link.company_id.root_id == of.company_id.root_id)
            if abroad := family.filtered(lambda link, of=currency: link.currency_id != of):
                named[line.id] = abroad
        return named

    def _paylink_accepted(self):
        """The matches of these lines that stand, in sudo mode."""
        Match = self.env["paylink.bank.match"].sudo()
        if not self:
            return Match
        return Match.search([("line_id", "in", self.ids), ("state", "=", "accepted")])

    @api.model
    def _paylink_open_domain(self):
        """Money that came to a bank, and is not reconciled."""
        return [
            ("is_reconciled", "=", False),
            ("amount", ">", 0),
            ("state", "=", "posted"),
            ("journal_id.type", "=", "bank"),
        ]

    # === CRON === #

    @api.model
    def _cron_paylink_match(self):
        """Look again at lines that nobody has reconciled: links may have been made after them.

        What they pay is held before the lines are, as whoever accepts something does it.
        """
        since = fields.Date.subtract(days.today(days.EARLIEST), days=90)
        domain = [*self._paylink_open_domain(), "|", ("date", ">=", since), ("create_date", ">=", since)]
        self.env["paylink.job.mixin"]._each(
            self.search(domain, order="id"),
            lambda lines: lines._paylink_match(),
            size=BATCH,
            take=False,
            place=lambda line: line.move_id,
        )
