from odoo import models


class MailRenderMixin(models.AbstractModel):
    _inherit = "mail.render.mixin"

    def _render_lang(self, res_ids, engine="inline_template"):
        """What is written to people in a language that was given up is in the nearest one: Odoo does nothing in it."""
        found, spoken = super()._render_lang(res_ids, engine=engine), self.env["res.lang"]._paylink_spoken
        return {res_id: spoken(lang) for res_id, lang in found.items()}
