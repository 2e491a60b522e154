from odoo import fields, models


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    paylink_send = fields.Boolean(
        string="Send with e-mails", help="Reminders of this invoice have it attached, where their rule says so."
    )
