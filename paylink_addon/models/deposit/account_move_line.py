from odoo import api, models
from odoo.tools import SQL


class AccountMoveLine(models.Model):
    """What was paid for an order is kept for its invoice: no other one is settled with it."""

    _inherit = "account.move.line"

    def _paylink_rivals(self):
        """Also the attempts to pay the orders that the documents were made of."""
        return super()._paylink_rivals() | self.move_id._paylink_orders(linked=False)._paylink_rivals()

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
