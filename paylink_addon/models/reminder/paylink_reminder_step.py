from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .paylink_reminder_rule import MOMENTS, TONES

MODEL = "paylink.reminder.message"
# How many days after the due date (or the sending of the link) a day of a rule is: its days, times this.
SIGNS = {"before": -1, "on": 0, "after": 1, "link": 1}


class PaylinkReminderStep(models.Model):
    """One day of a rule: how many days before or after, in which tone, with which templates."""

    _name = "paylink.reminder.step"
    _inherit = ["paylink.guard.mixin"]
    _description = "Day of a Reminder Rule"
    _order = "rule_id, days, id"

    rule_id = fields.Many2one("paylink.reminder.rule", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="rule_id.company_id", store=True, precompute=True)
    moment = fields.Char(related="rule_id.moment")
    days = fields.Integer(
        required=True,
        default=3,
        help="Days before the due date, after it, or after the link was sent. On the due date: 0.",
    )
    offset = fields.Integer(
        compute="_compute_offset", store=True, precompute=True, help="Days after the due date; negative: before it."
    )
    tone = fields.Selection(
        TONES,
        required=True,
        help="If several reminders are due for a customer, only the firmest is sent.",
        compute="_compute_tone",
        store=True,
        readonly=False,
        precompute=True,
    )
    mail_template_id = fields.Many2one(
        "mail.template",
        string="E-mail",
        domain=[("model", "=", MODEL)],
        help="The day's text. To who has got fewer reminders than the rule has days, that of an earlier day goes.",
        compute="_compute_mail_template_id",
        store=True,
        readonly=False,
        precompute=True,
        ondelete="restrict",
    )
    sms_template_id = fields.Many2one("sms.template", string="SMS", domain=[("model", "=", MODEL)], ondelete="restrict")

    _days_in_bounds = models.Constraint("CHECK(days BETWEEN 0 AND 3650)", "Enter a number of days from 0 to 3650.")
    _rule_days_unique = models.Constraint("UNIQUE(rule_id, days)", "A rule can have only one reminder per day.")

    # === CONSTRAINTS === #

    @api.constrains("mail_template_id", "sms_template_id")
    def _check_templates(self):
        for step in self:
            if not step.mail_template_id and not step.sms_template_id:
                raise ValidationError(
                    self.env._("Day %(days)s of the rule needs a template: e-mail, SMS or both.", days=step.days)
                )
            self.env[MODEL]._check_templates(step.mail_template_id, step.sms_template_id)

    @api.constrains("days", "rule_id")
    def _check_days(self):
        """Days of the rule's moment; a rule has each of them once: “on the due date” is one."""
        for step in self:
            if step.moment == "on" and step.days:
                raise ValidationError(self.env._("“On the due date” has only one day, 0: delete the others."))
            if step.moment == "before" and not step.days:
                raise ValidationError(self.env._("“Before the due date” needs at least one day."))

    # === COMPUTE METHODS === #

    @api.depends("days", "rule_id.kind", "rule_id.condition")
    def _compute_offset(self):
        for step in self:
            step.offset = step.days * SIGNS[step.rule_id.moment or "after"]

    @api.depends("rule_id")
    def _compute_tone(self):
        """Propose for one more day a firmer tone than for those that the rule has, as far as there is one."""
        for step in self:
            others = step.rule_id.step_ids - step
            step.tone = TONES[min(len(others), len(TONES) - 1)][0]

    @api.depends("tone")
    def _compute_mail_template_id(self):
        """Propose the supplied template of moment and tone, unless there is one of one's own."""
        for step in self:
            step._replace_supplied_templates()

    @api.depends("rule_id", "days", "moment")
    def _compute_display_name(self):
        for step in self:
            step.display_name = self.env._("Day %(days)s, %(rule)s", days=step.days, rule=step.rule_id.name or "")

    # === BUSINESS METHODS === #

    def _replace_supplied_templates(self):
        """Put the supplied templates for its moment and tone where no own ones are."""
        self.ensure_one()
        for field, kind in (("mail_template_id", "mail"), ("sms_template_id", "sms")):
            supplied = self._supplied_templates(kind)
            if self[field] in supplied.values() or (kind == "mail" and not self[field] and not self.sms_template_id):
                self[field] = supplied.get((self.rule_id.moment or "after", self.tone))

    @api.model
    def _check_still_ours(self, kind, templates):
        """A template of reminders stays one: what rules refer to, and what they fall back to.

        :param str kind: ``mail`` or ``sms``
        :raises ValidationError: it is to be a template of another model
        """
        others = templates.filtered(lambda template: template.model != MODEL)
        used = self.sudo().search([(f"{kind}_template_id", "in", others.ids)])[f"{kind}_template_id"]
        supplied = others.browse(template.id for template in self._supplied_templates(kind).values())
        if lost := others & (used | supplied):
            raise ValidationError(
                self.env._("“%(name)s” is for reminders: copy it to use it for something else.", name=lost[0].name)
            )

    @api.model
    def _supplied_templates(self, kind):
        """The templates that came with the add-on, by moment and tone.

        :param str kind: ``mail`` or ``sms``
        """
        names = {
            (moment, tone): f"paylink_addon.{kind}_template_reminder_{moment}_{tone}"
            for moment in MOMENTS
            for tone, _label in TONES
        }
        known = self.env["ir.model.data"]._xmlid_to_res_id
        ids = {key: known(name, raise_if_not_found=False) for key, name in names.items()}
        templates = self.env[f"{kind}.template"].browse(filter(None, ids.values())).exists()
        return {key: templates.browse(id_) for key, id_ in ids.items() if id_ in templates.ids}
