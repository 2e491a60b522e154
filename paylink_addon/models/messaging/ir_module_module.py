from odoo import api, models
from odoo.tools import html_sanitize
from odoo.tools.misc import file_open


class IrModuleModule(models.Model):
    _inherit = "ir.module.module"

    @api.depends("name", "description")
    @api.depends_context("lang")
    def _get_desc(self):
        """What our add-ons do is told in the reader's language, where their page has been translated.

        Odoo translates names and summaries, but knows one ``static/description/index.html`` only.
        """
        result = super()._get_desc()
        language = (self.env.lang or "en").partition("_")[0]
        for module in self.filtered(lambda module: (module.name or "").startswith("paylink_addon")):
            try:
                with file_open(f"{module.name}/static/description/index.{language}.html") as page:
                    module.description_html = html_sanitize(page.read())
            except FileNotFoundError:
                continue
        return result
