import pytz
from odoo import fields, models

from odoo.addons.base.models.res_partner import _tz_get


class ResCompany(models.Model):
    _inherit = "res.company"

    paylink_base_url = fields.Char(
        string="Address of the payment pages",
        help="The address that customers see, such as https://pay.example.com. Empty: the address of this server.",
    )
    paylink_tz = fields.Selection(
        _tz_get,
        string="Time zone",
        required=True,
        default=lambda self: self.env.user.tz or "Europe/Paris",
        help="Used for the times shown to customers whose own time zone is not known.",
    )

    def _paylink_base_url(self):
        """Where customers find this company's pages: never taken from the request, whose host anyone can forge."""
        parameter = self.env["ir.config_parameter"].sudo().get_param("web.base.url", "")
        return (self.sudo().paylink_base_url or parameter).strip().rstrip("/")

    def _paylink_zone(self):
        return pytz.timezone(self.paylink_tz or "UTC")

    def _paylink_today(self):
        """The day it is in the company's time zone."""
        return pytz.utc.localize(fields.Datetime.now()).astimezone(self._paylink_zone()).date()

    def _paylink_managers(self):
        """The payment managers of this company, who get the tasks that are nobody's in particular."""
        self.ensure_one()
        managers = self.env.ref("paylink_addon.group_payment_manager").sudo().all_user_ids
        return managers.filtered(lambda user: user.active and not user.share and self in user.company_ids)
