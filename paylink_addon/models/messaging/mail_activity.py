from odoo import fields, models


class MailActivity(models.Model):
    _name = "mail.activity"
    _inherit = ["mail.activity", "paylink.guard.mixin"]
    _guarded_prefix = "paylink_"

    paylink_key = fields.Char(string="Task Key", readonly=True, copy=False)

    _paylink_key_index = models.Index("(res_model, res_id, paylink_key) WHERE paylink_key IS NOT NULL")
