from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    @api.model
    def _paylink_given_back_domain(self):
        """What a bank has taken back is owed again: no credit note is to come for it."""
        self.env["paylink.dispute"].flush_model(["withdrawal_id"])
        taken = SQL("(SELECT withdrawal_id FROM paylink_dispute WHERE withdrawal_id IS NOT NULL)")
        return super()._paylink_given_back_domain() & Domain("payment_id", "not in", taken)

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
