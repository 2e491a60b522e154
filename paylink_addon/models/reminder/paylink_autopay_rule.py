from odoo import models
from odoo.tools import SQL


class PaylinkAutopayRule(models.Model):
    """Who has promised to pay, or objects, is not charged either."""

    _inherit = "paylink.autopay.rule"

    def _common_not_promised(self, date):
        return self._hold_sql("promise", date)

    def _common_not_objected(self, date):
        return self._hold_sql("objection", date)

    def _hold_sql(self, kind, date):
        of_customer, moves = self.env["paylink.reminder.hold"]._standing_sql(kind, self.company_id, date)
        _links, items = self.env["paylink.reminder.hold"]._standing_links_sql(kind, self.company_id, date)
        condition = SQL("c.customer_id NOT IN (%s) AND c.move_id NOT IN (%s)", of_customer, moves)
        return SQL("%s AND %s", condition, self._not_about_sql(items))
