from datetime import timedelta
from hashlib import sha256

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import hmac
from psycopg2.errors import LockNotAvailable

from ...tools import limits
from ...tools.hooks import named_hook
from ...tools.locks import in_turn
from .paylink_answer import TABLE
from .paylink_answer_try import TooManyAnswers

GROUP = "paylink_addon.group_paylink_user"
# What is said again within this time is a second click.
AGAIN = timedelta(minutes=10)
LONGEST_NOTE = 1000


class PaylinkLink(models.Model):
    """Customers answer instead of paying: see ``paylink.answer``. Callers of what they do have checked the token."""

    _inherit = "paylink.link"

    # On the row itself: the page of a link without answers asks for none.
    has_answers = fields.Boolean(readonly=True, copy=False, groups=GROUP)
    answer_count = fields.Integer(string="Number of answers", compute="_compute_answers", groups=GROUP)
    last_answer = fields.Char(string="Answer of the Customer", compute="_compute_answers", groups=GROUP)

    @api.depends_context("uid", "lang", "allowed_company_ids")
    def _compute_answers(self):
        answers = self.env["paylink.answer"].search([("link_id", "in", self.ids)]).grouped("link_id")
        for link in self:
            own = answers.get(link._origin, self.env["paylink.answer"])
            link.answer_count, link.last_answer = len(own), own._standing_text(own)

    def action_view_answers(self):
        """Show what the customer has answered."""
        self.check_access("read")
        return self.env["paylink.answer"].search([("link_id", "in", self.ids)])._action_view()

    @api.model
    def _page_fields(self):
        return (*super()._page_fields(), "has_answers", "plan_id", "plan_part_id")

    # === WHAT THE PAGE SHOWS === #

    def _page_texts(self, due):
        """With what stands of the answers."""
        return super()._page_texts(due) | {"answers": self._page_answers()} | self._plan_texts()

    def _page_answers(self):
        """What stands of the answers, as the customer reads it."""
        return [
            {
                "id": answer.id,
                "kind": answer.kind,
                "text": answer._of_kind("page_text", self.env),
                "may_undo": answer._of_kind("may_undo") and self._may_answer(answer.kind),
            }
            for answer in self._standing_answers()
        ]

    def _standing_answers(self):
        Answer = self.env["paylink.answer"]
        if not self.has_answers:
            return Answer
        own = Answer.search([("link_id", "=", self.id), ("lifted_at", "=", False)])
        return own.filtered(lambda answer: answer.state == "standing")

    def _answer_forms(self):
        """What can be answered now: ``(kind, what its form needs)``, in the order of the page."""
        kinds = [kind for kind in self._answer_kinds() if self._may_answer(kind)]
        forms = {kind: named_hook(self, "answer_form", kind)() for kind in kinds}
        return [(kind, form) for kind, form in forms.items() if form]

    @api.model
    def _answer_kinds(self):
        return self.env["paylink.answer"]._fields["kind"].get_values(self.env)

    def _may_answer(self, kind):
        """Whether an answer of this kind is taken now."""
        return named_hook(self, "may_answer", kind)()

    def _may_answer_general(self):
        """Hook: see ``paylink.answer``. Here: as long as it can be paid."""
        return self._awaits_customer()

    def _after_answer_general(self):
        """Hook: see ``paylink.answer``. Here: its own."""
        return self

    def _after_answer(self, kind):
        """The link whose page is shown to who has given an answer of this kind."""
        return named_hook(self, "after_answer", kind)()

    def _answer_form_general(self):
        """Hook: see ``paylink.answer``. Here: it is not offered."""
        return False

    # === WHAT THE CUSTOMER ANSWERS === #

    def _answer(self, kind, said, ip=None):
        """Take an answer of the customer. What is said twice, as by a second click, is said once.

        Commits before and after: on one link one answer after the other, so that two do not both take the last place.

        :param str kind: one of :meth:`_answer_kinds`
        :param said: what the form has sent, a ``werkzeug.datastructures.MultiDict``: anything
        :param str ip: where from
        :raises UserError: with a text for the customer; nothing is done
        """
        self.ensure_one()
        if self._is_said_already(kind, self._said_mark(kind, said)):
            return
        self.env["paylink.answer.try"]._count(self, kind, named_hook(self, "answer_marks", kind)(said, ip))
        try:
            with in_turn(self.env.cr, f"{TABLE}.{self.id}"):
                self._with_queued_mail()._answer_in_turn(kind, said)
        except LockNotAvailable:
            raise TooManyAnswers(self.env._("Please try again in a minute.")) from None

    def _answer_in_turn(self, kind, said):
        self._wait_and_hold()
        mark = self._said_mark(kind, said)
        if self._is_said_already(kind, mark):  # asked first: what was said may be why nothing can be said anymore
            return
        if not self._may_answer(kind):
            raise UserError(self.env._("This link can no longer be paid: reload the page."))
        self.env["paylink.answer"]._check_room(self, kind)
        answer = named_hook(self, "answer", kind)(said)
        answer.sudo().said = mark

    def _with_queued_mail(self):
        """Colleagues are told by messages that a job sends: the customer waits for no mail server."""
        self.env["paylink.job.mixin"]._wake("mail.ir_cron_mail_scheduler_action")
        return self.with_context(mail_notify_force_send=False)

    def _answer_general(self, _said):
        """Hook: see ``paylink.answer``. Here: nobody has offered this."""
        raise UserError(self.env._("This can't be answered here anymore: reload the page."))

    def _answer_marks_general(self, _said, ip):
        """Hook: see ``paylink.answer``. Here: where it comes from."""
        return limits.marks(self.env, "paylink.answer", ip)

    def _said_mark(self, kind, said):
        """Who sends the same file again says the same; phones call all of their pictures alike."""
        texts = sorted((name, _as_text(value)) for name, value in said.items(multi=True))
        return hmac(self.env(su=True), "paylink.answer.said", (kind, texts))

    def _is_said_already(self, kind, mark):
        domain = [("link_id", "=", self.id), ("kind", "=", kind), ("said", "=", mark), ("lifted_at", "=", False)]
        since = fields.Datetime.now() - AGAIN
        return bool(self.env["paylink.answer"].sudo().search_count([*domain, ("answered_at", ">", since)], limit=1))

    def _note_answer(self, kind, event, **values):
        """Store an answer; it is on the timeline, and the owner is told.

        :param str event: which event of the link it is: see ``_event_subtype_id``
        :param values: further fields of the ``paylink.answer``
        """
        if note := values.get("note"):
            [values["note"]] = self._without_tokens([note[:LONGEST_NOTE]])
        answer = self.env["paylink.answer"].sudo().create({"kind": kind, "link_id": self.id, **values})
        self.sudo().has_answers = True
        answer._tell(event)
        return answer

    def _take_answer_back(self, kind, number):
        """Whoever has answered on the page takes that back there.

        :param number: which answer it is, as a form sends it: anything
        """
        self.ensure_one()
        self._wait_and_hold()
        answer = self._standing_answers().filtered(lambda one: one.kind == kind and str(one.id) == str(number))
        if not answer or not answer._of_kind("may_undo") or not self._may_answer(kind):
            return
        answer._lift()
        env = self._owner_env()
        name = self.sudo().partner_id.display_name
        text = env._("%(partner)s takes back: %(answer)s", partner=name, answer=answer._of_kind("text", env))
        self._with_queued_mail()._notify_owner(
            subject=env._("%(partner)s takes an answer back", partner=name), body=text
        )


def _as_text(value):
    """What a field of a form has sent, as a text: of a file its name, and a digest of what is in it."""
    if not hasattr(value, "stream"):
        return value or ""
    digest = sha256(value.stream.read()).hexdigest()
    value.stream.seek(0)
    return f"{value.filename}:{digest}"
