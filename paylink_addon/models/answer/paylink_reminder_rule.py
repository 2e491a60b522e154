from odoo import api, models


class PaylinkReminderRule(models.Model):
    _inherit = "paylink.reminder.rule"

    @api.model
    def _cron_remind(self):
        """Likewise of what customers have promised for today."""
        result = super()._cron_remind()
        self.env["paylink.job.mixin"]._in_turn(self.env["paylink.answer"]._remind_of_promises)
        return result
