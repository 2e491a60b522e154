from odoo import fields, models


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    paylink_send = fields.Boolean(
        string="Send with e-mails", help="Attached to the reminders of this invoice, if the rule says so."
    )
