from odoo import models


class PaylinkAutopayPage(models.Model):
    _inherit = "paylink.autopay.page"

    def _after_objection(self, move, name):
        """Who objects to the charge is not reminded of it either, until somebody has looked at it."""
        result = super()._after_objection(move, name)
        env = self.company_id._paylink_env()
        self.env["paylink.reminder.hold"].sudo().create(
            {
                "kind": "objection",
                "company_id": self.company_id.id,
                "partner_id": self.partner_id.id,
                "move_id": move.id if move.is_sale_document(include_receipts=True) else False,
                "note": env._("On the page of automatic payments: %(document)s", document=name),
                "user_id": self._task_users().id,
            }
        )
        return result
