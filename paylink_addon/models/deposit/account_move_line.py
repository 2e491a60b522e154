from odoo import api, models
from odoo.tools import SQL


class AccountMoveLine(models.Model):
    """What was paid for an order is kept for its invoice: no other one is settled with it."""

    _inherit = "account.move.line"

    @api.model
    def _paylink_kept_sql(self):
        """A query of the ids of credits that the next invoice of an order takes: of paid deposits.

        As long as the order stands and part of it is not invoiced; after that they are credits like others.
        """
        deposits = self.env["paylink.link"]._belonging_sql()
        self.env.flush_all()
        return SQL(
            """
            SELECT item.id
              FROM (%s) deposit
              JOIN sale_order so ON so.id = deposit.order_id AND so.state != 'cancel'
              JOIN payment_transaction tx ON tx.paylink_id = deposit.link_id
              JOIN account_move_line item ON item.payment_id = tx.payment_id
             WHERE item.balance < 0 AND item.reconciled IS NOT TRUE
               AND so.amount_untaxed > (SELECT COALESCE(sum(line.untaxed_amount_invoiced), 0)
                                          FROM sale_order_line line WHERE line.order_id = so.id)
            """,
            deposits,
        )

    @api.model
    def _paylink_covered_sql(self, moving):
        """A query of the ids of items of invoices that deposits on their orders, still under way, will settle in full.

        :param moving: SQL, which transactions (``tx``) are under way
        """
        self.env["account.move"].flush_model(["amount_residual"])
        return SQL(
            """
            SELECT item.id
              FROM (SELECT DISTINCT deposit.move_id, tx.id, tx.amount
                      FROM (%s) deposit
                      JOIN payment_transaction tx ON tx.paylink_id = deposit.link_id
                      JOIN payment_provider provider ON provider.id = tx.provider_id AND provider.code != 'custom'
                     WHERE tx.operation NOT IN ('refund', 'validation') AND %s) coming
              JOIN account_move move ON move.id = coming.move_id
              JOIN account_move_line item ON item.move_id = move.id
          GROUP BY item.id, move.amount_residual
            HAVING sum(coming.amount) >= move.amount_residual
            """,
            self.env["paylink.link"]._invoiced_sql(),
            moving,
        )
