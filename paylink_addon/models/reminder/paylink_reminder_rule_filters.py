"""Stage of ``paylink.reminder.rule``: what rules choose from, and what they leave out."""

from odoo import models
from odoo.tools import SQL

from ...const import VOID_STATES
from ...tools import days

# Accents, once a text is decomposed into letters and marks.
MARKS = "[\u0300-\u036f]"


class PaylinkReminderRuleFilters(models.Model):
    """What is reminded at all, and what a rule leaves out: one method for each condition.

    Each returns a condition on a *candidate* ``c``, an open item or a collection link, as SQL; ``None`` where the rule
    leaves it open. Columns of ``c``: see :meth:`_candidates_sql`.
    """

    _inherit = "paylink.reminder.rule"
    # In the order in which the look-up names them.
    _common_conditions = (
        *("open", "followed", "not_blocked", "no_payment"),
        *("not_promised", "not_objected", "not_charged_back"),
    )
    _rule_conditions = (
        *("customers", "autopay", "memo", "date", "terms", "amount", "journals", "salespeople"),
        "moment",
    )

    def _conditions(self, date):
        """All conditions of this rule, by name.

        :param date: the day on which a message would go out
        """
        self.ensure_one()
        found = {name: getattr(self, f"_common_{name}")(date) for name in self._common_conditions}
        found |= {name: getattr(self, f"_filter_{name}")(date) for name in self._rule_conditions}
        return {name: condition for name, condition in found.items() if condition is not None}

    # === WHAT IS NEVER REMINDED === #

    def _common_open(self, _date):
        """What is paid, not posted or over is not reminded; credits are netted, not reminded."""
        return SQL("c.is_open")

    def _common_followed(self, _date):
        """Odoo's own mark on entries that are not followed up."""
        return SQL("c.is_followed")

    def _common_not_blocked(self, _date):
        """Somebody has blocked the payment of the invoice."""
        return SQL("NOT c.is_blocked")

    def _common_no_payment(self, _date):
        """A payment is in progress, or confirmed and not booked yet."""
        items = self.env["account.move.line"]._paylink_in_flight_sql()
        if self.kind != "link":
            return SQL("c.item_id NOT IN (%s)", items)
        links = SQL("SELECT line.link_id FROM paylink_link_line line WHERE line.move_line_id IN (%s)", items)
        return SQL("c.link_id NOT IN (%s)", links)

    def _common_not_promised(self, date):
        return self._hold_sql("promise", date)

    def _common_not_objected(self, date):
        return self._hold_sql("objection", date)

    def _common_not_charged_back(self, _date):
        """The customer's bank takes no payment of it back (see ``account.move.line._paylink_charged_back``)."""
        items = SQL(
            """SELECT rel.item_id FROM paylink_dispute_item_rel rel
                 JOIN paylink_dispute dispute ON dispute.id = rel.dispute_id AND dispute.is_standing"""
        )
        if self.kind != "link":
            return SQL("c.item_id NOT IN (%s)", items)
        links = SQL(
            """SELECT line.link_id FROM paylink_link_line line WHERE line.move_line_id IN (%s)
                UNION SELECT id FROM paylink_link WHERE has_chargeback""",
            items,
        )
        return SQL("c.link_id NOT IN (%s)", links)

    def _hold_sql(self, kind, date):
        """Neither the customer nor the document (or one of the link's) is on hold on ``date``."""
        holds = SQL(
            """FROM paylink_reminder_hold hold
               WHERE hold.kind = %s AND hold.active AND hold.company_id = %s
                 AND (hold.date_until IS NULL OR hold.date_until >= %s)""",
            kind,
            self.company_id.id,
            date,
        )
        of_customer = SQL(
            "c.customer_id NOT IN (SELECT hold.partner_id %s AND hold.move_id IS NULL)",
            holds,
        )
        moves = SQL("SELECT hold.move_id %s AND hold.move_id IS NOT NULL", holds)
        if self.kind == "link":
            links = SQL("SELECT line.link_id FROM paylink_link_line line WHERE line.move_id IN (%s)", moves)
            return SQL("%s AND c.link_id NOT IN (%s)", of_customer, links)
        return SQL("%s AND c.move_id NOT IN (%s)", of_customer, moves)

    # === WHAT A RULE LEAVES OUT === #

    def _filter_customers(self, _date):
        """Customers, or contacts that are invoiced, by name or by tag (tags below it included)."""
        if self.customer_mode == "all":
            return None
        Category = self.env["res.partner.category"].with_context(active_test=False)
        categories = Category.search([("id", "child_of", self.category_ids.ids)])
        chosen = SQL(
            """(c.customer_id IN %(partners)s OR c.contact_id IN %(partners)s
                OR c.customer_id IN (%(tagged)s) OR c.contact_id IN (%(tagged)s))""",
            partners=tuple(self.partner_ids.ids) or (0,),
            tagged=SQL(
                "SELECT partner_id FROM res_partner_res_partner_category_rel WHERE category_id IN %s",
                tuple(categories.ids) or (0,),
            ),
        )
        return SQL("NOT %s", chosen) if self.customer_mode == "except" else chosen

    def _filter_autopay(self, _date):
        if self.autopay == "any":
            return None
        with_it = SQL("c.customer_id IN (SELECT id FROM res_partner WHERE paylink_autopay)")
        return with_it if self.autopay == "with" else SQL("NOT %s", with_it)

    def _filter_memo(self, _date):
        """Whether the text stands in one of the fields, literally; capitals and accents make no difference."""
        if self.memo_mode == "off":
            return None
        found = SQL("position(%s IN %s) > 0", self._plain_sql(SQL("%s", self.memo_text.strip())), self._memo_sql())
        return SQL("NOT (%s)", found) if self.memo_mode == "ignore" else SQL("(%s)", found)

    def _memo_sql(self):
        """All that is searched for the memo's text, one field a line; tags and entities of HTML are resolved."""
        narration = SQL(
            r"""replace(replace(replace(regexp_replace(regexp_replace(c.narration,
                '<(br|/p|/div|/li|/h[1-6])\M[^>]*>', E'\n', 'g'), '<[^>]*>', '', 'g'),
                '&lt;', '<'), '&gt;', '>'), '&amp;', '&')"""
        )
        return self._plain_sql(SQL(r"concat_ws(E'\n', c.ref, c.payment_reference, %s)", narration))

    def _plain_sql(self, text):
        """``text`` in small letters, without accents, with plain spaces."""
        return SQL(
            "lower(replace(regexp_replace(normalize(%s, NFD), %s, '', 'g'), %s, ' '))",
            text,
            MARKS,
            "\u00a0",
        )

    def _filter_date(self, _date):
        return SQL("c.document_date >= %s", self.ignore_before) if self.ignore_before else None

    def _filter_terms(self, _date):
        if self.all_terms:
            return None
        return SQL("(c.term_id IS NULL OR c.term_id IN %s)", tuple(self.term_ids.ids) or (0,))

    def _filter_amount(self, _date):
        return SQL("c.amount >= %s", self.amount_min) if self.amount_min else None

    def _filter_journals(self, _date):
        """Links have no journal: the rule does not look at it."""
        if not self.journal_ids or self.kind == "link":
            return None
        return SQL("c.journal_id IN %s", tuple(self.journal_ids.ids))

    def _filter_salespeople(self, _date):
        if not self.salesperson_ids:
            return None
        return SQL("COALESCE(c.user_id IN %s, FALSE)", tuple(self.salesperson_ids.ids))

    def _filter_moment(self, date):
        """One of the rule's days has come, and is not over for too long; nobody is told beforehand when it is late."""
        return (
            SQL("c.rank IS NOT NULL AND c.due_date > %s", date)
            if self.moment == "before"
            else SQL("c.rank IS NOT NULL")
        )

    def _held_sql(self, candidates, date):
        """``candidates`` with ``held_until``: the last day of the promises and objections for each that are over."""
        ended = SQL("hold.company_id = %s AND hold.date_until < %s", self.company_id.id, date)
        by_link = SQL(
            """SELECT line.link_id, max(hold.date_until) AS until FROM paylink_reminder_hold hold
                 JOIN paylink_link_line line ON line.move_id = hold.move_id WHERE %s GROUP BY line.link_id""",
            ended,
        )
        by_move = SQL(
            """SELECT hold.move_id, max(hold.date_until) AS until FROM paylink_reminder_hold hold
                WHERE %s GROUP BY hold.move_id""",
            ended,
        )
        by_customer = SQL(
            """SELECT hold.partner_id, max(hold.date_until) AS until FROM paylink_reminder_hold hold
                WHERE %s AND hold.move_id IS NULL GROUP BY hold.partner_id""",
            ended,
        )
        return SQL(
            """SELECT c.*, GREATEST(of_customer.until, of_move.until, of_link.until) AS held_until FROM (%s) c
            LEFT JOIN (%s) of_customer ON of_customer.partner_id = c.customer_id
            LEFT JOIN (%s) of_move ON of_move.move_id = c.move_id
            LEFT JOIN (%s) of_link ON of_link.link_id = c.link_id""",
            candidates,
            by_customer,
            by_move,
            by_link,
        )

    def _step_sql(self, date, ranks):
        """The step whose day has come last, if that is not longer ago than reminders are caught up; else NULL.

        What a promise or an objection has held up is late from its end on.

        :param list ranks: steps; the result is a position in it, the column ``rank`` of the candidates
        """
        positions = {step.id: position for position, step in enumerate(ranks)}
        cases = [
            SQL(
                """WHEN c.due_date + %(offset)s <= %(date)s THEN
                   CASE WHEN %(date)s - GREATEST(c.due_date + %(offset)s, c.held_until) <= %(limit)s THEN %(rank)s END
                """,
                date=SQL("%s::date", date),
                offset=step.offset,
                limit=self.company_id._paylink_reminder_lateness(),
                rank=positions[step.id],
            )
            for step in self.step_ids.sorted("offset", reverse=True)
        ]
        return SQL("(CASE %s END)", SQL(" ").join(cases)) if cases else SQL("NULL::integer")

    # === CANDIDATES === #
    # What rules choose from: open items and collection links, with all that their conditions look at.

    def _candidates_sql(self, company, customers=None, items=None, window=None):
        """The receivable items of ``company``: the open ones, or those of ``items`` whatever has become of them.

        :param customers: ids of commercial partners, default all
        :param items: ids of journal items
        :param window: see :meth:`_window`; credits are of no interest then
        :return: SQL of a query with a row for each: ``item_id``, ``link_id`` (NULL), ``move_id``, ``customer_id`` (the
            commercial partner), ``contact_id`` (who is invoiced, if that is the customer: the partner of an entry may
            be another one), ``currency_id``, ``residual`` (open, in it),
            ``amount`` (the same in the company's currency), ``is_netted`` (a credit, or money given back that is
            deducted from credits), ``due_date``, ``document_date``, and what conditions name
        """
        opened = self._open_items_sql()
        returned = SQL("COALESCE(payment.payment_type = 'outbound' AND payment.state NOT IN %s, FALSE)", VOID_STATES)
        netted = SQL("(item.amount_residual_currency < 0 OR %s)", returned)
        return SQL(
            """
            SELECT item.id AS item_id, NULL::integer AS link_id, item.move_id,
                   contact.commercial_partner_id AS customer_id,
                   COALESCE(invoiced.id, item.partner_id) AS contact_id,
                   item.currency_id, item.amount_residual_currency AS residual, item.amount_residual AS amount,
                   %(netted)s AS is_netted,
                   COALESCE(item.date_maturity, item.date) AS due_date,
                   COALESCE(move.invoice_date, move.date) AS document_date,
                   move.invoice_payment_term_id AS term_id, move.journal_id, move.invoice_user_id AS user_id,
                   move.ref, move.payment_reference, move.narration,
                   (%(open)s) AS is_open, item.no_followup IS NOT TRUE AS is_followed,
                   COALESCE(move.payment_state, '') = 'blocked' AS is_blocked
              FROM account_move_line item
              JOIN account_account account ON account.id = item.account_id
              JOIN account_move move ON move.id = item.move_id
              JOIN res_partner contact ON contact.id = item.partner_id
         LEFT JOIN res_partner invoiced ON invoiced.id = move.partner_id
                                       AND invoiced.commercial_partner_id = contact.commercial_partner_id
         LEFT JOIN account_payment payment ON payment.id = item.payment_id
             WHERE account.account_type = 'asset_receivable' AND item.company_id = %(company)s AND %(which)s
            """,
            netted=netted,
            open=SQL("%s AND NOT %s", opened, netted),
            company=company.id,
            which=self._chosen_items_sql(opened, customers, items, window),
        )

    def _chosen_items_sql(self, opened, customers, items, window):
        """Which items :meth:`_candidates_sql` is about.

        :param opened: see :meth:`_open_items_sql`
        """
        which = SQL("item.id IN %s", tuple(items)) if items is not None else opened
        if customers is not None:
            which = SQL("%s AND item.partner_id = %s", which, self._any_contact_sql(customers))
        if window:
            which = SQL("%s AND item.amount_residual_currency > 0 AND %s", which, self._within_sql(*window))
        return which

    def _any_contact_sql(self, customers):
        """Any of the contacts of these customers, looked up first: joined, PostgreSQL may go through all open items
        once for each of them (see ``bench/reminders.py``).
        """
        contacts = SQL("SELECT id FROM res_partner WHERE commercial_partner_id IN %s", tuple(customers) or (0,))
        return SQL("ANY(ARRAY(%s))", contacts)

    def _within_sql(self, first, last, held):
        """The item is due from ``first`` to ``last``, or before and one of those that the holds ``held`` are about."""
        within = SQL(
            """(item.date_maturity BETWEEN %(first)s AND %(last)s
                OR (item.date_maturity IS NULL AND item.date BETWEEN %(first)s AND %(last)s))""",
            first=first,
            last=last,
        )
        if not held:
            return within
        return SQL(
            """(%(within)s OR (COALESCE(item.date_maturity, item.date) < %(first)s
                               AND (item.move_id IN %(moves)s OR contact.commercial_partner_id IN %(customers)s)))""",
            within=within,
            first=first,
            moves=tuple(held.move_id.ids) or (0,),
            customers=tuple(held.filtered(lambda hold: not hold.move_id).partner_id.ids) or (0,),
        )

    def _open_items_sql(self):
        """Posted and not reconciled, and not waiting: see ``account.move.line._paylink_waiting``."""
        waiting = self.env["account.move.line"]._paylink_waiting()
        return SQL(
            "item.reconciled IS NOT TRUE AND item.parent_state = 'posted' AND item.id NOT IN %s",
            tuple(waiting.ids) or (0,),
        )

    def _link_candidates_sql(self, company, date, customers=None, links=None):
        """The collection links of ``company`` that were sent, likewise; their day is the one of sending."""
        which = SQL("link.id IN %s", tuple(links)) if links is not None else SQL("link.state IN ('open', 'failed')")
        if customers is not None:
            which = SQL("%s AND link.partner_id = %s", which, self._any_contact_sql(customers))
        return SQL(
            """
            SELECT NULL::integer AS item_id, link.id AS link_id, NULL::integer AS move_id,
                   contact.commercial_partner_id AS customer_id, link.partner_id AS contact_id, link.currency_id,
                   %(open_amount)s AS residual, %(open_amount)s / %(rate)s AS amount,
                   (link.sent_at AT TIME ZONE 'UTC' AT TIME ZONE %(tz)s)::date AS due_date,
                   (link.issued_at AT TIME ZONE 'UTC' AT TIME ZONE %(tz)s)::date AS document_date,
                   NULL::integer AS term_id, NULL::integer AS journal_id, link.user_id,
                   link.reference AS ref, link.name AS payment_reference, NULL::text AS narration,
                   (%(open)s) AS is_open, link.id NOT IN (%(unfollowed)s) AS is_followed,
                   link.id IN (%(blocked)s) AS is_blocked
              FROM paylink_link link
              JOIN res_partner contact ON contact.id = link.partner_id
             WHERE link.company_id = %(company)s AND %(which)s
            """,
            open_amount=self._link_amount_sql(),
            rate=self._rate_sql(company, date),
            tz=days.in_database(self.env.cr, company.paylink_tz),
            open=self._open_link_sql(company, date),
            unfollowed=SQL(
                """SELECT line.link_id FROM paylink_link_line line
                     JOIN account_move_line item ON item.id = line.move_line_id
                     JOIN account_journal journal ON journal.id = item.journal_id AND journal.type != 'general'
                    WHERE item.no_followup"""
            ),
            blocked=SQL(
                """SELECT line.link_id FROM paylink_link_line line
                     JOIN account_move move ON move.id = line.move_id AND move.payment_state = 'blocked'"""
            ),
            company=company.id,
            which=which,
        )

    def _open_link_sql(self, company, date):
        """Sent, not by a reminder, and still to be paid on the day after ``date``."""
        return SQL(
            """link.state IN ('open', 'failed') AND link.sent_at IS NOT NULL AND link.by_reminder IS NOT TRUE
               AND (link.expires_at IS NULL OR (link.expires_at AT TIME ZONE 'UTC' AT TIME ZONE %s)::date > %s)""",
            days.in_database(self.env.cr, company.paylink_tz),
            date,
        )

    def _link_amount_sql(self):
        """What is open on a link: of its items as they are now, else of the amount that was asked for."""
        return SQL(
            """
            CASE WHEN link.kind = 'open_items' AND link.is_limited IS NOT TRUE THEN (
                    SELECT COALESCE(sum(item.amount_residual_currency), 0)
                      FROM paylink_link_line line JOIN account_move_line item ON item.id = line.move_line_id
                     WHERE line.link_id = link.id AND item.parent_state = 'posted')
                 ELSE link.amount - COALESCE(link.amount_paid, 0) + COALESCE(link.amount_taken_back, 0) END
            """
        )

    def _rate_sql(self, company, date):
        """How much of the link's currency one unit of the company's is worth, as Odoo's own rates say: the last one
        by ``date``, else the first one after it (see ``res.currency._get_rates``).
        """

        def rate(currency):
            rates = SQL(
                """SELECT rate.rate FROM res_currency_rate rate
                    WHERE rate.currency_id = %s AND (rate.company_id IS NULL OR rate.company_id = %s)""",
                currency,
                company.root_id.id,
            )
            return SQL(
                """COALESCE((%(rates)s AND rate.name <= %(date)s ORDER BY rate.company_id, rate.name DESC LIMIT 1),
                            (%(rates)s ORDER BY rate.company_id, rate.name LIMIT 1), 1)""",
                rates=rates,
                date=date,
            )

        return SQL("(%s / %s)", rate(SQL("link.currency_id")), rate(SQL("%s", company.currency_id.id)))
