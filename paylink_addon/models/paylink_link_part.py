from odoo import models


class PaylinkLinkPart(models.Model):
    """Where the company allows it, the customer chooses how much of a link to pay now."""

    _inherit = "paylink.link"

    def _chosen_part(self, text, payable):
        """The part that the customer typed, if it is one, else all that is payable.

        :param text: what came in the URL: anything
        :return: the amount, and what to tell the customer where it is not the typed one, else ``False``
        """
        if not self.allow_partial or not text:
            return payable, False
        typed = self._typed_amount(text)
        if typed is not None and 0 < typed <= payable:
            return typed, False
        return payable, self.env._("Type an amount of at most %(amount)s.", amount=self._amount_text(payable))

    def _typed_amount(self, text):
        """The number that a person meant, in whatever language it was typed, or ``None``."""
        text = "".join(str(text).split())
        if "," in text and "." in text:  # one of the two groups the thousands: the first
            text = text.replace(min(",.", key=text.rindex), "")
        try:
            return self.currency_id.round(float(text.replace(",", ".")))
        except (ValueError, OverflowError):
            return None
