"""Stage of ``paylink.link``: who pays a part agrees that the later ones are charged to the same method."""

from odoo import api, models


class PaylinkLinkLater(models.Model):
    """It is offered to whoever may save a method of the customer (see :meth:`_may_save`): nobody else may agree."""

    _inherit = "paylink.link"

    def _later_parts(self):
        """The parts after the one that this link asks for, which can be charged to what that is paid with; none where
        they are charged to something already.
        """
        part = self.sudo().plan_part_id
        plan = part.plan_id
        if plan.state != "running" or plan._may_charge(plan.token_id):
            return part.browse()
        return plan.part_ids.filtered(lambda other: other.number > part.number)

    def _may_agree_on_later(self, payer):
        """Whether ``payer`` (see :meth:`_payer`) may have the later parts charged."""
        return bool(self.plan_part_id) and self._may_save(payer) and bool(self._later_parts())

    def _later_text(self):
        """What will be charged, and when, in the language of the context."""
        return self._later_parts().with_env(self.env)._when_text()

    def _payment_form_values(self, money, chosen, payer=None, option=None):
        """Also what can be agreed on with a payment of a part; and whether somebody else could, who proves to be the
        customer.
        """
        values = super()._payment_form_values(money, chosen, payer, option)
        may_agree = self._may_agree_on_later(payer)
        can_keep = any(one.may_save or one.value.startswith("token-") for one in values["options"])
        text = self._later_text() if may_agree and can_keep else ""
        proves = not may_agree and self.plan_part_id and values["saved_offered"] and self._later_parts()
        return values | {"later_text": text, "later_offered": bool(proves)}

    def _fields_values(self, money, chosen, payer, option):
        """Likewise, where the method shows its fields on our page."""
        values = super()._fields_values(money, chosen, payer, option)
        may_agree = values and any(values["show_tokenize_input_mapping"].values()) and self._may_agree_on_later(payer)
        text = self._later_text() if may_agree else ""
        if text:  # the form of Odoo tells by that what its page has said
            values["transaction_route"] += "?later=1"
        return values and values | {"later_text": text}

    def _can_store(self):
        """Whether something that this can be paid with can be stored by its customer, logged in or not."""
        Provider = self.env["payment.provider"]
        version, amount = Provider._paylink_version(), self._payable_amount()
        ids = Provider._paylink_option_ids(version, self.company_id.id, self.currency_id.id, amount, self.partner_id)
        return any(one.may_save for one in Provider._paylink_known_offers(version, *ids, True))

    def _stop_charges(self):
        """The customer wants links again. A second click waits, and is run again as a whole."""
        self._wait_and_hold()
        self.sudo().plan_id._stop_charges()

    @api.model
    def _tell_declined(self, transaction):
        """With that it is asked for."""
        if self._message_failure(transaction):
            transaction.paylink_id._note_sent()

    @api.model
    def _failure_template(self, transaction):
        """Of a part that could not be charged, it says so."""
        if transaction.paylink_by_plan:
            return "mail_template_plan_declined"
        return super()._failure_template(transaction)
