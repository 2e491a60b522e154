import html as html_text

from lxml import html
from odoo import models
from odoo.tools.rendering_tools import convert_inline_template_to_qweb

LOCAL_LINK = ('href="/', 'src="/', "url('/")


class PaylinkRendering(models.AbstractModel):
    """Templates compiled once for a batch: ``mail.template`` compiles its text for every record, which takes far
    longer than to render it. What may stand in a template, and what comes out, is the same.
    """

    _inherit = "paylink.sending.mixin"

    def _renderer(self, template, field):
        """A function that renders ``field`` of ``template`` for one record.

        :param template: a ``mail.template`` or ``sms.template`` of this model, in the language to render in
        :return: ``render(record)``: the text, a Markup where the field is HTML
        """
        template = template.sudo()
        self._check_templates(template)
        is_html = getattr(template._fields[field], "render_engine", None) == "qweb"
        source = template[field] or ""
        node = html.fragment_fromstring(
            str(source if is_html else convert_inline_template_to_qweb(str(source))), create_parent="div"
        )
        qweb = template.env["ir.qweb"].with_context(paylink_compiled={})
        variables = template._render_eval_context()

        def render(record):
            text = qweb._render(node, {**variables, "object": record.with_env(template.env)}, minimal_qcontext=True)
            text = text[len("<div>") : -len("</div>")]
            return self._absolute(text, record) if is_html else html_text.unescape(str(text))

        return render

    def _absolute(self, text, record):
        """``text`` with the addresses of this server in full, as a mail client needs them."""
        if not any(mark in text for mark in LOCAL_LINK):
            return text
        return self.env["mail.render.mixin"]._replace_local_links(text, record.company_id._paylink_base_url())
