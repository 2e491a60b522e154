from odoo import api, fields, models

from ..const import SMS_LENGTH
from ..tools.gsm import gsm_length, to_gsm


class PaylinkSendPreview(models.TransientModel):
    """The texts of the only message, as the template says them, to be changed before sending."""

    _inherit = "paylink.send"

    subject = fields.Char(compute="_compute_subject", store=True, readonly=False)
    body = fields.Html(
        string="Content",
        compute="_compute_body",
        store=True,
        readonly=False,
        sanitize_style=True,
        help="The amount, the button and your company's details are added around this text.",
    )
    sms_body = fields.Text(string="SMS text", compute="_compute_sms_body", store=True, readonly=False)
    sms_count = fields.Char(compute="_compute_sms_count")
    sms_warning = fields.Char(compute="_compute_sms_count")
    sms_problem = fields.Char(compute="_compute_sms_count")

    @api.depends("line_ids", "template_id", "lang", "amount", "currency_id", "reference", "expires_at", "reuse")
    def _compute_subject(self):
        for wizard in self:
            wizard.subject = wizard._preview(wizard.template_id, "subject")

    @api.depends("line_ids", "template_id", "lang", "amount", "currency_id", "reference", "expires_at", "reuse")
    def _compute_body(self):
        for wizard in self:
            wizard.body = wizard._preview(wizard.template_id, "body_html")

    @api.depends("line_ids", "sms_template_id", "lang", "amount", "currency_id", "reference", "expires_at", "reuse")
    def _compute_sms_body(self):
        for wizard in self:
            text = wizard._preview(wizard.sms_template_id, "body")
            wizard.sms_body = text and to_gsm(text)

    def _preview(self, template, field):
        """What the template says for the only link; an edited text is sent as it is, never rendered again."""
        link = self._preview_link()
        if not link or not template:
            return False
        self.env["paylink.link"]._check_templates(template)
        return template.with_context(lang=self.lang)._render_field(field, [link.id])[link.id]

    @api.depends("sms_body", "send_sms")
    def _compute_sms_count(self):
        requests = self.env["paylink.link"]
        for wizard in self:
            length = gsm_length(to_gsm(wizard.sms_body or ""))
            wizard.sms_count = (
                self.env._("%(length)s of %(limit)s characters of one SMS", length=length, limit=SMS_LENGTH)
                if length <= SMS_LENGTH
                else self.env._("%(length)s characters, one SMS has %(limit)s", length=length, limit=SMS_LENGTH)
            )
            wizard.sms_warning = wizard.send_sms and requests._sms_warning(wizard.sms_body)
            wizard.sms_problem = wizard.send_sms and requests._sms_problem(
                wizard.sms_body, wizard.partner_id.display_name
            )

    def _preview_link(self):
        """The link as it would be, in memory, to render texts with; the open one if that is used again."""
        self.ensure_one()
        if len(self.line_ids) != 1 or not self.partner_id or self.line_ids.blocked:
            return self.env["paylink.link"]
        # What is asked and of whom is read again: a client could have changed the line.
        line = self.line_ids
        groups = line._groups(self) if self.kind != "free" else {}
        items = groups.get(line.key, self.env["account.move.line"])
        if groups and not items:
            return self.env["paylink.link"]
        if items and (link := line._reused_link(line._existing_links({line.key: items})[line.key])):
            return link
        origin = line._group_origin(items) if items else line._free_origin(self)
        values = self._common_values() | self._single_values() | origin | {"kind": self.kind, "amount": self.amount}
        values["line_ids"] = [fields.Command.create(vals) for vals in items._paylink_line_values()]
        return self.env["paylink.link"].new(values)
