from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools import SQL, LazyTranslate, format_amount

from .paylink_link_transfer import LONGEST_PAUSE

_lt = LazyTranslate(__name__)

STATES = [
    ("unknown", "Nothing found"),
    ("proposed", "Proposed"),
    ("accepted", "Matched"),
    ("undone", "Undone"),
    ("void", "Line changed"),
    ("rejected", "Rejected"),
]
# Why something is proposed, or was matched: what is stored are the codes.
REASONS = {
    "reference": _lt("our reference is in the label"),
    "bare_reference": _lt("digits of our reference are in the label"),
    "link_number": _lt("the number of the link is in the label"),
    "invoice_number": _lt("the number of the invoice is in the label"),
    "iban": _lt("it came from the customer's account"),
    "partner": _lt("the customer is named on the bank line"),
    "name": _lt("the payer has the customer's name"),
    "claimed": _lt("the customer has announced it"),
    "claimed_account": _lt("it came from the account that the customer has named"),
    "amount": _lt("the amount is exactly what is due"),
    "several": _lt("it is for several at once"),
    "fees": _lt("it is short by no more than bank fees"),
    "over": _lt("it is more than what is due"),
    "part": _lt("it is less than what is due"),
    "ambiguous": _lt("other things fit as well"),
    "contested": _lt("another bank line fits as well"),
    "other_payer": _lt("it came from somebody else's account"),
    "paid_already": _lt("nothing is due anymore"),
    "cancelled": _lt("the link was canceled"),
    "payment": _lt("the payment has been registered by hand"),
    "nothing": _lt("no link, invoice or customer was found in its label, its payer or its amount"),
    "other_currency": _lt("it names something in another currency: enter its amount in that currency on the bank line"),
    "refused": _lt("what was found has been rejected or undone"),
    "chosen": _lt("somebody has chosen it"),
}
# What waits for a person.
WAITING = ("unknown", "proposed")
# So many of what was left out are told of one by one; of so many lines a click looks at once, the job at the rest.
MOST_TOLD, BATCH = 9, 1000
# What tells who has paid, or for what; an amount, or what somebody has announced, does not.
SIGNS = ("reference", "bare_reference", "link_number", "invoice_number", "iban", "partner", "name")


class PaylinkBankMatch(models.Model):
    """What a bank line pays: proposed, and matched once it is proven or somebody accepts it.

    What is matched can be undone: then the link, and the books, are as they were. What was undone or rejected is not
    proposed again.
    """

    _name = "paylink.bank.match"
    _inherit = ["paylink.guard.mixin"]
    _description = "Match of a Bank Line"
    _order = "line_date desc, line_id desc, score desc, id"
    _rec_name = "documents"

    line_id = fields.Many2one(
        "account.bank.statement.line", string="Bank Line", required=True, index=True, readonly=True, ondelete="cascade"
    )
    move_id = fields.Many2one(related="line_id.move_id", store=True, index=True)
    company_id = fields.Many2one(related="line_id.company_id", store=True, index=True)
    journal_id = fields.Many2one(related="line_id.journal_id", store=True)
    line_date = fields.Date(related="line_id.date", string="Date", store=True)
    label = fields.Char(related="line_id.payment_ref", string="Bank Label")
    payer = fields.Char(compute="_compute_texts", compute_sudo=True, help="As the bank calls them.")
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    amount = fields.Monetary(readonly=True, help="What came.")
    due = fields.Monetary(readonly=True, help="What was due of it when it was found.")
    link_ids = fields.Many2many("paylink.link", string="Collection Links", readonly=True)
    item_ids = fields.Many2many("account.move.line", string="Open Items", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True, index="btree_not_null")
    documents = fields.Char(compute="_compute_texts", compute_sudo=True, string="For")
    score = fields.Integer(readonly=True, help="How likely it is; 100: it is proven.")
    reasons = fields.Char(readonly=True)
    problem = fields.Char(readonly=True, help="Why it could not be booked by itself, though it is proven.")
    why = fields.Char(compute="_compute_why")
    state = fields.Selection(STATES, required=True, default="proposed", readonly=True, index=True)
    is_reconciled = fields.Boolean(related="line_id.is_reconciled")
    is_automatic = fields.Boolean(string="By itself", readonly=True, help="It was proven: nobody had to accept it.")
    user_id = fields.Many2one("res.users", string="Decided by", readonly=True)
    decided_at = fields.Datetime(string="Decided on", readonly=True)
    transaction_ids = fields.One2many("payment.transaction", "paylink_match_id", readonly=True)

    # Two people, or two jobs, may accept something of one line: it is matched once.
    _accepted_unique = models.UniqueIndex(
        "(line_id) WHERE state = 'accepted'", "This bank line has been matched already."
    )

    # === COMPUTE METHODS === #

    @api.depends("link_ids", "item_ids", "line_id.partner_name")
    def _compute_texts(self):
        for match in self:
            items = match.item_ids - match.link_ids.line_ids.move_line_id
            names = [*match.link_ids.mapped("display_name"), *dict.fromkeys(items.mapped("move_id.name"))]
            match.documents = ", ".join(filter(None, names))
            match.payer = match.line_id.partner_name or match.line_id.partner_id.display_name

    @api.depends("reasons", "problem")
    @api.depends_context("lang")
    def _compute_why(self):
        for match in self:
            texts = [self.env._(REASONS[code]) for code in (match.reasons or "").split(",") if code in REASONS]
            text = ", ".join(texts)
            text = text[:1].upper() + text[1:]
            if match.problem:
                text = self.env._(
                    "%(reasons)s. It could not be booked: %(problem)s", reasons=text, problem=match.problem
                )
            match.why = text

    # === MAKING === #

    @api.model
    def _create_of(self, decisions):
        return self.create(self._prepare_of(decisions))

    @api.model
    def _prepare_of(self, decisions, problems=None):
        """The values of matches of ``bank_matching.Decision``.

        :param dict problems: why what is proven could not be booked, by the id of the line
        """
        prepared = []
        for decision in decisions:
            line, targets = decision.line, decision.targets
            digits = 10 ** self.env["res.currency"].browse(line.place[1]).decimal_places
            customers = {target.customer for target in targets}
            prepared.append(
                {
                    "line_id": line.id,
                    "currency_id": line.place[1],
                    "amount": line.amount / digits,
                    "due": sum(target.due_on(line.date) for target in targets) / digits,
                    "link_ids": [Command.set(sorted(target.link_id for target in targets if target.link_id))],
                    "item_ids": [Command.set(sorted(frozenset().union(*(target.items for target in targets))))],
                    "partner_id": next(iter(customers)) if len(customers) == 1 else False,
                    "score": decision.score,
                    "problem": (problems or {}).get(line.id, False),
                    "reasons": ",".join(decision.reasons),
                }
            )
        return prepared

    @api.model
    def _prepare_unknown(self, line, reasons, links):
        """The values of the row of a line for which there is nothing to accept, so that somebody sees it.

        :param links: what it names, and can't pay as it is
        """
        currency = line.foreign_currency_id or line.currency_id
        return {
            "line_id": line.id,
            "currency_id": currency.id,
            "amount": line.amount_currency if line.foreign_currency_id else line.amount,
            "due": 0.0,
            "link_ids": [Command.set(sorted(links.ids))],
            "item_ids": [Command.set([])],
            "partner_id": links.partner_id.commercial_partner_id.id if len(links) == 1 else False,
            "problem": False,
            "reasons": ",".join(reasons),
            "state": "unknown",
        }

    def _create_chosen(self, links, items, partner):
        """The match of what somebody has chosen for this line, not accepted yet.

        :param items: open items, besides those of the links
        :param partner: whose it is, where there is nothing that it pays
        """
        asked = links.line_ids.move_line_id._paylink_unsettled()
        customers = (links.partner_id | items.partner_id).commercial_partner_id or partner.commercial_partner_id
        chosen = self.create(
            self._prepare_unknown(self.line_id, ["chosen"], links)
            | {
                "state": "proposed",
                "item_ids": [Command.set((asked | items).ids)],
                "partner_id": customers.id if len(customers) == 1 else False,
            }
        )
        chosen.due = chosen._due_now()[chosen]
        compared = chosen.currency_id.compare_amounts(chosen.amount, chosen.due)
        if chosen.item_ids or links:
            chosen.reasons = f"chosen,{('amount', 'over', 'part')[compared]}"
        return chosen

    @api.model
    def _fingerprint_of(self, vals):
        """What tells whether the same is proposed."""
        links, items = vals["link_ids"][0][2], vals["item_ids"][0][2]
        return vals["line_id"], tuple(links), tuple(items), vals["reasons"], vals["due"], vals["problem"]

    def _fingerprint(self):
        links, items = tuple(sorted(self.link_ids.ids)), tuple(sorted(self.item_ids.ids))
        return self.line_id.id, links, items, self.reasons, self.due, self.problem

    # === ACTIONS === #

    @api.model
    def action_match_all(self, *_ids):
        """Look again for what all open lines of the user's companies pay."""
        Line = self.env["account.bank.statement.line"]
        Line._paylink_check_accountant()
        domain = [*Line._paylink_open_domain(), ("company_id", "in", self.env.companies.ids)]
        lines = Line.sudo().search(domain, order="date DESC, id DESC", limit=BATCH + 1)
        if len(lines) > BATCH:
            self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_match")
        lines = lines[:BATCH]
        return lines._paylink_told(lines._paylink_match())

    def action_accept(self):
        """Reconcile the bank lines with what is proposed; say what was done, and what was left out and why."""
        matches = self._for_decision()
        proposed = matches.filtered(lambda match: match.state == "proposed")
        labels = {match: match.label or match.line_id.name or "" for match in matches}  # some will be gone
        chosen, left = proposed._one_per_line()
        unknown = matches.filtered(lambda match: match.state == "unknown")
        left |= {match: _lt("It has been decided already.") for match in matches - proposed - unknown}
        left |= dict.fromkeys(unknown, _lt("Nothing was found for it: look for it by hand."))
        done, failed = chosen._accept()
        answer = self._told(done, left | failed, labels)
        stale = self.sudo().browse().concat(*failed).line_id._paylink_to_match()
        stale._paylink_propose(stale._paylink_decide())  # as it is now
        return answer

    def action_reject(self):
        """It is something else: it is not proposed again."""
        rejected = self._for_decision()._in_state(*WAITING)
        rejected._decide("rejected")
        lines = rejected.line_id._paylink_to_match()
        lines._paylink_propose(lines._paylink_decide())  # what is left of them
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_choose(self):
        """Look by hand for what a line pays."""
        self._for_decision()._in_state(*WAITING)
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_bank_match_choose_action")
        return action | {"context": {"default_match_id": self.id}}

    def action_undo(self):
        """Take the reconciliation back: the bank line is open again, and so is what it had paid."""
        self._for_decision()._in_state("accepted")._undo()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _for_decision(self):
        """The matches of the user's companies, in sudo mode: who decides keeps the books, or manages payments."""
        self.env["account.bank.statement.line"]._paylink_check_accountant()
        self.check_access("read")
        if self.company_id - self.env.companies:
            raise AccessError(self.env._("It belongs to another company: switch to it."))
        return self.sudo()

    def _in_state(self, *states):
        """Those that are still in one of these states; it is an error if none is."""
        found = self.filtered(lambda match: match.state in states)
        if self and not found:
            raise UserError(self.env._("Somebody has decided on it in the meantime: reload the list."))
        return found

    def _one_per_line(self):
        """The likeliest of each line; where two are alike, none: a person has to choose.

        :return: them, and why the others are left out, by match
        """
        chosen, left = self.browse(), {}
        for own in self.grouped("line_id").values():
            best, *others = own.sorted(lambda match: (-match.score, match.id))
            if best._has("claimed") and not best._has(*SIGNS) and len(self) > 1:
                left |= dict.fromkeys(own, _lt("Nothing but the customer's word speaks for it: accept it alone."))
            elif others and others[0].score == best.score:
                left |= dict.fromkeys(own, _lt("Several fit alike: accept one of them."))
            else:
                chosen |= best
                left |= dict.fromkeys(others, _lt("Something likelier was accepted."))
        return chosen, left

    def _told(self, done, left, labels):
        """What a click has done, in words."""
        lines = [self.env._("%(count)s bank lines matched.", count=len(done))]
        for match, reason in list(left.items())[:MOST_TOLD]:
            lines.append(
                self.env._(
                    "%(label)s: left out. %(reason)s",
                    label=labels[match],
                    reason=self.env._(reason) if not isinstance(reason, str) else reason,
                )
            )
        if len(left) > MOST_TOLD:
            lines.append(self.env._("%(count)s more were left out.", count=len(left) - MOST_TOLD))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": "\n".join(lines),
                "type": "warning" if left else "success",
                "sticky": bool(left),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # === HELPERS === #

    @api.model
    def _arrived_sql(self, company, date):
        """A query of the ids of documents for which money has come lately, as it seems: somebody has to decide on it.

        What is known by a reference of ours, or by the customer's account; not for longer than an announcement counts.
        """
        since = date - timedelta(days=min(max(company.paylink_claim_days, 0), LONGEST_PAUSE))
        return SQL(
            """SELECT item.move_id
                 FROM paylink_bank_match match
            LEFT JOIN paylink_bank_match_paylink_link_rel asked ON asked.paylink_bank_match_id = match.id
            LEFT JOIN paylink_link_line line ON line.link_id = asked.paylink_link_id
            LEFT JOIN account_move_line_paylink_bank_match_rel paid ON paid.paylink_bank_match_id = match.id
                 JOIN account_move_line item ON item.id IN (line.move_line_id, paid.account_move_line_id)
                WHERE match.state = 'proposed' AND match.company_id IN %s AND match.line_date >= %s
                  AND string_to_array(match.reasons, ',') && %s""",
            tuple((company | company.parent_ids).ids),  # an archived one is not among its own
            since,
            ["reference", "iban"],
        )

    def _decide(self, state, *, automatic=False):
        """Note who has decided what, and when."""
        self.write(
            {
                "state": state,
                "is_automatic": automatic,
                "user_id": False if automatic else self.env.uid,
                "decided_at": fields.Datetime.now(),
            }
        )

    def _amount_text(self, env):
        return format_amount(env, self.amount, self.currency_id)
