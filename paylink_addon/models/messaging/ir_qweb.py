from lxml import etree
from odoo import models


class IrQweb(models.AbstractModel):
    _inherit = "ir.qweb"

    def _compile(self, template):
        """Compile a template that is no view once for a whole batch, where the context brings a memory for it.

        A method of Odoo's that is not meant to be extended: without it an e-mail takes six times as long to render
        (bench/reminders.py).
        """
        compiled = self.env.context.get("paylink_compiled")
        if compiled is None or not isinstance(template, etree._Element):
            return super()._compile(template)
        if template not in compiled:
            compiled[template] = super()._compile(template)
        return compiled[template]
