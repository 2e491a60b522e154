from odoo import models
from odoo.tools import SQL, format_amount, formatLang, ormcache

from ...tools.gsm import is_gsm

# Between two of these, sign and digits keep their order among words that are read from the right. A mark, not an
# isolate: mail clients, phones and wkhtmltopdf have always known it.
LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"


class ResCurrency(models.Model):
    """Amounts as customers read them: a sign that several currencies share never stands alone."""

    _inherit = "res.currency"

    def _paylink_text(self, env, amount, company, partner):
        """``amount`` for ``partner``, a customer of ``company``, in the language of ``env``: ``$ 12.00``, and where
        that could be another dollar ``$ 12.00 USD``.

        :param float amount: major units
        """
        self.ensure_one()
        text = format_amount(env, amount, self)
        if self._paylink_shares_sign(self.id, company.currency_id.id, partner.country_id.id):
            # A sign that an SMS could not write, it would replace by the code.
            can_be_sent = is_gsm(self.symbol)
            text = f"{text}\N{NO-BREAK SPACE}{self.name}" if can_be_sent else text.replace(self.symbol, self.name)
        mark = LEFT_TO_RIGHT if env["res.lang"]._paylink_direction(env.lang) == "rtl" else ""
        return f"{mark}{text}{mark}"

    def _paylink_pattern(self, env, company, partner):
        """What stands around each amount of :meth:`_paylink_text`, with ``{}`` in its place."""
        nothing = formatLang(env, 0, digits=self.decimal_places)
        return self._paylink_text(env, 0, company, partner).replace(nothing, "{}")

    @ormcache("currency_id", "home_id", "country_id", cache="stable")
    def _paylink_shares_sign(self, currency_id, home_id, country_id):
        """Whether the sign of a currency could be taken for that of another one.

        That of the company's own is plain, unless another with the same sign is in use here, or is the customer's own.

        :param home_id: the currency of the company
        :param country_id: of the customer, or ``False``
        """
        query = SQL(
            """
            SELECT other.active OR other.id = country.currency_id
              FROM res_currency currency
              JOIN res_currency other ON other.id != currency.id
                                     AND lower(trim(' .' FROM other.symbol)) = lower(trim(' .' FROM currency.symbol))
         LEFT JOIN res_country country ON country.id = %s
             WHERE currency.id = %s AND currency.symbol != currency.name
            """,
            country_id or None,
            currency_id,
        )
        self.flush_model(["active", "name", "symbol"])
        others = self.env.execute_query(query)
        return bool(others) and (currency_id != home_id or any(row[0] for row in others))
