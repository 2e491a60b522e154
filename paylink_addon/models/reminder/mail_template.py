from odoo import api, models


class MailTemplate(models.Model):
    _name = "mail.template"
    _inherit = ["mail.template", "paylink.ending.mixin"]

    @api.constrains("model_id")
    def _check_paylink_reminders(self):
        self.env["paylink.reminder.step"]._check_still_ours("mail", self)

    # === TASKS === #

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"subject", "body_html", "email_from"}

    def _paylink_done_reminder_template(self, task):
        """It works, for what it did not work for."""
        return self.env["paylink.reminder.rule"].browse(task.res_id)._works_with(self)
