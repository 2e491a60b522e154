"""Stage of ``account.bank.statement.line``: what lines of banks may pay, read for all of them in a few queries."""

import re
from collections import defaultdict

from odoo import api, models
from odoo.tools import SQL

from ...const import LIVE_STATES
from ...tools.bank_matching import Line, Target, World, decide, numbers
from ...tools.creditor_reference import find, plain
from .account_move import NUMBER, WHICH

_TAG = re.compile(r"<[^>]*>")
# What one field may tell: none crowds out the others.
LONGEST_TEXT = 2000


class AccountBankStatementLineFind(models.Model):
    """The database is asked as often for one line as for thousands; what fits is decided in ``tools/bank_matching``."""

    _inherit = "account.bank.statement.line"

    def _paylink_decide(self):
        """What these lines pay: a list of ``bank_matching.Decision``. Nothing is written."""
        self.env.flush_all()
        lines = self._paylink_read_lines()
        return decide(lines, self._paylink_world(lines)) if lines else []

    # === THE LINES === #

    def _paylink_read_lines(self):
        """Those of these lines that bring money and are not reconciled, as ``bank_matching.Line``.

        The account that paid is the one that the bank has named: Odoo itself notes one of whoever is named on the line.
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT line.id, line.company_id, currency.id, %(amount)s, move.date, partner.commercial_partner_id,
                       line.journal_id,
                       EXISTS (SELECT FROM paylink_bank_match refused
                                WHERE refused.line_id = line.id AND refused.state IN %(refused)s),
                       line.account_number, line.payment_ref, move.ref, move.narration, line.transaction_details,
                       line.partner_name
                  FROM account_bank_statement_line line
                  JOIN account_move move ON move.id = line.move_id AND move.state = 'posted'
                  JOIN res_currency currency ON currency.id = COALESCE(line.foreign_currency_id, line.currency_id)
             LEFT JOIN res_partner partner ON partner.id = line.partner_id
                 WHERE line.id IN %(ids)s AND line.is_reconciled IS NOT TRUE AND line.amount > 0
              ORDER BY move.date, line.id
                """,
                amount=_minor(
                    SQL(
                        """CASE WHEN line.foreign_currency_id IS NULL THEN line.amount
                                ELSE COALESCE(line.amount_currency, 0) END"""
                    )
                ),
                refused=_REFUSED,
                ids=tuple(self.ids) or (0,),
            )
        )
        owners = self._paylink_account_owners({(row[1], _account(row[8])) for row in rows if row[8]})
        refused = self.browse([row[0] for row in rows if row[7]])._paylink_refused()
        limits = self._paylink_fee_limits({row[1] for row in rows})
        nobody = frozenset()
        return [
            Line(
                id=row[0],
                place=row[1:3],
                amount=row[3],
                date=row[4],
                text=(text := plain("\n".join(_texts(row[9:])))),
                references=tuple(find(text)),
                payer=plain(row[13]),
                customers=owners.get((row[1], _account(row[8])), nobody) if row[8] else nobody,
                partner=row[5],
                refused=refused.get(row[0], nobody),
                fee_limit=limits.get(row[1:3], 0),
                journal=row[6],
                account=_account(row[8]),
            )
            for row in rows
        ]

    @api.model
    def _paylink_account_owners(self, accounts):
        """The customers who own accounts: sets of ids of commercial partners by ``(company, number)``.

        :param accounts: pairs of a company's id and a number without spaces
        """
        if not accounts:
            return {}
        found = defaultdict(set)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT wanted.company_id, wanted.number, partner.commercial_partner_id
                  FROM unnest(%s, %s) AS wanted(company_id, number)
                  JOIN res_partner_bank account ON account.sanitized_acc_number = wanted.number AND account.active
                                               AND (account.company_id IS NULL
                                                    OR account.company_id = wanted.company_id)
                  JOIN res_partner partner ON partner.id = account.partner_id
                """,
                [company_id for company_id, _number in accounts],
                [number for _company_id, number in accounts],
            )
        )
        for company_id, number, customer in rows:
            found[company_id, number].add(customer)
        return {key: frozenset(customers) for key, customers in found.items()}

    def _paylink_refused(self):
        """What was undone or rejected of each line: it is not proposed again."""
        matches = self.env["paylink.bank.match"].search([("line_id", "in", self.ids), ("state", "in", _REFUSED)])
        found = defaultdict(set)
        for match in matches:
            found[match.line_id.id] |= {frozenset(match.item_ids.ids), *match.link_ids.ids}
            found[match.line_id.id] |= {
                frozenset(link.line_ids.move_line_id.ids) for link in match.link_ids if link.line_ids
            }
        return {line_id: frozenset(keys) for line_id, keys in found.items()}

    @api.model
    def _paylink_fee_limits(self, company_ids):
        """What banks may have kept of a transfer, by company and currency: only in the company's own currency."""
        companies = self.env["res.company"].browse(company_ids)
        return {
            (company.id, company.currency_id.id): _whole(company.paylink_bank_fee_limit, company.currency_id)
            for company in companies
        }

    # === WHAT MAY BE PAID === #

    @api.model
    def _paylink_world(self, lines):
        """What these lines are compared with, as ``bank_matching.World``: what one stage finds, the next leaves out."""
        world, places = World(), self._paylink_places({line.place for line in lines})
        wanted = {found.number for line in lines for found in line.references}
        for _none, place, target in self._paylink_link_targets(places, SQL("link.id IN %s", tuple(wanted) or (0,))):
            world.links[place, target.link_id] = target
        self._paylink_add_asked(world, lines)
        left = [
            line
            for line in lines
            if line.refused or not any((line.place, found.number) in world.links for found in line.references)
        ]
        if left:
            self._paylink_add_numbers(world, places, left)
            left = [line for line in left if line.refused or not self._paylink_has_number(world, line)]
        if left:
            self._paylink_add_owed(world, places, left)
            self._paylink_add_named(world, places, left)
        self._paylink_add_payments(world, places, lines)
        return world

    @api.model
    def _paylink_places(self, places):
        """Where there may be what is paid: in the company of the bank and in its branches, as Odoo reconciles them.

        :param set places: companies and currencies of lines
        :return: places of lines, by places where there may be something for them
        """
        found = defaultdict(list)
        companies = self.env["res.company"].sudo().browse(company_id for company_id, _currency_id in places)
        for company in companies.search([("id", "child_of", companies.ids)]):
            for parent in company.parent_ids & companies:
                for place in places:
                    if place[0] == parent.id:
                        found[company.id, place[1]].append(place)
        return found

    @api.model
    def _paylink_add_asked(self, world, lines):
        """Of links in installments that get another amount than what is due: what their pages ask for at first."""
        several = {key for key, target in world.links.items() if len(target.items) > 1}
        unlike = {
            key: world.links[key]
            for line in (lines if several else ())
            for found in line.references
            if (key := (line.place, found.number)) in several and world.links[key].due != line.amount
        }
        if not unlike:
            return
        links = self.env["paylink.link"].browse([target.link_id for target in unlike.values()])
        due = links._due_amounts()
        for key, target in unlike.items():
            asked, _lines = links.browse(target.link_id)._proposal(due[target.link_id])
            world.links[key] = target._replace(asked=_whole(asked, links.browse(target.link_id).currency_id))

    @api.model
    def _paylink_has_number(self, world, line):
        return bool(world.numbers) and any((line.place, number) in world.numbers for number in numbers(line.text))

    @api.model
    def _paylink_add_numbers(self, world, places, lines):
        wanted = list({number for line in lines for number in numbers(line.text)})
        if not wanted:
            return
        number = SQL(NUMBER.format("link.name"))
        for found, place, target in self._paylink_link_targets(
            places, SQL("%s = ANY(%s) AND link.issued_at IS NOT NULL", number, wanted), number
        ):
            world.numbers.setdefault((place, found), []).append(target)
        told = self._paylink_announced_references(wanted)
        for _none, place, target in self._paylink_link_targets(places, SQL("link.id IN %s", tuple(told) or (0,))):
            for found in told[target.link_id]:
                world.numbers.setdefault((place, found), []).append(target)
        for found, place, target in self._paylink_document_targets(places, wanted):
            world.numbers.setdefault((place, found), []).append(target)

    @api.model
    def _paylink_announced_references(self, wanted):
        """What Odoo's provider of wire transfers has told customers to give: numbers by the id of the link."""
        number = SQL(NUMBER.format("tx.reference"))
        found = defaultdict(list)
        rows = self.env.execute_query(
            SQL(
                """SELECT tx.paylink_id, %s FROM payment_transaction tx
                    WHERE tx.state = 'pending' AND tx.paylink_id IS NOT NULL AND %s = ANY(%s)""",
                number,
                number,
                wanted,
            )
        )
        for link_id, text in rows:
            found[link_id].append(text)
        return found

    @api.model
    def _paylink_document_targets(self, places, wanted):
        """The open items of invoices by their numbers, or their payment references: ``(number, place, target)``."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT found.number, %(sums)s
                  FROM (SELECT id, %(name)s AS number FROM account_move
                         WHERE %(name)s = ANY(%(wanted)s) AND %(which)s
                         UNION
                        SELECT id, %(payment)s FROM account_move
                         WHERE %(payment)s = ANY(%(wanted)s) AND %(which)s) found
                  JOIN account_move_line item ON item.move_id = found.id
                  JOIN res_partner partner ON partner.id = item.partner_id
                  JOIN res_partner customer ON customer.id = partner.commercial_partner_id
                  JOIN res_currency currency ON currency.id = item.currency_id
                 WHERE item.display_type = 'payment_term' AND %(open)s
              GROUP BY found.number, found.id, %(whose)s
                """,
                name=SQL(NUMBER.format("name")),
                payment=SQL(NUMBER.format("payment_reference")),
                wanted=wanted,
                which=SQL(WHICH),
                sums=_SUMS,
                whose=_WHOSE,
                open=self._paylink_open_sql(places),
            )
        )
        return _placed(rows, places)

    @api.model
    def _paylink_add_owed(self, world, places, lines):
        """What the payers of these lines owe: each item, each link, and all of it."""
        customers = {customer for line in lines for customer in (line.customers or {line.partner}) if customer}
        if not customers:
            return
        wanted = tuple(customers)
        found = defaultdict(list)
        for _none, place, target in self._paylink_item_targets(
            places, SQL("partner.commercial_partner_id IN %s", wanted), with_credits=True
        ):
            found[place, target.customer].append(target)
        for key, targets in found.items():
            world.owed[key] = [target for target in targets if target.due > 0]
            if len(targets) > 1:
                world.owed[key].append(_sum(targets))
        live = SQL("partner.commercial_partner_id IN %s AND link.state IN %s", wanted, LIVE_STATES)
        for _none, place, target in self._paylink_link_targets(places, live):
            world.owed.setdefault((place, target.customer), []).append(target)

    @api.model
    def _paylink_add_named(self, world, places, lines):
        """What anybody owes of the amounts of lines of which the payer's account is not known, or has announced."""
        wanted = self._paylink_wanted_amounts(places, [line for line in lines if not line.customers])
        if not wanted:
            return
        amounts = self._paylink_amounts_sql(wanted)
        for _none, place, target in self._paylink_item_targets(
            places, SQL("(item.company_id, item.currency_id, item.amount_residual_currency) IN (%s)", amounts)
        ):
            world.named.setdefault((place, target.due), []).append(target)
        announced = SQL(
            """link.state IN %s AND (
                  (link.transfer_claim_date IS NOT NULL
                   AND (link.company_id, link.currency_id, link.transfer_claim_amount) IN (%s))
               OR (link.kind != 'open_items' AND (link.company_id, link.currency_id, link.amount) IN (%s)))""",
            LIVE_STATES,
            amounts,
            amounts,
        )
        for _none, place, target in self._paylink_link_targets(places, announced):
            world.named.setdefault((place, target.due), []).append(target)
            if target.claimed:
                world.claims.setdefault((place, target.claimed), []).append(target)

    @api.model
    def _paylink_add_payments(self, world, places, lines):
        """What was registered by hand, each in the journal of a line: the bank's line is to settle the outstanding
        account. What a provider has brought comes with its payouts.
        """
        by_hand = SQL(
            """payment.payment_transaction_id IS NULL AND payment.payment_type = 'inbound'
               AND payment.is_matched IS NOT TRUE AND payment.partner_type = 'customer' AND payment.journal_id IN %s""",
            tuple({line.journal for line in lines}),
        )
        if not self.env.execute_query(SQL("SELECT FROM account_payment payment WHERE %s LIMIT 1", by_hand)):
            return
        rows = self.env.execute_query(
            SQL(
                """
                SELECT payment.journal_id, %(sums)s
                  FROM account_payment payment
                  JOIN account_move_line item ON item.move_id = payment.move_id AND item.parent_state = 'posted'
                                             AND item.account_id = payment.outstanding_account_id
                                             AND item.reconciled IS NOT TRUE
                  JOIN account_account account ON account.id = item.account_id AND account.reconcile
                  JOIN res_partner partner ON partner.id = payment.partner_id
                  JOIN res_partner customer ON customer.id = partner.commercial_partner_id
                  JOIN res_currency currency ON currency.id = item.currency_id
                 WHERE %(by_hand)s
                   AND (item.company_id, item.currency_id, item.amount_residual_currency) IN (%(amounts)s)
                   AND (item.company_id, item.currency_id) IN %(places)s
              GROUP BY payment.journal_id, item.id, %(whose)s
                """,
                sums=_SUMS,
                whose=_WHOSE,
                by_hand=by_hand,
                amounts=self._paylink_amounts_sql(self._paylink_wanted_amounts(places, lines)),
                places=tuple(places),
            )
        )
        for journal_id, place, target in _placed(rows, places):
            world.payments.setdefault((place, journal_id, target.due), []).append(target)

    @api.model
    def _paylink_wanted_amounts(self, places, lines):
        """The amounts of lines, with each place where there may be something for them."""
        by_place = defaultdict(set)
        for line in lines:
            by_place[line.place].add(line.amount)
        return {(*own, amount) for own, found in places.items() for place in found for amount in by_place[place]}

    @api.model
    def _paylink_amounts_sql(self, wanted):
        digits = {
            currency_id: 10 ** self.env["res.currency"].browse(currency_id).decimal_places
            for _c, currency_id, _a in wanted
        }
        companies, currencies, amounts = zip(*wanted, strict=True)
        decimals = [f"{amount / digits[currency]:.6f}" for currency, amount in zip(currencies, amounts, strict=True)]
        return SQL(
            "SELECT * FROM unnest(%s::int[], %s::int[], %s::numeric[])", list(companies), list(currencies), decimals
        )

    @api.model
    def _paylink_item_targets(self, places, condition, *, with_credits=False):
        """Open items, each as ``(None, place, target)``."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT NULL, %(sums)s
                  FROM account_move_line item
                  JOIN res_partner partner ON partner.id = item.partner_id
                  JOIN res_partner customer ON customer.id = partner.commercial_partner_id
                  JOIN res_currency currency ON currency.id = item.currency_id
                 WHERE %(condition)s AND %(open)s AND (%(with_credits)s OR item.amount_residual_currency > 0)
              GROUP BY item.id, %(whose)s
                """,
                sums=_SUMS,
                whose=_WHOSE,
                condition=condition,
                open=self._paylink_open_sql(places),
                with_credits=with_credits,
            )
        )
        return _placed(rows, places)

    @api.model
    def _paylink_open_sql(self, places):
        """The condition of open receivable items of these places."""
        return SQL(
            """item.reconciled IS NOT TRUE AND item.parent_state = 'posted' AND item.account_id IN %s
               AND (item.company_id, item.currency_id) IN %s""",
            tuple(self._paylink_receivables({company_id for company_id, _currency_id in places})) or (0,),
            tuple(places),
        )

    @api.model
    def _paylink_receivables(self, company_ids):
        roots = self.env["res.company"].browse(company_ids).root_id
        Account = self.env["account.account"].sudo().with_context(active_test=False)
        return Account.search([("account_type", "=", "asset_receivable"), ("company_ids", "child_of", roots.ids)]).ids

    @api.model
    def _paylink_link_targets(self, places, condition, more=None):
        """Links, each as ``(what more (SQL) says of it, place, target)``."""
        Link, items = self.env["paylink.link"], SQL("COALESCE(sum(item.amount_residual_currency), 0)")
        enough = SQL("CASE WHEN %s THEN COALESCE(sum(%s), 0) ELSE %s END", Link._earns_discount_sql(), _ENOUGH, items)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT more, company_id, currency_id, id, items, due, customer_id, name, enough,
                       CASE WHEN enough != due THEN discount_date END, allow_partial, state, claimed, claimed_on,
                       NULL AS asked, claimed_from
                  FROM (
                SELECT link.id, link.company_id, link.currency_id, customer.id AS customer_id, customer.name,
                       COALESCE(link.allow_partial, FALSE) AS allow_partial,
                       array_agg(item.id) FILTER (WHERE item.id IS NOT NULL) AS items,
                       %(due)s AS due, %(enough)s AS enough, min(item.discount_date) AS discount_date,
                       CASE WHEN link.settled_elsewhere THEN 'settled' ELSE link.state END AS state,
                       CASE WHEN link.transfer_claim_date IS NOT NULL THEN %(claimed)s END AS claimed,
                       link.transfer_claim_date AS claimed_on, link.transfer_claim_account AS claimed_from,
                       %(more)s AS more
                  FROM paylink_link link
                  JOIN res_partner partner ON partner.id = link.partner_id
                  JOIN res_partner customer ON customer.id = partner.commercial_partner_id
                  JOIN res_currency currency ON currency.id = link.currency_id
             LEFT JOIN paylink_link_line line ON line.link_id = link.id
             LEFT JOIN account_move_line item ON item.id = line.move_line_id AND item.reconciled IS NOT TRUE
                                             AND item.parent_state = 'posted'
                 WHERE %(condition)s AND (link.company_id, link.currency_id) IN %(places)s
              GROUP BY link.id, customer.id, currency.id
                       ) found
                """,
                due=_minor(Link._asked_sql(items)),
                enough=_minor(Link._asked_sql(enough)),
                claimed=_minor(SQL("link.transfer_claim_amount")),
                more=more or SQL("NULL"),
                condition=condition,
                places=tuple(places),
            )
        )
        return _placed(rows, places)


# Who refused it stands behind it.
_REFUSED = ("undone", "rejected")
# What is enough for an item while its early payment discount lasts.
_ENOUGH = SQL(
    """CASE WHEN item.discount_date IS NOT NULL AND item.amount_residual_currency = item.amount_currency
            THEN item.discount_amount_currency ELSE item.amount_residual_currency END"""
)


def _minor(amount):
    """An amount (SQL) as a whole number of the smallest unit of ``currency``."""
    return SQL("round((%s) * 10 ^ currency.decimal_places)::bigint", amount)


def _whole(amount, currency):
    """The same of an amount that is known."""
    return round(amount * 10**currency.decimal_places)


# Place and target of items, as :func:`_placed` takes them.
_SUMS = SQL(
    """item.company_id, item.currency_id, NULL, array_agg(item.id), %(due)s, customer.id, customer.name, %(enough)s,
       CASE WHEN sum(%(plain)s) != sum(item.amount_residual_currency) THEN min(item.discount_date) END""",
    due=_minor(SQL("sum(item.amount_residual_currency)")),
    enough=_minor(SQL("sum(%s)", _ENOUGH)),
    plain=_ENOUGH,
)
_WHOSE = SQL("item.company_id, item.currency_id, customer.id, currency.id")


def _placed(rows, places):
    """Each target with each place where it may be for lines: ``(what, place, target)``.

    :param rows: what is known besides, the company and the currency, and the values of ``Target`` in their order
    """
    for what, company_id, currency_id, link_id, items, *values in rows:
        target = Target(link_id, frozenset(items or ()), *values)
        for place in places[company_id, currency_id]:
            yield what, place, target


def _account(number):
    """A number of an account without signs, in capital letters, as Odoo stores it."""
    return re.sub(r"\W+", "", number).upper() if number else ""


def _texts(parts):
    """All texts that a line has, of whatever kind its format gives it."""
    for part in parts:
        if not part:
            continue
        if isinstance(part, dict):
            yield from _texts(part.values())
        elif isinstance(part, list | tuple):
            yield from _texts(part)
        elif part is not True:
            text = str(part)[:LONGEST_TEXT]
            yield _TAG.sub(" ", text) if "<" in text else text


def _sum(targets):
    """All of it as one target."""
    first = targets[0]
    return Target(
        link_id=None,
        items=frozenset().union(*(target.items for target in targets)),
        due=sum(target.due for target in targets),
        customer=first.customer,
        name=first.name,
    )
