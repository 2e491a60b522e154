from odoo import api, models


class PaylinkReminderRule(models.Model):
    _inherit = "paylink.reminder.rule"

    @api.model
    def _cron_remind(self):
        """Likewise of what customers have promised for today; what was paid holds nothing up anymore."""
        result = super()._cron_remind()
        Answer = self.env["paylink.answer"]
        self.env["paylink.job.mixin"]._in_turn(Answer._keep_paid, Answer._remind_of_promises)
        return result
