"""Stage of ``paylink.open.item``: what is paid in parts."""

from odoo import api, models
from odoo.tools import SQL

from ...const import LIVE_STATES


class PaylinkOpenItemParts(models.Model):
    """Of what is paid in parts each part has a row, due on its day: for what is open of the documents of a plan. The
    documents that were due first are paid by the first parts.
    """

    _inherit = "paylink.open.item"

    @api.model
    def _parts_sql(self):
        """The parts of what is open of each item of a plan that runs: a query of ``(item_id, part_id, date_due,
        later, amount, is_first)``.

        An item and a part are each a stretch of all that is left to pay, from what is left after it on: what they share
        is the amount. ``later`` is what of the item is for later parts.
        """
        return SQL(
            """
            SELECT item.id AS item_id, part.id AS part_id, part.date_due,
                   GREATEST(part.amount_after - item.rest, 0) AS later,
                   LEAST(item.rest + item.amount, part.top) - GREATEST(item.rest, part.amount_after) AS amount,
                   part.top IS NULL OR part.top >= item.rest + item.amount AS is_first
              FROM (SELECT item.id, plan.id AS plan_id, item.amount_residual_currency AS amount,
                           SUM(item.amount_residual_currency) OVER (
                               PARTITION BY plan.id ORDER BY COALESCE(item.date_maturity, item.date) DESC, item.id DESC)
                           - item.amount_residual_currency AS rest
                      FROM paylink_plan plan
                      JOIN paylink_link_line line ON line.link_id = plan.link_id
                      JOIN account_move_line item ON item.id = line.move_line_id
                     WHERE plan.state = 'running' AND item.amount_residual_currency > 0 AND %(open)s) item
              JOIN (SELECT id, plan_id, date_due, amount_after,
                           LAG(amount_after) OVER (PARTITION BY plan_id ORDER BY number) AS top
                      FROM paylink_plan_part) part USING (plan_id)
             WHERE LEAST(item.rest + item.amount, part.top) > GREATEST(item.rest, part.amount_after)
            """,
            open=self._open_sql(),
        )

    @api.model
    def _items_in_parts_sql(self):
        """What is open on customers' accounts and paid in parts, with the link that asks for it.

        The row of the first part of an item has the item's id. Each other one begins where its part does, and no other
        row does so: its id is told by the part, below those of links.
        """
        return SQL(
            """
            SELECT CASE WHEN part.is_first THEN item.id ELSE -1073741824 - part.part_id END, item.move_name,
                   item.company_id, partner.commercial_partner_id,
                   CASE WHEN asking.id IS NULL THEN move.invoice_user_id ELSE asking.user_id END,
                   asking.id, item.move_id, item.currency_id, part.amount, part.date_due, item.id, part.later, TRUE
              FROM part
              JOIN account_move_line item ON item.id = part.item_id
              JOIN account_move move ON move.id = item.move_id
         LEFT JOIN res_partner partner ON partner.id = item.partner_id
         LEFT JOIN LATERAL (
                   SELECT link.id, link.user_id
                     FROM paylink_link_line line JOIN paylink_link link ON link.id = line.link_id
                    WHERE line.move_line_id = item.id AND link.state IN %s
                 ORDER BY link.id DESC LIMIT 1) asking ON TRUE
            """,
            LIVE_STATES,
        )
