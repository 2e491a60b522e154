from odoo import api, models


class PaylinkReminderSend(models.TransientModel):
    """Reminders by hand of what is paid in parts."""

    _inherit = "paylink.reminder.send"

    @api.model
    def _agreed_texts(self, items):
        """That a plan runs, whoever has made it."""
        in_parts = self.env["paylink.plan"]._running_of(items).link_id.line_ids.move_line_id
        said = self.env._("It is paid in parts: each part is asked for on its day.")
        return super()._agreed_texts(items) | dict.fromkeys(items & in_parts, said)
