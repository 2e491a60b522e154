from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools import limits
from ...tools.hooks import named_hook
from ...tools.limits import Cap, same

TABLE = "paylink_answer"
# How many answers of one kind are taken on one page: in an hour, and at all. How many come from one place is bounded
# too: see ``paylink.answer.try``.
PER_LINK, EVER = 5, 20
# In which order colleagues are told what stands, and how much of it at once.
MATTERS = ("objection", "promise", "transfer", "plan", "forward")
TOLD_AT_ONCE = 3
# How many that were paid are ended in one transaction.
BATCH = 50


class PaylinkAnswer(models.Model):
    """What a customer has answered on the page of a link instead of paying it.

    Each kind of answer is a set of hooks that are found by their names, ``_<hook>_<kind>``, and where a kind has none
    ``_<hook>_general``. Of the link (``paylink.link``, see :meth:`~.paylink_link.PaylinkLink._answer`):

    ``answer_form()``: what the form on the page needs, as a dict, or ``False``: it is not offered. General: not.
    ``answer(said)``: check what was said, store the answer with ``_note_answer`` and do what follows; returns it.
    ``may_answer()``: whether it is taken now. General: as long as the link can be paid.
    ``after_answer()``: the link whose page is shown to who has answered. General: its own.
    ``answer_marks(said, ip)``: as what it is counted: see ``tools.limits``. General: by where it comes from.
    The form is the template ``answer_<kind>``.

    Of the answer:

    ``text(env)``: what was said, as a sentence in the language of ``env``.
    ``page_text(env)``: the same, said to the customer.
    ``stands()``: whether it still holds: General: until its day is over.
    ``undo()``: what follows when it is taken back. General: what it has put on hold goes on.
    ``may_undo()``: whether the customer can take it back on the page. General: yes.
    ``may_lift()``: whether those who may change the link can. General: yes.
    ``caps(alike)``: what bounds the answers of the kind on one page. General: so many in an hour, and at all.
    ``place_caps(values)``: what bounds the sent forms of the kind. General: by where they come from.
    """

    _name = "paylink.answer"
    _inherit = ["paylink.guard.mixin", "paylink.task.mixin"]
    _description = "Answer of a Customer"
    _order = "id desc"
    _rec_name = "link_id"

    kind = fields.Selection(
        [
            ("promise", "Will pay later"),
            ("transfer", "Has made a transfer"),
            ("objection", "Something is wrong"),
            ("forward", "Sent to somebody else"),
            ("plan", "Pays in parts"),
        ],
        string="Answer",
        required=True,
        readonly=True,
    )
    link_id = fields.Many2one(
        "paylink.link", string="Collection Link", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="link_id.company_id", store=True, index=True)
    partner_id = fields.Many2one(related="link_id.partner_id", store=True, index=True)
    user_id = fields.Many2one(related="link_id.user_id")
    line_ids = fields.Many2many(
        "paylink.link.line", string="Items", readonly=True, help="What it is about; empty: all that the link asks for."
    )
    answered_at = fields.Datetime(string="Answered on", required=True, readonly=True, default=fields.Datetime.now)
    date_until = fields.Date(string="Until", readonly=True)
    date = fields.Date(string="Day of the Transfer", readonly=True)
    currency_id = fields.Many2one(related="link_id.currency_id")
    amount = fields.Monetary(readonly=True)
    note = fields.Text(string="What the Customer Writes", readonly=True)
    text = fields.Char(string="In Words", compute="_compute_text")
    hold_ids = fields.One2many("paylink.reminder.hold", "answer_id", string="On Hold", readonly=True)
    lifted_at = fields.Datetime(string="Taken back on", readonly=True)
    kept_at = fields.Datetime(
        string="Paid on", readonly=True, help="It holds nothing up anymore, also if what was paid is due again."
    )
    state = fields.Selection(
        [("standing", "Stands"), ("kept", "Paid"), ("over", "Over"), ("lifted", "Taken back")],
        compute="_compute_state",
    )
    can_lift = fields.Boolean(compute="_compute_can_lift")
    counts = fields.Boolean(
        default=True,
        readonly=True,
        groups="base.group_system",
        help="Off: staff have taken it back, or the link has a new address since: it bounds no further answers.",
    )
    said = fields.Char(readonly=True, groups="base.group_system", help="The same said again is no other answer.")

    # === COMPUTE METHODS === #

    @api.depends("kind", "date_until", "date", "amount")
    @api.depends_context("lang")
    def _compute_text(self):
        for answer in self:
            answer.text = answer._of_kind("text", self.env)

    @api.depends("kind", "link_id")
    @api.depends_context("lang")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for answer in self:
            answer.display_name = f"{labels.get(answer.kind)} – {answer.link_id.name}"

    @api.depends(
        *("kind", "lifted_at", "kept_at", "date_until", "link_id.state"),
        *("line_ids.move_line_id.reconciled", "line_ids.move_line_id.parent_state"),
        "hold_ids.move_id.amount_residual",
    )
    def _compute_state(self):
        for answer in self:
            answer.state = answer._derive_state()

    def _derive_state(self):
        """Whether it stands, or else why not."""
        rules = (
            ("lifted", self.lifted_at),
            ("kept", self.kept_at or self._is_paid()),
            ("standing", self._of_kind("stands")),
        )
        return next((state for state, holds in rules if holds), "over")

    def _is_paid(self):
        """Whether nothing of what it is about, nor of what it holds up, is to be paid anymore: who has paid a part of
        a document, or one installment, may still owe what is wrong with it.
        """
        answer = self.sudo()
        link, items = answer.link_id, answer.line_ids.move_line_id
        held = answer.hold_ids.move_id.filtered(
            lambda move: move.state != "cancel" and not move.currency_id.is_zero(move.amount_residual)
        )
        if link.state == "paid" and not (link.is_limited and answer.hold_ids):
            return not held - link.line_ids.filtered("is_whole").move_id
        return bool(items) and not items._paylink_unsettled() and not held

    @api.depends("state")
    @api.depends_context("uid")
    def _compute_can_lift(self):
        """Whether it is the user's to take back, as the link is theirs to change."""
        allowed = self.link_id._filtered_access("write")
        for answer in self:
            may_lift = answer.link_id in allowed and answer._of_kind("may_lift")
            answer.can_lift = may_lift and answer.state == "standing"

    # === KINDS === #

    def _of_kind(self, hook, *args):
        """What ``hook`` is for the kind of this answer: they are listed in the model's docstring."""
        return named_hook(self, hook, self.kind)(*args)

    def _text_general(self, env):
        return dict(self._fields["kind"]._description_selection(env))[self.kind]

    def _page_text_general(self, env):
        return self._text_general(env)

    def _stands_general(self):
        return not self.date_until or self.date_until >= self.company_id._paylink_today()

    def _may_undo_general(self):
        return True

    def _may_lift_general(self):
        return True

    @api.model
    def _caps_general(self, alike):
        return [Cap("link", PER_LINK, alike), Cap("ever", EVER, alike, within=None)]

    @api.model
    def _place_caps_general(self, values):
        return self.env["paylink.answer.try"]._caps_of_places(values)

    def _undo_general(self):
        self.hold_ids._lift()

    # === ACTIONS === #

    def action_lift(self):
        """Take it back, as the customer says, or as is plain: reminders go on."""
        self.link_id.check_access("write")
        if any(answer.state != "standing" for answer in self):
            raise UserError(self.env._("This answer does not stand anymore: reload the page."))
        if not all(answer._of_kind("may_lift") for answer in self):
            raise UserError(self.env._("What is sent is sent: replace the address of the link."))
        self._lift()
        self._count_no_more()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_view_link(self):
        """Open the link on whose page it was given."""
        self.ensure_one()
        return self.link_id._get_records_action()

    # === BUSINESS METHODS === #

    def _lift(self):
        """Take these back, whoever says so."""
        for answer in self._not_ended():
            answer._end()
            link = answer.link_id
            link._log_events("answer_lifted", {link.id: answer._of_kind("text", link.company_id._paylink_env())})

    def _end(self):
        """They do not stand anymore, and nothing is on hold because of them."""
        for answer in self._not_ended():
            answer.lifted_at = fields.Datetime.now()
            answer._of_kind("undo")

    def _not_ended(self):
        return self.sudo().filtered(lambda answer: not answer.lifted_at and not answer.kept_at)

    @api.model
    def _keep_paid(self):
        """What was paid, or credited in full, holds nothing up anymore, also if it is due again one day: a part of a
        job, so that what somebody reconciles by mistake and undoes at once ends no answer.
        """
        Hold = self.env["paylink.reminder.hold"].sudo()
        answered = Domain("answer_id", "!=", False)
        companies = self.env["res.company"].union(
            *(company for (company,) in Hold._read_group(answered, ["company_id"]))
        )
        answers = Hold.search(answered & Hold._running_domain(companies)).answer_id
        paid = answers.filtered(lambda answer: answer.state == "kept")
        return self.env["paylink.job.mixin"]._each(paid, lambda some: some._keep(), size=BATCH)

    def _keep(self):
        kept = self._not_ended().filtered(lambda answer: answer.state == "kept")
        kept.kept_at = fields.Datetime.now()
        kept.hold_ids.filtered("active")._lift()

    def _count_no_more(self):
        """Staff make room for further answers, which somebody else may have left none of."""
        self.sudo().counts = False

    def _pause(self, kind, records, until=False):
        """Put something on hold because of this answer: nobody is reminded of it, nor charged for it automatically.

        :param str kind: that of the hold: ``promise``, ``objection``
        :param records: a list of record sets, of invoices and the link itself: see ``paylink.link._paused_together``
        :param date until: the last day
        """
        answer = self.sudo()
        link = answer.link_id
        shared = {
            "kind": kind,
            "company_id": link.company_id.id,
            "link_id": link.id,
            "answer_id": answer.id,
            "date_until": until,
            "note": answer._of_kind("text", link.company_id._paylink_env()),
            "user_id": link._task_users().id,
        }
        answer.env["paylink.reminder.hold"].create(
            [shared | link._paused_values(one) for some in records for one in some]
        )

    def _task_users(self):
        return self.link_id._task_users()

    def _tell(self, event):
        """On the timeline of the link, and to its owner, each in their language."""
        answer = self.sudo()
        link = answer.link_id
        env = link.company_id._paylink_env()
        link._log_events(event, {link.id: answer._told_text(env)})
        env = link._owner_env()
        name = link.partner_id.display_name
        subject = env._("%(partner)s has answered", partner=name)
        link._notify_owner(
            subject=subject, body=env._("%(partner)s: %(answer)s", partner=name, answer=answer._told_text(env))
        )

    def _told_text(self, env):
        """What was said, with what the customer has written."""
        text = self._of_kind("text", env)
        note = self.note and env._("“%(text)s”", text=self.note)
        return f"{text} {note}" if note else text

    # === WHAT STANDS === #

    @api.model
    def _standing_text(self, answers):
        """What stands of these answers, in words, what matters most first, or ``False``."""
        standing = answers.filtered(lambda answer: answer.state == "standing")
        texts = standing.sorted(lambda answer: MATTERS.index(answer.kind)).mapped("text")
        more = ["…"] if len(texts) > TOLD_AT_ONCE else []
        return " · ".join(texts[:TOLD_AT_ONCE] + more) or False

    def _action_view(self):
        """Show these."""
        action = self.env["ir.actions.act_window"]._for_xml_id("paylink_addon.paylink_answer_action")
        return action | {"domain": [("id", "in", self.ids)], "context": {}}

    # === LIMITS === #

    @api.model
    def _check_room(self, link, kind):
        """Refuse what are too many answers on the page of one link. One query.

        :raises TooManyAnswers: with a text for the customer
        """
        alike = SQL("kind = %s AND counts AND %s", kind, same("link_id", link.id))
        caps = named_hook(self, "caps", kind)(alike)
        reached = limits.full(self.env, TABLE, "answered_at", fields.Datetime.now(), caps)
        self.env["paylink.answer.try"]._refuse(reached, caps)
