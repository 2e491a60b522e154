from odoo import api, models


class SmsTemplate(models.Model):
    _inherit = "sms.template"

    @api.constrains("model_id")
    def _check_paylink_reminders(self):
        self.env["paylink.reminder.step"]._check_still_ours("sms", self)
