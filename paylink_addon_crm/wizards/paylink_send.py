from odoo import api, fields, models


class PaylinkSend(models.TransientModel):
    _inherit = "paylink.send"

    lead_id = fields.Many2one("crm.lead", string="Opportunity", readonly=True)

    def _default_kind(self):
        """An opportunity is no debt: what it asks for is an amount of its own, unless one chooses otherwise."""
        return "free" if self.lead_id else super()._default_kind()

    @api.depends("lead_id")
    def _compute_reference(self):
        result = super()._compute_reference()
        for wizard in self.filtered(lambda wizard: wizard.lead_id and wizard.kind == "free"):
            wizard.reference = wizard.lead_id.name
        return result

    def _common_values(self):
        values = super()._common_values()
        if self.lead_id:
            self.lead_id.check_access("read")
            values["lead_id"] = self.lead_id.id
        return values
