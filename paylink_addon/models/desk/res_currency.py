from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL


class ResCurrency(models.Model):
    _inherit = "res.currency"

    @api.model
    def _paylink_rates_sql(self):
        """A query of ``(currency_id, rate)``: what one of each currency is in that of the current company, at Odoo's
        rates of today.
        """
        company = self.env.company.sudo()
        currencies = self.sudo().with_context(active_test=False).search(Domain.TRUE)
        rates = currencies._get_rates(company, company._paylink_today())
        own = rates[company.currency_id.id]
        rows = (SQL("(%s, %s::numeric)", currency, own / rate) for currency, rate in rates.items())
        return SQL("SELECT * FROM (VALUES %s) rate (currency_id, rate)", SQL(", ").join(rows))
