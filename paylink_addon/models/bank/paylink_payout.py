import logging
import re
from collections import Counter
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from ...tools import days
from ...tools.money import to_major
from ...tools.stripe_events import moment_of

_logger = logging.getLogger(__name__)
# https://docs.stripe.com/api/payouts/object#payout_object-status
STATUSES = [
    ("pending", "Planned"),
    ("in_transit", "On its way"),
    ("paid", "Paid out"),
    ("failed", "Failed"),
    ("canceled", "Canceled"),
]
RETURNED = ("failed", "canceled")
# A payout that was paid may still fail for some days. https://docs.stripe.com/payouts#payout-failures
WATCHED = timedelta(days=15)
# What may have changed without a word is asked for so often.
ASKED_EACH = timedelta(minutes=30)
# How many days before and after the promised one the bank may show it.
EARLY, LATE = timedelta(days=4), timedelta(days=12)
MATCHED_AT_ONCE = 500
# What the bank's lines say of it, whatever else they say.
STRIPE = "STRIPE"
# Shorter ones name nothing.
SHORTEST = 5

# What the categories of movements count as.
SUMS = {
    "charge": "charges",
    "charge_failure": "charges",
    "refund": "refunds",
    "refund_failure": "refunds",
    "dispute": "refunds",
    "dispute_reversal": "refunds",
    "fee": "fees",
    "tax": "fees",
    "network_cost": "fees",
}


class PaylinkPayout(models.Model):
    """Money that Stripe sends to the bank: what it is made of, and the bank's line that it arrives with."""

    _name = "paylink.payout"
    _inherit = "paylink.balance.mixin"
    _description = "Payout"
    _order = "arrival_date desc, id desc"
    _log_access = False

    name = fields.Char(string="Payout", required=True, readonly=True, help="As Stripe names it.")
    balance_id = fields.Many2one(
        "paylink.balance", string="Account at Stripe", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="balance_id.company_id", store=True, index=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    amount = fields.Monetary(readonly=True)
    created_at = fields.Datetime(string="Made on", readonly=True)
    arrival_date = fields.Date(string="Expected on", readonly=True)
    status = fields.Selection(STATUSES, required=True, readonly=True)
    reference = fields.Char(readonly=True, help="What the bank's line says of it, where Stripe knows that.")
    descriptor = fields.Char(string="Label", readonly=True, help="What Stripe has the bank print.")
    is_complete = fields.Boolean(readonly=True, help="Stripe knows what it is made of.")
    is_composed = fields.Boolean(readonly=True, help="So does Odoo.")
    is_automatic = fields.Boolean(
        string="Automatic", default=True, readonly=True, help="Stripe says of automatic payouts alone what is in them."
    )
    is_assigned = fields.Boolean(
        string="Assigned by hand", readonly=True, help="Somebody has let it have the oldest payments."
    )
    is_stale = fields.Boolean(readonly=True, help="Stripe has told that something has changed.")
    asked_at = fields.Datetime(readonly=True, help="When Stripe was asked for it last.")
    move_ids = fields.One2many("paylink.balance.move", "payout_id", string="Movements", readonly=True)
    charges = fields.Monetary(string="Payments", compute="_compute_sums")
    refunds = fields.Monetary(compute="_compute_sums", help="And chargebacks.")
    others = fields.Monetary(compute="_compute_sums", help="Adjustments, top-ups, payouts that came back.")
    fees = fields.Monetary(compute="_compute_sums")
    net = fields.Monetary(compute="_compute_sums", help="What the movements come to: the amount of the payout.")
    item_id = fields.Many2one("account.move.line", readonly=True, index="btree_not_null", ondelete="set null")
    return_item_id = fields.Many2one(
        "account.move.line",
        string="Item that came back",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="Of a payout that the bank had shown, and has sent back.",
    )
    bank_line_id = fields.Many2one(
        "account.bank.statement.line",
        compute="_compute_bank_line_id",
        store=True,
        index="btree_not_null",
        ondelete="set null",
    )
    again_id = fields.Many2one(
        "paylink.payout",
        string="Sent again with",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="Where it came back: the payout in which its money was sent once more.",
    )
    arrival_line_id = fields.Many2one(
        "account.bank.statement.line",
        string="Arrived with",
        compute="_compute_arrival_line_id",
        store=True,
        recursive=True,
        index="btree_not_null",
        ondelete="set null",
        help="The bank's line with which its money has come to stay.",
    )
    why = fields.Char(string="Why it is not there", compute="_compute_why")
    bank_date = fields.Date(string="On the account on", related="bank_line_id.date")
    bank_label = fields.Char(string="Label of the Bank", related="bank_line_id.payment_ref")

    _name_unique = models.Constraint("UNIQUE (balance_id, name)", "A payout is stored once.")

    # === COMPUTE METHODS === #

    @api.depends("move_ids.amount", "move_ids.fee", "move_ids.category", "move_ids.payout_id")
    def _compute_sums(self):
        sums = {}
        domain = [("payout_id", "in", self.ids), ("category", "!=", "payout")]
        for payout, category, amount, fee in self.env["paylink.balance.move"]._read_group(
            domain, ["payout_id", "category"], ["amount:sum", "fee:sum"]
        ):
            found = sums.setdefault(payout, {"charges": 0.0, "refunds": 0.0, "others": 0.0, "fees": 0.0})
            found[SUMS.get(category, "others")] += amount
            found["fees"] -= fee
        own_fees = self._own_fees()
        for payout in self:
            found = sums.get(payout._origin, dict.fromkeys(("charges", "refunds", "others", "fees"), 0.0))
            found["fees"] -= own_fees.get(payout.name, 0.0)
            payout.update(found | {"net": sum(found.values())})

    def _own_fees(self):
        """What Stripe has kept for sending them (at once, for instance), by their names: it is in no other row."""
        own = Domain("balance_id", "in", self.balance_id.ids) & Domain("source", "in", self.mapped("name"))
        own &= Domain("category", "=", "payout")
        return dict(self.env["paylink.balance.move"]._read_group(own, ["source"], ["fee:sum"]))

    @api.depends("item_id.matched_debit_ids", "item_id.matched_credit_ids")
    def _compute_bank_line_id(self):
        """The line of another journal that its item is reconciled with."""
        for payout in self:
            item = payout.item_id
            others = item.matched_credit_ids.credit_move_id | item.matched_debit_ids.debit_move_id
            lines = others.move_id.statement_line_id
            payout.bank_line_id = lines.filtered(lambda line: not line.journal_id.sudo().paylink_balance_id)[:1]

    @api.depends("bank_line_id", "status", "again_id.arrival_line_id")
    def _compute_arrival_line_id(self):
        """What came back is there as soon as the payout is that sent it again."""
        for payout in self:
            standing = payout.again_id.arrival_line_id if payout.status in RETURNED else payout.bank_line_id
            payout.arrival_line_id = standing

    @api.depends("bank_line_id", "item_id.reconciled", "status", "arrival_date")
    @api.depends_context("lang")
    def _compute_why(self):
        """Of what was paid out, and no bank's line was found for: what is to be done, if anything is."""
        waiting = self.filtered(lambda payout: payout.status == "paid" and payout.item_id and not payout.bank_line_id)
        used = waiting._used_lines()
        (self - waiting).why = False
        for payout in waiting:
            if line := used.get(payout):
                payout.why = self.env._(
                    "Its bank line of %(day)s is reconciled with something else: take that back, if it is this payout.",
                    day=format_date(self.env, line.date),
                )
            else:
                is_late = payout.arrival_date + LATE < payout.company_id._paylink_today()
                payout.why = is_late and self.env._("The bank has not shown it: reconcile it by hand if it has come.")

    def _used_lines(self):
        """The bank's lines that seem to be these payouts', and that somebody has reconciled with something else."""
        if not self:
            return {}
        due = self.mapped("arrival_date")
        domain = Domain("company_id", "in", self.company_id.ids) & Domain("amount", "in", self.mapped("amount"))
        domain &= Domain("date", ">=", min(due) - EARLY) & Domain("date", "<=", max(due) + LATE)
        domain &= Domain("is_reconciled", "=", True) & Domain("state", "=", "posted")
        lines = self.env["account.bank.statement.line"].sudo().search(domain)._paylink_of_banks()
        lines = lines.filtered(lambda line: line.company_id.transfer_account_id not in line.move_id.line_ids.account_id)
        found = {
            payout: lines.filtered(
                lambda line, of=payout: (
                    (line.company_id, line.currency_id) == (of.company_id, of.currency_id)
                    and not line.currency_id.compare_amounts(line.amount, of.amount)
                    and (of._is_named_by(line) or of._is_awaited_by(line))
                )
            )[:1]
            for payout in self
        }
        return {payout: line for payout, line in found.items() if line}

    # === ACTIONS === #

    def action_assign(self):
        """Let manual payouts have the oldest payments that nothing has paid out yet: Stripe does not say which ones."""
        own = self._for_assigning()
        if any(payout.is_automatic for payout in own):
            raise UserError(self.env._("Stripe says itself what an automatic payout is made of."))
        for payout in own.sorted(lambda payout: (payout.created_at, payout.id)):
            payout._assign()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_release(self):
        """Take that back."""
        self._for_assigning().filtered("is_assigned")._release()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _for_assigning(self):
        """They, in sudo mode: which payments are in a payout is for those who keep the books."""
        self.check_access("read")
        if not self.env.user.has_group("account.group_account_invoice"):
            raise AccessError(self.env._("Only accountants can say what a payout is made of."))
        return self.sudo()

    def action_view_moves(self):
        """Show what it is made of."""
        self.check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_balance_move_action")
        return action | {"domain": [("payout_id", "=", self.id)], "context": {}}

    def action_view_entry(self):
        """Show its entry in the journal of Stripe."""
        self.check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_move_journal_line")
        return action | {"views": [(False, "form")], "res_id": self.item_id.move_id.id}

    def action_view_bank_line(self):
        """Show the entry of the bank's line."""
        self.check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_move_journal_line")
        return action | {"views": [(False, "form")], "res_id": self.bank_line_id.move_id.id}

    # === WHAT STRIPE SAYS === #

    @api.model
    def _note(self, balance, objects):
        """Store payouts as Stripe says them.

        :param list objects: Stripe's objects; those that are no payouts are left out
        """
        found = {one["id"]: one for one in objects if one["object"] == "payout"}
        known = self.search([("balance_id", "=", balance.id), ("name", "in", list(found))])
        for payout in known:
            payout._apply(found.pop(payout.name))
        self.create([{"balance_id": balance.id, "name": name, **self._values(one)} for name, one in found.items()])

    def _apply(self, found):
        """Bring it to what Stripe says of it now. What somebody has assigned to it is not in it if it came back."""
        self.write(self._values(found))
        if self.is_assigned and self.status in RETURNED:
            self._release()

    def _note_item(self, item, is_return):
        """Note its item on the account of transfers. What comes back settles it, unless the bank has shown it before:
        then the bank will show that it goes back, too.
        """
        if not is_return:
            self.item_id = item
        elif self.item_id and not self.item_id.reconciled:
            (self.item_id.with_env(item.env) + item).reconcile()
        else:
            self.return_item_id = item

    @api.model
    def _values(self, found):
        code = found["currency"].upper()
        currency = self.env["res.currency"].with_context(active_test=False).search([("name", "=", code)], limit=1)
        return {
            "currency_id": currency.id,
            "amount": float(to_major(found["amount"], code)),
            "created_at": moment_of(found["created"]),
            # A day, which Stripe writes as its midnight in UTC.
            "arrival_date": days.day(moment_of(found["arrival_date"]), "UTC"),
            "status": found["status"],
            "reference": (found.get("trace_id") or {}).get("value"),
            "descriptor": found.get("statement_descriptor"),
            "is_automatic": found.get("automatic", True),
            "is_complete": found.get("reconciliation_status") == "completed",
            "is_stale": False,
        }

    @api.model
    def _open_domain(self, balance):
        """Of which there may be news."""
        now = fields.Datetime.now()
        news = Domain("status", "in", ("pending", "in_transit"))
        # What is in manual ones Stripe never says; of others it says that once and for all.
        unknown = Domain("is_composed", "=", False) & Domain("is_automatic", "=", True)
        unknown &= Domain("is_complete", "=", True) | Domain("created_at", ">=", now - WATCHED)
        due = Domain("asked_at", "=", False) | Domain("asked_at", "<", now - ASKED_EACH)
        return Domain("balance_id", "=", balance.id) & (Domain("is_stale", "=", True) | (due & (news | unknown)))

    # === WHAT IT IS MADE OF === #

    def _note_composed(self):
        """What it is made of is known: payouts that came back are in it once more."""
        returned = self.move_ids.filtered(lambda move: move.category == "payout_reversal").mapped("source")
        self.search([("balance_id", "=", self.balance_id.id), ("name", "in", returned)]).again_id = self

    def _assign(self):
        """Take the oldest movements, as far as this and all manual payouts before it have paid them out in full."""
        if self.status in RETURNED:
            raise UserError(self.env._("This payout came back: nothing is in it."))
        own = Domain("balance_id", "=", self.balance_id.id) & Domain("currency_id", "=", self.currency_id.id)
        manual = self.search(own & Domain("is_automatic", "=", False), order="created_at, id")
        fees, until = manual._own_fees(), manual[: list(manual).index(self) + 1]
        standing = until.filtered(lambda payout: payout.status not in RETURNED)
        left = sum(payout.amount + fees.get(payout.name, 0.0) for payout in standing)
        moves = (
            own
            & Domain("is_kept", "=", True)
            & Domain("created_at", "<=", self.created_at)
            & (Domain("payout_id", "=", False) | Domain("payout_id", "in", manual.ids))
            & Domain("category", "!=", "payout")
            & ~(Domain("category", "=", "payout_reversal") & Domain("source", "in", manual.mapped("name")))
        )
        self._first_moves(moves, self.currency_id.round(left)).payout_id = self
        self.is_assigned = True
        self._note_composed()

    def _first_moves(self, domain, left):
        """Of the movements of ``domain``, the oldest that together are never more than ``left``: those that are in no
        payout yet. They may be all since the first day: only these are read.
        """
        Move = self.env["paylink.balance.move"]
        Move.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id FROM (
                    SELECT id, payout_id, MAX(total) OVER (ORDER BY created_at, id) AS most FROM (
                        SELECT id, payout_id, created_at, SUM(net) OVER (ORDER BY created_at, id) AS total
                          FROM paylink_balance_move WHERE id IN %s
                    ) summed
                ) reached
                WHERE payout_id IS NULL AND most <= %s
                """,
                Move._search(domain).subselect("id"),
                left,
            )
        )
        return Move.browse(row[0] for row in rows)

    def _release(self):
        """Nothing is in them for all that is known."""
        self.search([("again_id", "in", self.ids)]).again_id = False
        self.move_ids.payout_id = False
        self.is_assigned = False

    # === THE BANK'S LINE === #

    @api.model
    def _match_waiting(self, balance):
        """Look for the bank's lines of payouts and top-ups that have none yet. What can't be done with one is told, and
        keeps back nothing else.

        :return: whether all were done; else the time is up
        """
        pairs = self._find_bank_lines(balance.company_id)
        return all(
            self.env["paylink.job.mixin"]._each(
                self.env[model].union(*(of for _item, _line, of in pairs if of._name == model)),
                lambda record: [self._reconcile(item, line) for item, line, of in pairs if of == record],
                take=False,
                place=lambda record: record.balance_id,
                scope=balance.company_id,
            )
            for model in ("paylink.payout", "paylink.balance.move")
        )

    @api.model
    def _find_bank_lines(self, company, lines=None):
        """The bank's lines that are proven to be those of payouts and top-ups.

        :param lines: new ones: only these amounts are looked for; whoever else has them counts all the same
        :return: list of (item, line of the bank, the ``paylink.payout``, or ``paylink.balance.move`` of the top-up)
        """
        items = self._unmatched(company)
        amounts = {item.amount_residual_currency for item in items}
        if lines is not None:
            amounts &= set(lines.mapped("amount"))
        if not amounts:
            return []
        transfer = Domain("account_id", "=", company.transfer_account_id.id)
        transfer &= Domain("reconciled", "=", False) & Domain("parent_state", "=", "posted")
        is_open = Domain("is_reconciled", "=", False) | Domain("move_id.line_ids", "any", transfer)
        domain = is_open & Domain("company_id", "=", company.id) & Domain("amount", "in", list(amounts))
        domain &= Domain("journal_id.paylink_balance_id", "=", False) & Domain("state", "=", "posted")
        found = self.env["account.bank.statement.line"].sudo().search(domain, order="id desc", limit=MATCHED_AT_ONCE)
        return [(item, line, items[item]) for item, line in _pairs(items, found).items()]

    @api.model
    def _unmatched(self, company):
        """The payouts on their way, those on their way back, and top-ups, by their items."""
        Payout = self.sudo()
        found = {}
        for name in ("item_id", "return_item_id"):
            domain = [("company_id", "=", company.id), (name, "!=", False), (f"{name}.reconciled", "=", False)]
            found |= {payout[name]: payout for payout in Payout.search(domain, order="id desc", limit=MATCHED_AT_ONCE)}
        return found | self.env["paylink.balance.move"].sudo()._unmatched_top_ups(company)

    @api.model
    def _match_bank_lines(self, lines):
        """Reconcile lines of the bank with the payouts that arrive with them, whichever came first.

        Proof is the exact amount, and the reference of the payout in the label; or a label that names Stripe, in the
        days in which it is expected, where no other payout and no other line have this amount.

        :param lines: ``account.bank.statement.line`` of real banks, new ones; what fails with one is left to the job
        """
        waiting = lines.filtered(lambda line: not line.is_reconciled and not line.journal_id.sudo().paylink_balance_id)
        for company, own in waiting.grouped("company_id").items():
            for item, line, record in self._find_bank_lines(company, own):
                try:
                    with self.env.cr.savepoint():
                        self._reconcile(item, line)
                except UserError as error:
                    _logger.info("%s is not reconciled: %s", record, error)
                    self.env["paylink.job.mixin"]._wake("paylink_addon.ir_cron_paylink_balance")

    @api.model
    def _reconcile(self, item, line):
        """Reconcile the bank's line with a payout's item; first it is put on the account of that, if it is not there.

        :raise UserError: the line can't be changed anymore
        """
        _liquidity, suspense, others = line._seek_for_lines()
        there = others.filtered(lambda one: one.account_id == item.account_id and not one.reconciled)
        own = there if len(there) == 1 else suspense
        if len(own) != 1:
            return
        books = item.company_id._paylink_in_books(own.sudo())
        if own.account_id != item.account_id:
            if not line.move_id._paylink_can_change():
                raise UserError(
                    self.env._(
                        "Its day is locked, or its entry is secured: reconcile %(line)s by hand.",
                        line=line.display_name,
                    )
                )
            books.with_context(skip_readonly_check=True).write({"account_id": item.account_id.id})
        (books + item.with_env(books.env)).reconcile()

    def _is_named_by(self, line):
        """Whether the label has the reference, whatever stands between its signs, and not as a part of a longer one."""
        return is_named(line, self.reference, self.name)

    def _is_awaited_by(self, line):
        """Whether the label names Stripe, or what Stripe has the bank print, in the days in which it is expected; and
        nobody else's payouts could be meant.
        """
        return is_awaited(line, self.arrival_date, STRIPE, self.descriptor)


def _pairs(items, lines):
    """Which line of the bank is which payout's: only what is proven, and told of one of each alone.

    :param dict items: payouts and top-ups by their items
    :return: lines by items
    """
    by_amount = {}
    for line in lines:
        by_amount.setdefault((line.currency_id, line.currency_id.round(line.amount)), []).append(line)
    found = {
        item: by_amount.get((item.currency_id, item.currency_id.round(item.amount_residual_currency)), ())
        for item in items
    }
    pairs = {}
    for test in ("_is_named_by", "_is_awaited_by"):
        taken = set(pairs.values())
        left = {
            item: [line for line in own if line not in taken and getattr(items[item], test)(line)]
            for item, own in found.items()
            if item not in pairs
        }
        pairs |= _alone(left)
    return pairs


def _alone(found):
    """Those of ``{item: lines}`` that have one line, which no other has."""
    counts = Counter(line for lines in found.values() for line in lines)
    return {item: lines[0] for item, lines in found.items() if len(lines) == 1 and counts[lines[0]] == 1}


def is_named(line, *words):
    """Whether the label of a bank's line has one of these words, which name one thing alone."""
    return any(_has(_label(line), word) for word in words if word)


def is_awaited(line, day, *words):
    """Whether a bank's line has one of these words, on a day on which it is expected; and nobody else can be meant."""
    is_due = day - EARLY <= line.date <= day + LATE
    return is_due and is_named(line, *words) and not line.company_id._paylink_has_unkept_stripe()


def _label(line):
    return " ".join(filter(None, [line.payment_ref, line.ref, line.partner_name])).upper()


def _has(label, word):
    """Whether ``label`` has ``word``, with anything that is no letter or digit between its signs."""
    signs = re.sub(r"[^A-Z0-9]", "", word.upper())
    if len(signs) < SHORTEST:
        return False
    return bool(re.search(r"(?<![A-Z0-9])" + r"[^A-Z0-9]*".join(signs) + r"(?![A-Z0-9])", label))
