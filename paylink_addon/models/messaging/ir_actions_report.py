from odoo import models


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    def _render_qweb_html(self, report_ref, docids, data=None):
        """Documents of customers whose language was given up are in the nearest one."""
        model = self._get_report(report_ref).model
        if not docids or model not in self.env:
            return super()._render_qweb_html(report_ref, docids, data=data)
        customers = self.env[model].sudo().browse(docids)._mail_get_partners().values()
        with self.env["res.partner"].union(*customers)._paylink_speaking():
            return super()._render_qweb_html(report_ref, docids, data=data)
