from odoo import models
from odoo.tools import SQL


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def _paylink_charged_back(self):
        """The items whose payment the customer's bank has taken back, or may: no automaton may ask or charge for them.

        One query for all.
        """
        if not self:
            return self
        self.env["paylink.dispute"].flush_model(["is_standing", "item_ids"])
        query = SQL(
            """
            SELECT DISTINCT rel.item_id
              FROM paylink_dispute_item_rel rel
              JOIN paylink_dispute dispute ON dispute.id = rel.dispute_id AND dispute.is_standing
             WHERE rel.item_id IN %s
            """,
            tuple(self.ids),
        )
        return self.browse(row[0] for row in self.env.execute_query(query))
