from odoo import models


class PaylinkLink(models.Model):
    _inherit = "paylink.link"

    def _paylink_done_provider_page_refused(self, _task):
        """The last attempt has a page, or none is needed anymore."""
        last = self.transaction_ids.filtered(lambda tx: tx._paylink_is_incoming()).sorted("id")[-1:]
        return bool(last.paylink_stripe_session) or not self._is_live()
