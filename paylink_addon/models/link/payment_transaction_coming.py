"""Stage of ``payment.transaction``: money on its way, and what it will settle."""

from odoo import api, models
from odoo.tools import SQL

from ...const import IN_FLIGHT_STATES

# The condition of the index and of the query that is to use it: they have to be alike.
MOVING = f"(state IN {IN_FLIGHT_STATES} OR (state = 'done' AND is_post_processed IS NOT TRUE))"


class PaymentTransactionComing(models.Model):
    """Whoever asks whether something may be asked for, charged, reminded of or paid reads it in one query.

    On its way is what customers pay or have paid and what the books do not know: payments in progress, authorized, and
    confirmed but not booked yet (nobody has got to it, or it failed); and what somebody has registered by a payment
    that has no entry until the bank shows the money. A wire transfer announced is a promise: the customer may pay
    otherwise. Of what is captured in parts count the parts, and what is left to be captured.
    """

    _inherit = "payment.transaction"
    _paylink_moving_index = models.Index(f"(id) WHERE {MOVING}")
    # Also of those left unfinished in Odoo's portal, of any provider: there may be many.
    _paylink_draft_index = models.Index("(paylink_id, provider_id) WHERE state = 'draft'")

    @api.model
    def _paylink_coming_sql(self, items=None, links=None, orders=None, shares=None):
        """A query of what money on its way will settle: a row for each thing. It flushes what it reads.

        A transaction has a row for each thing that it settles: who sums amounts takes each ``money_id`` once.

        :param items: of these journal items only; give one of the three where you can: sources that have nothing to do
            with them are left out
        :param links: by these links only
        :param orders: for these orders only
        :param dict shares: what is registered, where the caller knows it (``account.move.line``)
        :return: SQL, with the columns ``money_id`` (of a transaction, or of what is registered for an item);
            ``transaction_id`` (NULL: of what is registered); ``link_id`` (by which it is paid; NULL: Odoo's portal);
            ``move_id`` and ``item_id`` (the document, and its journal item; NULL: of what has none); ``order_id``;
            ``amount`` (of the transaction, in its currency); ``is_direct`` (that very thing is being paid; else the
            money is kept for it, and the rest may be asked for); ``is_confirmed`` (the provider has it);
            ``is_booked`` (its payment has been posted meanwhile, or is registered without an entry: what is left of
            the items is less already; a debit may still run all the same)
        """
        self.flush_model()
        self.env["account.payment"].flush_model(["state", "move_id"])
        self.env["account.move"].flush_model(["state"])
        self.env["account.move.line"].flush_model(["move_id", "display_type"])
        self.env["paylink.link.line"].flush_model(["link_id", "move_id", "move_line_id"])
        wanted = {"item_id": items, "link_id": links, "order_id": orders}
        narrow = [
            SQL("coming.%s IN %s", SQL.identifier(column), tuple(records.ids) or (0,))
            for column, records in wanted.items()
            if records is not None
        ]
        registered = SQL()
        if orders is None and links is None and (items is None or items._paylink_maybe_registered()):
            registered = SQL("UNION ALL %s", self._paylink_coming_registered_sql(items, shares))
        return SQL(
            """
            WITH moving AS (%(moving)s)
            SELECT coming.*, coming.transaction_id AS money_id,
                   tx.amount - part.amount AS amount, tx.state = 'done' AS is_confirmed,
                   COALESCE(payment.state, '') IN ('in_process', 'paid')
                   AND COALESCE(entry.state, 'posted') = 'posted' AS is_booked
              FROM (%(sources)s) coming
              JOIN moving tx ON tx.id = coming.transaction_id
         LEFT JOIN account_payment payment ON payment.id = tx.payment_id
         LEFT JOIN account_move entry ON entry.id = payment.move_id
        CROSS JOIN LATERAL (%(parts)s) part
             WHERE tx.amount > part.amount AND %(narrow)s %(registered)s
            """,
            registered=registered,
            moving=self._paylink_moving_sql(),
            sources=SQL(" UNION ALL ").join(self._paylink_coming_sources(items, links, orders)),
            # A part counts once it is confirmed; until then its source does.
            parts=SQL(
                """SELECT COALESCE(sum(amount), 0) AS amount FROM payment_transaction
                    WHERE source_transaction_id = tx.id AND operation != 'refund' AND state IN ('done', 'cancel')"""
            ),
            narrow=SQL(" AND ").join(narrow) or SQL("TRUE"),
        )

    @api.model
    def _paylink_coming_sources(self, items, links, orders):
        """What :meth:`_paylink_coming_sql` consists of, with its arguments: queries that read ``moving`` (see
        :meth:`_paylink_moving_sql`), with the columns ``transaction_id``, ``link_id``, ``move_id``, ``item_id``,
        ``order_id`` and ``is_direct``.

        A subject that knows of other things that are paid extends it; nothing may be in two sources.
        """
        sources = []
        if orders is None:
            sources.append(self._paylink_coming_by_links_sql())
            if links is None:
                sources.append(self._paylink_coming_in_portal_sql())
        return sources

    @api.model
    def _paylink_coming_by_links_sql(self):
        """What payers of links pay: their items; a link that has none has a row for itself."""
        return SQL(
            """
            SELECT tx.id AS transaction_id, tx.paylink_id AS link_id, line.move_id, line.move_line_id AS item_id,
                   NULL::integer AS order_id, TRUE AS is_direct
              FROM moving tx
         LEFT JOIN paylink_link_line line ON line.link_id = tx.paylink_id
             WHERE tx.paylink_id IS NOT NULL
            """
        )

    @api.model
    def _paylink_coming_in_portal_sql(self):
        """What is paid in Odoo's portal or charged in Accounting: parts that are captured belong to their source's."""
        return SQL(
            """
            SELECT tx.id AS transaction_id, NULL::integer AS link_id, item.move_id, item.id AS item_id,
                   NULL::integer AS order_id, TRUE AS is_direct
              FROM moving tx
              JOIN account_invoice_transaction_rel rel ON rel.transaction_id IN (tx.id, tx.source_transaction_id)
              JOIN account_move_line item ON item.move_id = rel.invoice_id AND item.display_type = 'payment_term'
             WHERE tx.paylink_id IS NULL
            """
        )

    @api.model
    def _paylink_coming_registered_sql(self, items, shares):
        """What is registered by payments without an entry for all of an item, in the columns of the whole query; what
        is for a part of it is not due (see ``account.move.line._paylink_due``).
        """
        if shares is None:
            every = self.env["account.move.line"]
            shares = every._paylink_registered_shares() if items is None else items._paylink_registered()
        return SQL(
            """
            SELECT NULL::integer, NULL::integer, move_id, id, NULL::integer, TRUE, -id, amount_residual_currency,
                   TRUE, FALSE
              FROM account_move_line
             WHERE id IN %s
            """,
            tuple(sorted(item_id for item_id, share in shares.items() if share.is_whole)) or (0,),
        )

    @api.model
    def _paylink_moving_sql(self):
        """A query of the transactions on their way, by an index of its own: they are few among all there ever were."""
        return SQL(
            """
            SELECT id, source_transaction_id, paylink_id, payment_id, amount, state
              FROM payment_transaction
             WHERE %s AND (state = 'done' OR source_transaction_id IS NULL)
               AND operation NOT IN ('refund', 'validation')
               AND provider_id IN (SELECT id FROM payment_provider WHERE code != 'custom')
            """,
            SQL(MOVING),
        )

    @api.model
    def _paylink_any_about(self, **records):
        """Whether any attempt that is on its way, or unfinished and ours to close, may be about something: one query.

        :param records: what it is asked of, as :meth:`_paylink_about_sql` takes it
        """
        query = SQL(
            """
            SELECT %(moving)s
                OR EXISTS (SELECT FROM payment_transaction tx
                            WHERE tx.state = 'draft' AND %(about)s
                              AND (tx.paylink_id IS NOT NULL OR tx.id IN %(portal)s))
            """,
            moving=self._paylink_any_moving_sql(**records),
            portal=self._paylink_portal_drafts_sql(),
            about=SQL("(%s)", SQL(" OR ").join(self._paylink_about_sql(**records))),
        )
        return self.env.execute_query(query)[0][0]

    @api.model
    def _paylink_any_moving_sql(self, **records):
        """An expression: whether any money on its way may be about something. It says so more often than
        :meth:`_paylink_coming_sql` finds some, but the database plans it in a fraction of the time.

        :param records: what it is asked of, as :meth:`_paylink_about_sql` takes it
        """
        self.flush_model()
        self.env["paylink.link.line"].flush_model(["link_id", "move_id"])
        about = SQL(" OR ").join(self._paylink_about_sql(**records))
        return SQL("EXISTS (SELECT FROM (%s) tx WHERE %s)", self._paylink_moving_sql(), about)

    @api.model
    def _paylink_about_sql(self, items=None, *, may_ask=False):
        """Hook: conditions any of which holds for an attempt ``tx`` that may be about something.

        :param items: about these journal items: by a link that asks for their documents, or in Odoo's portal
        :param bool may_ask: one more query may say that a condition can be left out, which takes the planner longer
        """
        if items is None:
            return []
        moves = tuple(items.move_id.ids) or (0,)
        return [
            SQL("tx.paylink_id IN (SELECT link_id FROM paylink_link_line WHERE move_id IN %s)", moves),
            SQL("tx.id IN (SELECT transaction_id FROM account_invoice_transaction_rel WHERE invoice_id IN %s)", moves),
            SQL(
                """tx.source_transaction_id IN (SELECT transaction_id FROM account_invoice_transaction_rel
                                                 WHERE invoice_id IN %s)""",
                moves,
            ),
        ]

    def _paylink_announced(self):
        """The wire transfers that customers have chosen by Odoo's own provider, and that have not come yet."""
        return self.filtered(lambda tx: tx.state == "pending" and tx.provider_id.code == "custom")
