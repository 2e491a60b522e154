from odoo import api, models


class MailTemplate(models.Model):
    _inherit = "mail.template"

    @api.constrains("model_id")
    def _check_paylink_reminders(self):
        self.env["paylink.reminder.step"]._check_still_ours("mail", self)
