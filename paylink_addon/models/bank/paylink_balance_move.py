from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, LazyTranslate, format_amount, format_date

from ...tools.money import to_major
from ...tools.stripe_events import moment_of
from ...tools.texts import said
from ..stripe.payment_transaction import id_of
from .paylink_balance_read import KEPT_TYPES, OPENING, TOLD_AT_ONCE

_lt = LazyTranslate(__name__)

# Stripe's reporting categories, as people read them. https://docs.stripe.com/reports/reporting-categories
CATEGORIES = {
    OPENING: _lt("Opening balance"),
    "charge": _lt("Payment"),
    "charge_failure": _lt("Failed payment"),
    "partial_capture_reversal": _lt("Part not captured"),
    "refund": _lt("Refund to customer"),
    "refund_failure": _lt("Failed refund"),
    "dispute": _lt("Chargeback"),
    "dispute_reversal": _lt("Chargeback won"),
    "fee": _lt("Fee"),
    "tax": _lt("Tax on fees"),
    "network_cost": _lt("Network costs"),
    "payout": _lt("Payout"),
    "payout_reversal": _lt("Payout returned"),
    "topup": _lt("Top-up"),
    "topup_reversal": _lt("Top-up returned"),
    "other_adjustment": _lt("Adjustment"),
    "transfer": _lt("Transfer"),
    "transfer_reversal": _lt("Transfer returned"),
    "risk_reserved_funds": _lt("Reserve"),
}
CHARGES = ("charge", "charge_failure")
PAYMENTS = (*CHARGES, "partial_capture_reversal", "refund", "refund_failure")
DISPUTES = ("dispute", "dispute_reversal")
FEES = ("fee", "tax", "network_cost")
# Between this account and the company's bank.
TOP_UPS = ("topup", "topup_reversal")
TRANSFERS = ("payout", "payout_reversal", *TOP_UPS)
# What waits for another entry: a payment in the books, or a line of the bank. Payouts are listed on their own.
AWAITED = (*PAYMENTS, *DISPUTES, *TOP_UPS)


class PaylinkBalanceMove(models.Model):
    """One row of an account at Stripe (*balance transaction*), as Stripe says it, and the bank lines it has become.

    Only the job writes it. https://docs.stripe.com/api/balance_transactions/object
    """

    _name = "paylink.balance.move"
    _inherit = "paylink.balance.mixin"
    _description = "Movement at Stripe"
    _order = "created_at desc, id desc"
    _log_access = False

    balance_id = fields.Many2one("paylink.balance", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one(related="balance_id.company_id", store=True, index=True)
    name = fields.Char(string="Movement", required=True, readonly=True, help="As Stripe names it.")
    kind = fields.Char(readonly=True)
    category = fields.Char(readonly=True)
    category_display = fields.Char(string="What moved", compute="_compute_category_display")
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    amount = fields.Monetary(readonly=True)
    fee = fields.Monetary(readonly=True)
    fee_tax = fields.Monetary(string="Tax in the fee", readonly=True, help="As Stripe names it.")
    net = fields.Monetary(readonly=True)
    created_at = fields.Datetime(string="Moved on", required=True, readonly=True)
    date = fields.Date(required=True, readonly=True, help="The day for the company.")
    source = fields.Char(
        string="Object", readonly=True, index="btree_not_null", help="What it is about, as Stripe names it."
    )
    intent = fields.Char(readonly=True)
    source_amount = fields.Float(readonly=True)
    source_currency_id = fields.Many2one(
        "res.currency", readonly=True, help="In which the customer has paid, where that is another one."
    )
    description = fields.Char(readonly=True)
    transaction_id = fields.Many2one(
        "payment.transaction", string="Payment", readonly=True, index="btree_not_null", ondelete="set null"
    )
    link_id = fields.Many2one(related="transaction_id.paylink_id", string="Collection Link")
    payout_id = fields.Many2one(
        "paylink.payout", readonly=True, index="btree_not_null", ondelete="set null", help="Which has paid it out."
    )
    payout_amount = fields.Monetary(related="payout_id.amount", string="Payout Amount")
    bank_date = fields.Date(string="On the account on", related="payout_id.arrival_line_id.date")
    bank_label = fields.Char(string="Label of the Bank", related="payout_id.arrival_line_id.payment_ref")
    line_id = fields.Many2one(
        "account.bank.statement.line", string="Bank Line", readonly=True, index="btree_not_null", ondelete="set null"
    )
    fee_line_id = fields.Many2one(
        "account.bank.statement.line",
        string="Line of the Fee",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    booked_later_on = fields.Date(readonly=True, help="Its own day is locked: it is booked on the first open one.")
    fee_booked_later_on = fields.Date(readonly=True, help="The same of its fee.")
    is_kept = fields.Boolean(readonly=True, help="It moved on the first day or later: it is in the journal.")
    is_open = fields.Boolean(
        string="To reconcile",
        compute="_compute_is_open",
        search="_search_is_open",
        help="Its line waits on the suspense account, or for its payment.",
    )
    why = fields.Char(string="Why it is open", compute="_compute_why")
    error = fields.Char(string="Why it is not booked", readonly=True)

    _name_unique = models.Constraint("UNIQUE (balance_id, name)", "What has moved at Stripe is stored once.")
    _waiting_index = models.Index("(balance_id) WHERE is_kept AND (line_id IS NULL OR fee_line_id IS NULL)")
    _later_index = models.Index("(balance_id) WHERE booked_later_on IS NOT NULL OR fee_booked_later_on IS NOT NULL")
    _day_index = models.Index("(balance_id, date) WHERE is_kept")

    # === COMPUTE METHODS === #

    @api.depends("category")
    @api.depends_context("lang")
    def _compute_category_display(self):
        for move in self:
            move.category_display = said(CATEGORIES.get(move.category, move.category), self.env)

    @api.depends("category", "line_id.is_reconciled", "line_id.line_ids.reconciled", "fee_line_id.is_reconciled")
    def _compute_is_open(self):
        for move in self:
            move.is_open = bool(move._open_items())

    def _search_is_open(self, operator, value):
        if operator != "in":
            return NotImplemented
        waits = Domain("account_id.reconcile", "=", True) & Domain("reconciled", "=", False)
        waits &= Domain("parent_state", "=", "posted") & Domain("account_type", "!=", "asset_cash")
        is_open = Domain("category", "in", AWAITED) & Domain("line_id.move_id.line_ids", "any", waits)
        for name in ("line_id", "fee_line_id"):
            is_open |= Domain(name, "!=", False) & Domain(f"{name}.is_reconciled", "=", False)
        return is_open if True in value else ~is_open

    def _open_items(self):
        """What keeps it open: items on the suspense account, and one that waits for what it settles."""
        lines = self.line_id | self.fee_line_id
        suspense = lines.filtered(lambda line: not line.is_reconciled).move_id.line_ids.filtered(
            lambda item: item.account_id == item.journal_id.suspense_account_id
        )
        own = self.filtered(lambda move: move.category in AWAITED).line_id.move_id.line_ids
        return suspense | own.filtered(
            lambda item: (
                item.account_id.reconcile
                and not item.reconciled
                and item.parent_state == "posted"
                and item.account_type != "asset_cash"
            )
        )

    @api.depends("is_open", "transaction_id.state", "transaction_id.payment_id")
    @api.depends_context("lang")
    def _compute_why(self):
        for move in self:
            move.why = move.error or (move._why_open() if move.is_open else False)

    def _why_open(self):
        if self.category in TRANSFERS and self.line_id.is_reconciled:
            return self.env._("The bank has not shown it yet.")
        if self.category not in PAYMENTS + DISPUTES:
            return self.env._("Nothing in Odoo belongs to it: choose its account.")
        if not self.transaction_id:
            return self._why_unknown()
        if self.transaction_id.sudo().state in ("draft", "pending", "authorized"):
            return self.env._("The payment is in progress.")
        if not all(entry._paylink_can_change() for entry in self._open_items().sudo().move_id):
            return self.env._("Its day is locked, or its entry secured: reconcile it by hand.")
        return self.env._("The payment is not booked, is reconciled with something else, or has another amount.")

    def _why_unknown(self):
        """Why no payment is known of it."""
        domain = [("paylink_stripe_intent", "=", self.intent), ("company_id", "!=", self.company_id.id)]
        other = self.env["payment.transaction"].sudo().search(domain, limit=1) if self.intent else None
        if other:
            return self.env._("It is a payment of %(company)s.", company=other.company_id.name)
        return self.env._("No payment in Odoo belongs to it: it was taken without Odoo.")

    def _told(self, env):
        """The row in words."""
        move = self.with_env(env)
        return env._(
            "%(what)s of %(date)s, %(amount)s (%(name)s) %(why)s",
            what=move.category_display,
            date=format_date(env, move.date),
            amount=format_amount(env, move.net, move.currency_id),
            name=move.name,
            why=move.error or "",
        ).strip()

    # === ACTIONS === #

    def action_view_entry(self):
        """Show the bank line's entry."""
        self.check_access("read")
        self.ensure_one()
        entries = (self.line_id | self.fee_line_id).move_id
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_move_journal_line")
        if len(entries) == 1:
            return action | {"views": [(False, "form")], "res_id": entries.id}
        return action | {"domain": [("id", "in", entries.ids)], "context": {}}

    # === STORING === #

    @api.model
    def _store(self, balance, found, **values):
        """Store what is not known yet, and with it the payouts that it tells of.

        :param list found: Stripe's balance transactions, with their sources
        :param values: what else holds for all of them: which payout has paid them out
        :return: those that are new
        """
        found = [
            one for one in found if one.get("balance_type") in KEPT_TYPES and (values or self._concerns(balance, one))
        ]
        self.env["paylink.payout"]._note(balance, _sources(found))
        names = [one["id"] for one in found]
        known = self.search_fetch([("balance_id", "=", balance.id), ("name", "in", names)], ["name"])
        if values:
            known.write(values)
        known_names = set(known.mapped("name"))
        if not balance.is_tax_named and any(one["reporting_category"] == "tax" or _fee_tax(one) for one in found):
            balance.is_tax_named = True
        codes = {one["currency"].upper() for one in found}
        codes |= {source.get("currency", "").upper() for source in _sources(found)}
        Currency = self.env["res.currency"].with_context(active_test=False)
        currencies = Currency.search([("name", "in", list(codes))]).grouped("name")
        new = [one for one in reversed(found) if one["id"] not in known_names]
        made = self.create([self._values(balance, one, currencies) | values for one in new])
        early = made.filtered(lambda move: not move.is_kept)
        left = early - early._keep_unbooked(new) if early else early
        if not values:
            left.unlink()  # of before the first day: what was there then is the opening balance
            made -= left
        balance._note_late(made)
        return made

    @api.model
    def _concerns(self, balance, found):
        """Whether a row is one of the journal, or may be: see :meth:`_keep_unbooked`."""
        if moment_of(found["created"]) >= balance._start():
            return True
        return not balance.is_opened and found["reporting_category"] in PAYMENTS + DISPUTES

    def _keep_unbooked(self, found):
        """Keep what had moved before the first day, and will be in the books only after it: its payment will be booked
        on the new account (a debit on its way, a message that comes late). The opening balance is less by that.

        :param list found: Stripe's balance transactions, with their sources
        :return: those that are kept
        """
        balance = self.balance_id
        if balance.is_opened:
            return self.browse()
        self._find_transactions()
        ours, entries = balance._named_as_ours(found), self._find_payments()
        late = self.filtered(
            lambda move: (
                move.category in PAYMENTS + DISPUTES and move.name in ours and move._is_unbooked(entries.get(move))
            )
        )
        late.write({"is_kept": True, "date": balance.since})
        return late

    def _is_unbooked(self, entry):
        """Whether its payment is not in the books yet, or is there on the new account already.

        :param entry: the ``account.move`` of its payment, if any
        """
        if entry:
            return entry.origin_payment_id.outstanding_account_id == self.balance_id.outstanding_account_id
        transaction = self.transaction_id.sudo()
        if not transaction or self.category in DISPUTES:
            return True
        return not (transaction | transaction._paylink_settled_parts()).payment_id

    @api.model
    def _values(self, balance, found, currencies):
        code = found["currency"].upper()
        source = found["source"] if isinstance(found["source"], dict) else {}
        created = moment_of(found["created"])
        amounts = {name: float(to_major(found[name], code)) for name in ("amount", "fee", "net")}
        amounts["fee_tax"] = float(to_major(_fee_tax(found), code))
        return {
            "balance_id": balance.id,
            "name": found["id"],
            "kind": found["type"],
            "category": found["reporting_category"],
            "currency_id": currencies[code].id,
            **amounts,
            "created_at": created,
            "date": balance.company_id._paylink_day(created),
            "is_kept": created >= balance._start(),
            "source": id_of(found["source"]),
            "intent": id_of(source.get("payment_intent")),
            "description": found.get("description"),
            **self._foreign_values(found, source, currencies),
        }

    @api.model
    def _foreign_values(self, found, source, currencies):
        """What the customer has paid, where Stripe has converted it: the amount is the source's own, no rate's."""
        code = (source.get("currency") or found["currency"]).upper()
        if code == found["currency"].upper() or code not in currencies:
            return {}
        amount = float(to_major(source.get("amount_captured") or source["amount"], code))
        return {"source_amount": amount if found["amount"] > 0 else -amount, "source_currency_id": currencies[code].id}

    @api.model
    def _create_opening(self, balance, currency, amount):
        self.create(
            {
                "balance_id": balance.id,
                "name": f"{OPENING}-{currency.name}",
                "kind": OPENING,
                "category": OPENING,
                "currency_id": currency.id,
                "amount": amount,
                "fee": 0.0,  # what has none at all would wait for its line for ever, and nothing be compared
                "net": amount,
                "created_at": balance._start(),
                "date": balance.since,
                "is_kept": True,
            }
        )

    # === DOMAINS === #

    @api.model
    def _kept_domain(self, balance):
        return Domain("balance_id", "in", balance.ids) & Domain("is_kept", "=", True)

    @api.model
    def _waiting_domain(self, balance):
        """What is not in the journal yet: where somebody has deleted its line, it comes back."""
        gross = Domain("line_id", "=", False) & Domain("amount", "!=", 0)
        fee = Domain("fee_line_id", "=", False) & Domain("fee", "!=", 0)
        return self._kept_domain(balance) & (gross | fee)

    @api.model
    def _changed(self, balance):
        """Rows whose entries somebody has changed, or taken out of the books."""
        query = SQL(
            """
            SELECT move.id
              FROM paylink_balance_move move
              JOIN account_bank_statement_line line ON line.id IN (move.line_id, move.fee_line_id)
              JOIN account_move entry ON entry.id = line.move_id
             WHERE move.balance_id = %s
               AND move.is_kept
               AND (entry.state <> 'posted'
                    OR NOT entry.journal_id = ANY(%s)
                    OR line.amount <> CASE WHEN line.id = move.line_id THEN move.amount ELSE -move.fee END)
          ORDER BY move.id
             LIMIT %s
            """,
            balance.id,
            balance.journal_ids.ids,
            TOLD_AT_ONCE,
        )
        return self.browse(row_id for (row_id,) in self.env.execute_query(query))


def _sources(found):
    """The objects that balance transactions are about, where Stripe has sent them."""
    return [one["source"] for one in found if isinstance(one["source"], dict)]


def _fee_tax(found):
    """How much of its fee Stripe calls tax, in minor units."""
    return sum(part["amount"] for part in found.get("fee_details") or () if part["type"] == "tax")
