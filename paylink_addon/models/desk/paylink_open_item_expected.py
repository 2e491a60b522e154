"""Stage of ``paylink.open.item``: what is still to come, after what customers have paid already."""

from odoo import api, models
from odoo.tools import SQL

from ...const import VOID_STATES


class PaylinkOpenItemExpected(models.Model):
    """As ``res.partner`` tells what somebody owes: credits, and money on its way, pay what was due first; what is
    registered, without an entry, for a part of an item pays that one. Money that went back to the customer is deducted
    from credits only; nobody is expected to pay it again.
    """

    _inherit = "paylink.open.item"

    @api.model
    def _covered_sql(self):
        """How much is left of what something is deducted from: a query of ``(id, expected)``, each ``id`` once."""
        shares = self.env["account.move.line"].sudo()._paylink_registered_shares()
        return SQL(
            """
              WITH coming AS (%(coming)s), registered AS (%(registered)s), gone AS (%(gone)s), item AS (%(items)s)
            SELECT id, MIN(expected) AS expected
              FROM (SELECT item.id,
                           CASE WHEN item.is_given_back THEN 0 ELSE LEAST(item.amount, GREATEST(
                               SUM(item.amount) FILTER (WHERE NOT item.is_given_back) OVER (
                                   PARTITION BY item.company_id, item.partner_id, item.currency_id
                                       ORDER BY item.date_due, item.id) - gone.amount, 0)) END AS expected
                      FROM item JOIN gone USING (company_id, partner_id, currency_id)
                     WHERE item.amount > 0
                 UNION ALL
                    SELECT -link.id, GREATEST(link.amount_besides - own.amount, 0)
                      FROM (SELECT link_id, SUM(amount) AS amount
                              FROM (SELECT DISTINCT link_id, money_id, amount FROM coming
                                     WHERE link_id IS NOT NULL AND item_id IS NULL AND NOT is_booked) money
                          GROUP BY link_id) own
                      JOIN paylink_link link ON link.id = own.link_id) left_over
          GROUP BY id
            """,
            coming=self.env["payment.transaction"].sudo()._paylink_coming_sql(shares=shares),
            registered=self._registered_sql(shares),
            items=self._owing_sql(
                # Looked up first: these are few.
                SQL(
                    """item.partner_id = ANY(ARRAY(
                           SELECT contact.id FROM res_partner contact
                             JOIN gone ON gone.partner_id = contact.commercial_partner_id))"""
                )
            ),
            gone=self._gone_sql(),
        )

    @api.model
    def _registered_sql(self, shares):
        """What is registered for parts of items, as ``account.move.line._paylink_due`` deducts it: a query of
        ``(item_id, amount)``.

        :param dict shares: what is registered of all items
        """
        parts = [SQL("(%s, %s)", item_id, share.amount) for item_id, share in shares.items() if not share.is_whole]
        rows = SQL(", ").join(parts or [SQL("(0, 0.0)")])
        return SQL("SELECT * FROM (VALUES %s) part (item_id, amount)", rows)

    @api.model
    def _owing_sql(self, condition):
        """What is open of items of customers, with whether they are money that went back to them."""
        return SQL(
            """
            SELECT item.id, item.company_id, partner.commercial_partner_id AS partner_id, item.currency_id,
                   item.amount_residual_currency - COALESCE(registered.amount, 0) AS amount,
                   COALESCE(item.date_maturity, item.date) AS date_due, given.id IS NOT NULL AS is_given_back
              FROM account_move_line item
              JOIN res_partner partner ON partner.id = item.partner_id
         LEFT JOIN registered ON registered.item_id = item.id
         LEFT JOIN account_payment given
                ON given.id = item.payment_id AND given.payment_type = 'outbound' AND given.state NOT IN %s
             WHERE %s AND %s
            """,
            VOID_STATES,
            self._open_sql(),
            condition,
        )

    @api.model
    def _gone_sql(self):
        """What customers have paid, and no item knows: credits and money on its way, less what went back to them; 0 of
        those for whom there is only something registered.
        """
        return SQL(
            """
            SELECT company_id, partner_id, currency_id, GREATEST(SUM(amount), 0) AS amount
              FROM (SELECT company_id, partner_id, currency_id, -amount AS amount FROM (%s) item
                     WHERE (amount < 0 OR is_given_back) AND id NOT IN (%s)
                 UNION ALL
                    SELECT company_id, partner_id, currency_id, amount
                      FROM (SELECT DISTINCT ON (coming.money_id) item.company_id,
                                   partner.commercial_partner_id AS partner_id, item.currency_id, coming.amount
                              FROM coming
                              JOIN account_move_line item ON item.id = coming.item_id
                              JOIN res_partner partner ON partner.id = item.partner_id
                             WHERE NOT coming.is_booked) money
                 UNION ALL
                    SELECT item.company_id, partner.commercial_partner_id, item.currency_id, 0
                      FROM registered
                      JOIN account_move_line item ON item.id = registered.item_id
                      JOIN res_partner partner ON partner.id = item.partner_id) paid
          GROUP BY company_id, partner_id, currency_id
            """,
            self._owing_sql(SQL("(item.amount_residual_currency < 0 OR item.payment_id IS NOT NULL)")),
            self.env["account.move.line"].sudo()._paylink_kept_sql(),
        )
