from odoo import models
from odoo.http import request


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _dispatch(cls, endpoint):
        """A parameter that a visitor calls ``self`` is none: Odoo hands all of them to the controller by their names,
        and this one would be a second controller.
        """
        request.params.pop("self", None)
        return super()._dispatch(endpoint)
