"""Stage of ``paylink.link``: the customer answers that a transfer is made."""

from odoo import fields, models


class PaylinkLinkTransfer(models.Model):
    """What is noted of a transfer for the bank's lines is the bank's: here it is said, shown and taken back."""

    _inherit = "paylink.link"

    def _answer_form_transfer(self):
        offered = self._transfer_values() and self._may_claim_transfer()
        return {"today": self._today()} if offered else False

    def _answer_transfer(self, said):
        if not self._transfer_values():
            return self._answer_general(said)
        self._claim_transfer(said.get("date"), said.get("amount"), said.get("account"))
        return self._transfer_answers()[:1]

    def _transfer_answers(self):
        """Those that were not taken back, nor replaced by a later one; the last one first."""
        of_transfers = [("kind", "=", "transfer"), ("lifted_at", "=", False)]
        return self.env["paylink.answer"].sudo().search([("link_id", "=", self.id), *of_transfers])

    def _after_claim(self):
        """The word of the customer is an answer: what was said before is replaced."""
        result = super()._after_claim()
        self._transfer_answers().lifted_at = fields.Datetime.now()
        values = {"date": self.transfer_claim_date, "amount": self.transfer_claim_amount}
        self._note_answer("transfer", "transfer_claimed", line_ids=self.line_ids.ids, **values)
        return result

    def _after_claim_withdrawn(self):
        result = super()._after_claim_withdrawn()
        self._transfer_answers()._lift()
        return result
