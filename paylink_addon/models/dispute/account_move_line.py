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
        query = SQL("SELECT item_id FROM (%s) found WHERE item_id IN %s", self._paylink_charged_back_sql(), self._ids)
        return self.browse(row[0] for row in self.env.execute_query(query))

    @api.model
    def _paylink_charged_back_sql(self):
        """A query of the ids of all items of which :meth:`_paylink_charged_back` tells."""
        self.env["paylink.dispute"].flush_model(["is_standing", "item_ids"])
        return SQL(
            """
            SELECT DISTINCT rel.item_id
              FROM paylink_dispute_item_rel rel
              JOIN paylink_dispute dispute ON dispute.id = rel.dispute_id AND dispute.is_standing
            """
        )
