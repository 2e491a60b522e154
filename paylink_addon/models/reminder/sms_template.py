from odoo import api, models


class SmsTemplate(models.Model):
    _name = "sms.template"
    _inherit = ["sms.template", "paylink.ending.mixin"]

    @api.constrains("model_id")
    def _check_paylink_reminders(self):
        self.env["paylink.reminder.step"]._check_still_ours("sms", self)

    # === TASKS === #

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"body"}

    def _paylink_done_reminder_template(self, task):
        """It works, for what it did not work for."""
        return self.env["paylink.reminder.rule"].browse(task.res_id)._works_with(self)
