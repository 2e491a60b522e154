from odoo import api, models


class PaylinkSendCompany(models.TransientModel):
    """The wizard speaks as the company that asks, which need not be the current one."""

    _inherit = "paylink.send"

    @api.model
    def default_get(self, fields_list):
        """Texts, expiry and account of the company whose documents these are."""
        values = super().default_get(fields_list)
        if values.get("source_ids"):
            companies = self.new(values)._asking_companies()
            if companies != self.env.company:
                own = self._company_values(companies)
                values |= {name: value for name, value in own.items() if name in fields_list}
        return values

    @api.onchange("grouping", "kind")
    def _onchange_grouping(self):
        """A new amount is asked for by the current company."""
        values = self._company_values(self._asking_companies())
        if values["company_id"] != self.company_id.id or bool(values["template_id"]) != bool(self.template_id):
            self.update(values)
        return super()._onchange_grouping()

    def _asking_companies(self):
        """Who asks for what is selected, among the companies that the user works in."""
        if self.kind == "free" or len(self.env.companies) == 1:
            return self.env.company
        sources = self._sources()
        if sources._name == "res.partner":
            sources = sources._paylink_open_items(self.env.companies)
        return (sources.company_id & self.env.companies) or self.env.company

    @api.model
    def _company_values(self, companies):
        """What follows from who asks. Of several companies each has texts of its own: no template stands for those."""
        several = len(companies) > 1
        company = self.env.company if several else companies.with_env(self.env)
        return {
            "company_id": company.id,
            "bank_account_id": company._paylink_bank_account().id,
            "expires_at": company._paylink_expires_at(),
            "template_id": not several and company.sudo()._paylink_mail_template().id,
            "sms_template_id": not several and company.sudo()._paylink_sms_template().id,
        }
