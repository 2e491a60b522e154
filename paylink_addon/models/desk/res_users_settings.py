from odoo import fields, models


class ResUsersSettings(models.Model):
    _inherit = "res.users.settings"

    paylink_export_columns = fields.Json(
        string="Columns of Excel Files", help="The columns that the user last chose, by their codes."
    )
