"""Stage of ``paylink.reminder.rule``: what rules choose from, and what they leave out."""

from odoo import api, models
from odoo.tools import SQL

from ...tools import days
from .paylink_reminder_hold import OF_LINK


class PaylinkReminderRuleFilters(models.Model):
    """What is reminded at all, and what a rule leaves out, besides what all rules look at (``paylink.rule.mixin``).

    A candidate ``c`` is an open item or a collection link.
    """

    _inherit = "paylink.reminder.rule"
    # In the order in which the look-up names them.
    _common_conditions = (
        *("open", "followed", "not_blocked", "no_payment"),
        *("not_promised", "not_objected", "not_charged_back", "not_charging"),
    )
    _rule_conditions = (
        *("customers", "autopay", "memo", "date", "terms", "amount", "journals", "salespeople"),
        "moment",
    )

    # === WHAT IS NEVER REMINDED === #

    def _not_about_sql(self, items):
        """Neither it, nor anything that the link asks for."""
        if self.kind != "link":
            return super()._not_about_sql(items)
        links = SQL("SELECT line.link_id FROM paylink_link_line line WHERE line.move_line_id IN (%s)", items)
        return SQL("c.link_id NOT IN (%s)", links)

    def _common_not_promised(self, date):
        return self._hold_sql("promise", date)

    def _common_not_objected(self, date):
        return self._hold_sql("objection", date)

    def _common_not_charged_back(self, _date):
        """The customer's bank takes no payment of it back (see ``account.move.line._paylink_charged_back``)."""
        condition = self._not_about_sql(self.env["account.move.line"]._paylink_charged_back_sql())
        if self.kind == "link":
            return SQL("%s AND c.link_id NOT IN (SELECT id FROM paylink_link WHERE has_chargeback)", condition)
        return condition

    def _common_not_charging(self, date):
        """It will be charged to a stored method, within the plan of an autopay rule."""
        company = self.company_id
        if self.remind_autopay or not company.paylink_autopay:
            return None
        rules = self.env["paylink.autopay.rule"]._of_company(company)
        return self._not_about_sql(rules._charging_sql(date)) if rules else None

    def _hold_sql(self, kind, date):
        """Neither the customer nor the document (or one of the link's), nor the link is on hold on ``date``."""
        of_customer, moves = self.env["paylink.reminder.hold"]._standing_sql(kind, self.company_id, date)
        held, items = self.env["paylink.reminder.hold"]._standing_links_sql(kind, self.company_id, date)
        condition = SQL("c.customer_id NOT IN (%s) AND %s", of_customer, self._not_about_sql(items))
        if self.kind == "link":
            links = SQL("SELECT line.link_id FROM paylink_link_line line WHERE line.move_id IN (%s)", moves)
            return SQL("%s AND c.link_id NOT IN (%s UNION %s)", condition, held, links)
        return SQL("%s AND c.move_id NOT IN (%s)", condition, moves)

    @api.model
    def _on_hold(self, kind, company, records):
        """Those of open items, or of links, of ``company`` that holds of a ``kind`` keep its rules from today."""
        is_link = records._name == "paylink.link"
        rule = self.sudo().new({"company_id": company.id, "kind": "link" if is_link else "invoice"})
        query = SQL(
            """SELECT c.id FROM (
                   SELECT one.id, contact.commercial_partner_id AS customer_id, %s
                     FROM %s one JOIN res_partner contact ON contact.id = one.partner_id WHERE one.id IN %s) c
                WHERE NOT (%s)""",
            SQL("one.id AS link_id") if is_link else SQL("one.id AS item_id, one.move_id"),
            SQL.identifier(records._table),
            records._ids,
            rule._hold_sql(kind, company._paylink_today()),
        )
        self.env.flush_all()
        return records.browse(row[0] for row in self.env.execute_query(query))

    # === WHAT A RULE LEAVES OUT === #

    def _filter_autopay(self, _date):
        if self.autopay == "any":
            return None
        on = self.env["paylink.autopay.rule"]._of_customer_sql(self.company_id, "paylink_autopay", "customer")
        with_it = SQL("c.customer_id IN (SELECT id FROM res_partner customer WHERE %s)", on)
        return with_it if self.autopay == "with" else SQL("NOT %s", with_it)

    def _filter_journals(self, date):
        """Links have no journal: the rule does not look at it."""
        return None if self.kind == "link" else super()._filter_journals(date)

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
            """SELECT COALESCE(line.link_id, hold.link_id) AS link_id, max(hold.date_until) AS until
                 FROM paylink_reminder_hold hold LEFT JOIN paylink_link_line line ON line.move_id = hold.move_id
                WHERE %s AND (line.id IS NOT NULL OR %s) GROUP BY 1""",
            ended,
            OF_LINK,
        )
        by_item = SQL(
            """SELECT line.move_line_id AS item_id, max(hold.date_until) AS until
                 FROM paylink_reminder_hold hold JOIN paylink_link_line line ON line.link_id = hold.link_id
                WHERE %s AND %s AND line.is_invoice IS NOT TRUE GROUP BY 1""",
            ended,
            OF_LINK,
        )
        by_move = SQL(
            """SELECT hold.move_id, max(hold.date_until) AS until FROM paylink_reminder_hold hold
                WHERE %s GROUP BY hold.move_id""",
            ended,
        )
        by_customer = SQL(
            """SELECT hold.partner_id, max(hold.date_until) AS until FROM paylink_reminder_hold hold
                WHERE %s AND hold.move_id IS NULL AND hold.link_id IS NULL GROUP BY hold.partner_id""",
            ended,
        )
        return SQL(
            """SELECT c.*, GREATEST(of_customer.until, of_move.until, of_link.until, of_item.until) AS held_until
                 FROM (%s) c
            LEFT JOIN (%s) of_customer ON of_customer.partner_id = c.customer_id
            LEFT JOIN (%s) of_move ON of_move.move_id = c.move_id
            LEFT JOIN (%s) of_link ON of_link.link_id = c.link_id
            LEFT JOIN (%s) of_item ON of_item.item_id = c.item_id""",
            candidates,
            by_customer,
            by_move,
            by_link,
            by_item,
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
    # What rules choose from: of open items some, and collection links.

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
        other = held.filtered(lambda hold: not hold.move_id).link_id
        return SQL(
            """(%(within)s OR (COALESCE(item.date_maturity, item.date) < %(first)s
                               AND (item.move_id IN %(moves)s OR item.id IN %(items)s
                                    OR contact.commercial_partner_id IN %(customers)s)))""",
            within=within,
            first=first,
            moves=tuple(held.move_id.ids) or (0,),
            items=tuple(other.line_ids.filtered(lambda line: not line.is_invoice).move_line_id.ids) or (0,),
            customers=tuple(held.filtered(lambda hold: not hold._is_about()).partner_id.ids) or (0,),
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
        """What is open on a link: of its items as they are now, as far as it asks for them, else of its amount."""
        items = SQL(
            """(SELECT COALESCE(sum(item.amount_residual_currency), 0)
                  FROM paylink_link_line line JOIN account_move_line item ON item.id = line.move_line_id
                 WHERE line.link_id = link.id AND item.parent_state = 'posted')"""
        )
        return self.env["paylink.link"]._asked_sql(items)

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
