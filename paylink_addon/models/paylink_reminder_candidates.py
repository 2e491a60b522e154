from odoo import models
from odoo.tools import SQL


class PaylinkReminderCandidates(models.Model):
    """What rules choose from: open items and collection links, with all that their conditions look at."""

    _inherit = "paylink.reminder.rule"

    def _candidates_sql(self, company, customers=None, items=None, window=None):
        """The receivable items of ``company``: the open ones, or those of ``items`` whatever has become of them.

        :param customers: ids of commercial partners, default all
        :param items: ids of journal items
        :param window: see :meth:`_window`; credits are of no interest then
        :return: SQL of a query with a row for each: ``item_id``, ``link_id`` (NULL), ``move_id``, ``customer_id`` (the
            commercial partner), ``contact_id`` (who is invoiced, if that is the customer: the partner of an entry may
            be another one), ``currency_id``, ``residual`` (open, in it),
            ``amount`` (the same in the company's currency), ``due_date``, ``document_date``, and what conditions name
        """
        which = SQL("item.id IN %s", tuple(items)) if items is not None else self._open_items_sql()
        if customers is not None:
            which = SQL("%s AND contact.commercial_partner_id IN %s", which, tuple(customers) or (0,))
        if window:
            which = SQL("%s AND item.amount_residual_currency > 0 AND %s", which, self._within_sql(*window))
        return SQL(
            """
            SELECT item.id AS item_id, NULL::integer AS link_id, item.move_id,
                   contact.commercial_partner_id AS customer_id,
                   COALESCE(invoiced.id, item.partner_id) AS contact_id,
                   item.currency_id, item.amount_residual_currency AS residual, item.amount_residual AS amount,
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
            open=SQL("%s AND item.amount_residual_currency > 0", self._open_items_sql()),
            company=company.id,
            which=which,
        )

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
        """Posted and not reconciled; money given back waits for its credit note: nobody is asked for it again."""
        return SQL(
            """item.reconciled IS NOT TRUE AND item.parent_state = 'posted'
               AND (item.payment_id IS NULL OR payment.payment_type = 'inbound')"""
        )

    def _link_candidates_sql(self, company, date, customers=None, links=None):
        """The collection links of ``company`` that were sent, likewise; their day is the one of sending."""
        which = SQL("link.id IN %s", tuple(links)) if links is not None else SQL("link.state IN ('open', 'failed')")
        if customers is not None:
            which = SQL("%s AND contact.commercial_partner_id IN %s", which, tuple(customers) or (0,))
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
            tz=company.paylink_tz,
            open=SQL(
                """link.state IN ('open', 'failed') AND link.sent_at IS NOT NULL AND link.by_reminder IS NOT TRUE
                   AND (link.expires_at IS NULL
                        OR (link.expires_at AT TIME ZONE 'UTC' AT TIME ZONE %s)::date > %s)""",
                company.paylink_tz,
                date,
            ),
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

    def _link_amount_sql(self):
        """What is open on a link: of its items as they are now, else of the amount that was asked for."""
        return SQL(
            """
            CASE WHEN link.kind = 'open_items' AND link.is_limited IS NOT TRUE THEN (
                    SELECT COALESCE(sum(item.amount_residual_currency), 0)
                      FROM paylink_link_line line JOIN account_move_line item ON item.id = line.move_line_id
                     WHERE line.link_id = link.id AND item.parent_state = 'posted')
                 ELSE link.amount - COALESCE(link.amount_paid, 0) END
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
