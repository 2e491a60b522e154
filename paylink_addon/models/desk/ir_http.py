from odoo import models


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    def session_info(self):
        """Whether the top bar shows what is unread of the user's links: it has to know how much room there is."""
        has_links = self.env.user.has_group("paylink_addon.group_paylink_user")
        return super().session_info() | {"paylink_has_links": has_links}
