from odoo import models


class PaymentCaptureWizard(models.TransientModel):
    _name = "payment.capture.wizard"
    _inherit = ["payment.capture.wizard", "paylink.documents.mixin"]
    _documents_field = "transaction_ids"

    def action_capture(self):
        """Payment managers read all transactions, but capture those of links only, and nobody else those."""
        if self.transaction_ids.paylink_id or not self.transaction_ids.has_access("write"):
            self.transaction_ids._paylink_as_manager()
        return super().action_capture()
