from odoo import fields, models

from ...tools.parameters import parameter_field
from .paylink_card_code import CAPS, PARAMETER
from .paylink_card_request_person import DEFAULT_ERASE_AFTER, ERASE_AFTER_PARAMETER


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    paylink_card_renewal = fields.Selection(related="company_id.paylink_card_renewal", readonly=False)
    paylink_card_template_id = fields.Many2one(related="company_id.paylink_card_template_id", readonly=False)
    paylink_erase_after = parameter_field(
        "paylink_erase_after", ERASE_AFTER_PARAMETER, DEFAULT_ERASE_AFTER, string="Card requests without a result"
    )
    paylink_codes_address = parameter_field(
        "paylink_codes_address", PARAMETER % "address", CAPS["address"], least=1, string="Codes to one e-mail address"
    )
    paylink_codes_network = parameter_field(
        "paylink_codes_network", PARAMETER % "network", CAPS["network"], least=1, string="Codes to one network"
    )
    paylink_codes_site = parameter_field(
        "paylink_codes_site", PARAMETER % "site", CAPS["site"], least=1, string="Codes to a group of networks"
    )
    paylink_codes_page = parameter_field(
        "paylink_codes_page", PARAMETER % "page", CAPS["page"], least=1, string="Codes of one page"
    )
