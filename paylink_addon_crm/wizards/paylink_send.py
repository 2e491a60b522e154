from odoo import fields, models


class PaylinkSend(models.TransientModel):
    _inherit = "paylink.send"

    lead_id = fields.Many2one("crm.lead", string="Opportunity")

    def _default_kind(self):
        """An opportunity is no debt: what it asks for is an amount of its own, unless one chooses otherwise."""
        return "free" if self.lead_id else super()._default_kind()

    def _free_reference_general(self, lang):
        return self.lead_id.name or super()._free_reference_general(lang)

    def _common_values(self):
        values = super()._common_values()
        if self.lead_id:
            values["lead_id"] = self.lead_id.id
        return values
