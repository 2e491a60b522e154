from odoo import models
from odoo.tools import SQL

from .res_partner import _in_books


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def _paylink_on_its_way(self):
        """What customers are paying of these items just now, in the company's currency."""
        if not self:
            return 0.0
        query = SQL(
            """SELECT DISTINCT ON (money_id) item_id, amount FROM (%s) coming
                WHERE NOT is_booked ORDER BY money_id, item_id""",
            self.env["payment.transaction"].sudo()._paylink_coming_sql(items=self),
        )
        return sum(_in_books(self.browse(item_id), amount) for item_id, amount in self.env.execute_query(query))
