"""Stage of ``paylink.answer``: something is wrong."""

from odoo import fields, models
from odoo.exceptions import UserError

from ...const import Task
from ...tools.limits import DAY, Cap

# How many are taken on one page in an hour and in a day: one for each of many documents. Not at all is no answer: who
# has none left would be charged for what is wrong.
PER_LINK, PER_LINK_DAY = 20, 60
# How many documents a sentence names.
MOST_NAMED = 5


class PaylinkAnswerObjection(models.Model):
    """An objection: what it is about is neither reminded of nor charged until it is taken back, or paid.

    Its file is for those who may read the answer: Odoo asks for that wherever it hands out an attachment.
    """

    _inherit = "paylink.answer"

    reason = fields.Selection(
        [
            ("amount", "The amount is wrong"),
            ("not_received", "Nothing was received"),
            ("already_paid", "It is paid already"),
            ("other", "Something else"),
        ],
        readonly=True,
    )
    attachment_ids = fields.One2many(
        "ir.attachment", "res_id", string="File", readonly=True, domain=[("res_model", "=", "paylink.answer")]
    )
    has_file = fields.Boolean(compute="_compute_has_file")
    is_charging = fields.Boolean(
        string="Being Charged", readonly=True, help="It was being charged when the customer objected: too late to stop."
    )

    def _compute_has_file(self):
        groups = (
            self.env["ir.attachment"]
            .sudo()
            ._read_group([("res_model", "=", self._name), ("res_id", "in", self.ids)], ["res_id"])
        )
        having = {res_id for (res_id,) in groups}
        for answer in self:
            answer.has_file = answer.id in having

    # === ACTIONS === #

    def action_download_file(self):
        """Save the customer's file: it is opened nowhere in Odoo."""
        self.ensure_one()
        self.check_access("read")
        attachment = self.sudo().attachment_ids[:1]
        if not attachment:
            raise UserError(self.env._("The customer has sent no file."))
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{attachment.id}?download=true",
            "target": "download",
        }

    # === HOOKS OF THE KIND === #

    def _text_objection(self, env):
        reasons = dict(self._fields["reason"]._description_selection(env))
        return env._(
            "Objection to %(documents)s: %(reason)s",
            documents=self._documents_text(env),
            reason=reasons.get(self.reason, ""),
        )

    def _page_text_objection(self, env):
        text = env._(
            "You have told us that something is wrong with %(documents)s. We look into it, and do not remind you of it "
            "meanwhile.",
            documents=self._documents_text(env),
        )
        if not self.is_charging:
            return text
        charging = env._("What is being charged just now can no longer be stopped.")
        return f"{text} {charging}"

    def _documents_text(self, env):
        lines = self.sudo().line_ids
        names = [line._customer_name(env) for line in lines[:MOST_NAMED]] or [self.sudo().link_id.name]
        if len(lines) > MOST_NAMED:
            names.append(env._("%(count)s more", count=len(lines) - MOST_NAMED))
        return ", ".join(names)

    def _caps_objection(self, alike):
        return [Cap("link", PER_LINK, alike), Cap("link_day", PER_LINK_DAY, alike, DAY)]

    # === TASK === #

    def _ask_about_objection(self):
        """Give the task to find out to whoever answers objections in the company, else to the link's people."""
        self.env["paylink.task.mixin"]._give(
            self.sudo().link_id, Task.ANSWER_OBJECTION, self._objection_texts, self._objection_users(), about=self
        )

    def _objection_users(self):
        """Who cannot open the link answers nothing."""
        link = self.sudo().link_id
        chosen = link.company_id.paylink_objection_user_id.filtered("active")
        return chosen if chosen and link._seen_by(chosen).has_access("read") else link._task_users()

    def _objection_texts(self, env):
        answer = self.sudo()
        name = answer.partner_id.display_name
        text = env._(
            "%(partner)s says that something is wrong. %(answer)s Nobody is reminded of it, and it is not charged "
            "automatically, until you take the answer back.",
            partner=name,
            answer=answer._told_text(env),
        )
        extra = [answer.has_file and env._("There is a file with it."), answer.is_charging and self._charging_text(env)]
        return env._("A customer says that something is wrong"), " ".join(filter(None, [text, *extra]))

    def _charging_text(self, env):
        return env._("Some of it is being charged already: that can't be stopped.")

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"lifted_at", "kept_at"}

    def _paylink_done_answer_objection(self, _task):
        """It was taken back, or is paid."""
        return self.state != "standing"
