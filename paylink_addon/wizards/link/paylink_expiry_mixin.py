from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...models.link.res_company import EXPIRY_UNITS
from ...tools import days


class PaylinkExpiryMixin(models.AbstractModel):
    """A dialog in which one says for how many days or hours links last, or until when."""

    _name = "paylink.expiry.mixin"
    _description = "Dialog that Says How Long Links Last"

    expires_at = fields.Datetime(string="Expires on", help="Empty: the links do not expire.")
    expiry_number = fields.Integer(
        string="Expires after", compute="_compute_expiry", inverse="_inverse_expiry", readonly=False
    )
    expiry_unit = fields.Selection(
        EXPIRY_UNITS, compute="_compute_expiry", inverse="_inverse_expiry", readonly=False, string="Unit"
    )

    @api.depends("expires_at")
    def _compute_expiry(self):
        for dialog in self:
            number, unit = days.in_units(dialog._hours_left())
            dialog.update({"expiry_number": number, "expiry_unit": unit})

    @api.onchange("expiry_number", "expiry_unit")
    def _inverse_expiry(self):
        for dialog in self:
            hours = days.in_hours(max(dialog.expiry_number, 0), dialog.expiry_unit)
            if hours > days.LONGEST_HOURS:
                raise UserError(self.env._("A link can last from 0 hours to ten years. 0: it does not expire."))
            if hours != dialog._hours_left():
                dialog.expires_at = fields.Datetime.now() + timedelta(hours=hours) if hours else False

    def _hours_left(self):
        """Whole hours until the links expire; 0: never, or already."""
        left = self.expires_at - fields.Datetime.now() if self.expires_at else timedelta()
        return max(round(left / timedelta(hours=1)), 0)
