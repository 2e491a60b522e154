from odoo import models

from ...tools.parameters import parameter_field
from .paylink_event import DEFAULT_RETENTION, RETENTION_PARAMETER


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    paylink_event_days = parameter_field(
        "paylink_event_days", RETENTION_PARAMETER, DEFAULT_RETENTION, string="What Stripe has reported"
    )
