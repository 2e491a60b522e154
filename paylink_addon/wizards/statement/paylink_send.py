from odoo import api, models


class PaylinkSend(models.TransientModel):
    """Asking for items that were ticked in a customer's account."""

    _inherit = "paylink.send"

    @api.model
    def _source_models(self):
        return [*super()._source_models(), "paylink.account.item"]

    def _items_paylink_account_item(self, rows):
        return rows.filtered(lambda row: row.company_id in self.env.companies)._paylink_open_items()

    def _in_installments_paylink_account_item(self, _rows):
        """What was ticked is asked for."""
        return False

    def _left_out_paylink_account_item(self, rows, items):
        """The customer, once, if nothing of what was ticked can be asked for anymore."""
        return self._left_out_res_partner(rows.partner_id, items)
