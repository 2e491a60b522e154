from odoo import api, fields, models


class PaylinkSend(models.TransientModel):
    _inherit = "paylink.send"

    to_wallet = fields.Boolean(string="Top up the wallet", readonly=True)

    def _default_kind(self):
        return "free" if self.to_wallet else super()._default_kind()

    @api.depends("to_wallet")
    def _compute_reference(self):
        result = super()._compute_reference()
        for wizard in self.filtered(lambda wizard: wizard.to_wallet and wizard.kind == "free"):
            language = wizard.env(context=dict(wizard.env.context, lang=wizard.lang or wizard.env.lang))
            wizard.reference = language._("Wallet top-up")
        return result

    def _amount_problem(self):
        if self.to_wallet and self.kind == "free":
            currency = self.currency_id or self.company_id.currency_id
            return self.company_id._paylink_wallet_problem(self.amount, currency)
        return super()._amount_problem()

    def _common_values(self):
        values = super()._common_values()
        return values | {"kind": "wallet"} if self.to_wallet and self.kind == "free" else values
