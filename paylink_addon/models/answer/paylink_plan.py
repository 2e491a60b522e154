from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import LazyTranslate, format_date

from ...const import Task

_lt = LazyTranslate(__name__)
ENDED_UNPAID = ("broken", "ended")
# Customers choose no plan of what was to be paid in parts within this time, and was not.
LATELY = timedelta(days=60)

STATES = [
    ("running", "Running"),
    ("kept", "Paid"),
    ("broken", "Not kept"),
    ("ended", "Ended"),
]


class PaylinkPlan(models.Model):
    """What a collection link asks for, paid in dated parts.

    What is paid is told by the documents alone: a part is paid as soon as no more is due than the parts after it. So
    whatever reduces what is due (the link of a part, a transfer, a credit note, all at once) pays the parts in their
    order, and what a bank has taken back is due again.

    As long as it runs, it is a promise to pay for each document: reminders and automatic payments wait.
    """

    _name = "paylink.plan"
    _inherit = ["paylink.guard.mixin"]
    _description = "Payment Plan"
    _order = "id desc"

    link_id = fields.Many2one(
        "paylink.link",
        string="Collection Link",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
        help="Its page shows the plan to the customer.",
    )
    company_id = fields.Many2one(related="link_id.company_id", store=True, precompute=True, index=True)
    partner_id = fields.Many2one(related="link_id.partner_id", string="Customer", store=True, precompute=True)
    user_id = fields.Many2one(related="link_id.user_id", string="Owner", store=True, precompute=True)
    currency_id = fields.Many2one(related="link_id.currency_id", store=True, precompute=True)
    amount = fields.Monetary(string="In all", readonly=True, help="What was due when the plan was made.")
    amount_due = fields.Monetary(string="Still due", compute="_compute_amount_due", compute_sudo=True)
    state = fields.Selection(STATES, required=True, readonly=True, default="running", index=True)
    by_customer = fields.Boolean(string="Chosen by the customer", readonly=True)
    part_ids = fields.One2many("paylink.plan.part", "plan_id", string="Parts", readonly=True)
    hold_ids = fields.One2many("paylink.reminder.hold", "plan_id", string="Promises", readonly=True)
    date_last = fields.Date(string="Last Part", readonly=True)
    ended_on = fields.Date(readonly=True)
    followed_on = fields.Date(string="Looked at", readonly=True, help="The day on which the job has last looked at it.")
    offered_from = fields.Date(
        string="Offered again from",
        compute="_compute_offered_from",
        help="Until then the customer is offered no other plan for the same.",
    )
    can_end = fields.Boolean(compute="_compute_can_end")

    _running_unique = models.UniqueIndex("(link_id) WHERE state = 'running'")

    # === COMPUTE METHODS === #

    def _compute_display_name(self):
        for plan in self:
            count = len(plan.sudo().part_ids)
            plan.display_name = self.env._("%(link)s in %(count)s parts", link=plan.sudo().link_id.name, count=count)

    @api.depends("state")
    def _compute_amount_due(self):
        left = self._left()
        for plan in self:
            plan.amount_due = left.get(plan.id, 0.0)

    @api.depends("state", "ended_on")
    def _compute_offered_from(self):
        """The day on which the page offers a plan again of what is still due; none, where it would be offered now."""
        for plan in self:
            company, day = plan.company_id, plan.state in ENDED_UNPAID and plan.ended_on + LATELY
            is_barred = day and day > company._paylink_today() and company.paylink_plan_parts
            plan.offered_from = is_barred and plan.amount_due > 0 and day

    @api.depends("state")
    @api.depends_context("uid")
    def _compute_can_end(self):
        """Whether it is the user's to end, as the link is theirs to change."""
        allowed = self.link_id._filtered_access("write")
        for plan in self:
            plan.can_end = plan.state == "running" and plan.link_id in allowed

    # === ACTIONS === #

    def action_end(self):
        """End plans by hand: everything is due again. A second click waits, and is run again."""
        self.link_id.check_access("write")
        plans = self.sudo()
        plans.link_id._wait_and_hold()
        if any(plan.state != "running" for plan in plans):
            raise UserError(self.env._("This plan has ended already: reload the page."))
        plans._end("ended", _lt("Ended by hand: everything is due."))
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_view_link(self):
        """Show the link whose page shows the plan."""
        self.ensure_one()
        return self.link_id._get_records_action()

    # === WHAT IS PAID === #

    def _left(self):
        """What is still due of each, by id: without discounts for who pays early, which parts do not earn."""
        links = self.sudo().link_id.with_context(paylink_in_parts=True)
        due = links._due_amounts()
        return {plan.id: due[plan.sudo().link_id.id] for plan in self if plan.link_id.id in due}

    @api.model
    def _running_of(self, items):
        """Those that run of what these items are of, in sudo mode."""
        return self.sudo().search([("state", "=", "running"), ("link_id.line_ids.move_line_id", "in", items.ids)])

    def _open_parts(self, left):
        """The parts that are not paid, in their order, where so much is ``left``."""
        self.ensure_one()
        return self.part_ids.filtered(lambda part: self.currency_id.compare_amounts(left, part.amount_after) > 0)

    def _all_open(self):
        """The parts of these that are not paid."""
        left = self._left()
        return self.env["paylink.plan.part"].union(*(plan._open_parts(left[plan.id]) for plan in self))

    # === LIFE === #

    @api.model
    def _make(self, link, parts, by_customer):
        """The plan of what ``link`` asks for, whose rows are held and which was checked: reminders wait from now on.

        :param list parts: ``(day, amount)``
        """
        amounts, commands = [amount for _day, amount in parts], []
        for number, (day, amount) in enumerate(parts, 1):
            rest = link.currency_id.round(sum(amounts[number:]))  # nothing after the last one
            values = {"number": number, "date_due": day, "amount": amount, "amount_after": rest}
            commands.append(fields.Command.create(values))
        plan = self.sudo().create(
            {
                "link_id": link.id,
                "amount": sum(amounts),
                "date_last": parts[-1][0],
                "by_customer": by_customer,
                "part_ids": commands,
            }
        )
        plan._hold_up()
        return plan

    def _hold_up(self):
        """Nobody is reminded, nor charged by a rule, of what is paid in parts: a promise until the plan is over."""
        link, company = self.link_id.sudo(), self.company_id
        until = fields.Date.add(self.date_last, days=company.paylink_plan_grace_days)
        shared = {
            "kind": "promise",
            "company_id": company.id,
            "link_id": link.id,
            "plan_id": self.id,
            "date_until": until,
            "note": company._paylink_env()._("It is paid in parts."),
            "user_id": link._task_users().id,
        }
        records = [one for some in link._paused_together() for one in some]
        link.env["paylink.reminder.hold"].create([shared | link._paused_values(one) for one in records])

    def _end(self, state, reason):
        """End plans: their promises, and the links of the parts that are not paid.

        :param str state: what they are from now on
        :param reason: what the timeline says: see :func:`~..tools.texts.said`
        """
        running = self.sudo().filtered(lambda plan: plan.state == "running")
        for plan in running:
            plan.write({"state": state, "ended_on": plan.company_id._paylink_today()})
        running.hold_ids.filtered("active")._lift()
        running.part_ids.filtered(lambda part: not part.is_tried)._forget_notice()
        links = running.part_ids.link_id.filtered(lambda link: link.state != "paid" and not link.cancelled_at)
        links.filtered(lambda link: not link.amount_authorized)._cancel(reason)  # what is authorized may be captured
        if state in ENDED_UNPAID:
            running.link_id._last_as_new()
        running.link_id._log_events("plan_ended", dict.fromkeys(running.link_id.ids, reason))

    def _break(self):
        """A part was not paid in time: everything is due, and both sides are told."""
        self._end("broken", _lt("A part was not paid: everything is due."))
        for plan in self:
            plan.link_id._tell_plan("plan_broken", "plan_ended_told")
            plan.link_id._give_task(Task.PLAN_BROKEN, plan._broken_texts)
            env = plan.link_id._owner_env()
            subject, body = plan._broken_texts(env)
            plan.link_id._notify_owner(subject, body)

    def _broken_texts(self, env):
        facts = {"partner": self.partner_id.display_name, "name": self.link_id.name}
        if self.link_id._receipt_addresses() or self.link_id._is_texted():
            text = env._(
                "%(partner)s has not paid a part of the plan of %(name)s. The plan has ended, everything is due, and "
                "the customer has been told. Agree on something else, or let reminders go on.",
                **facts,
            )
        else:
            text = env._(
                "%(partner)s has not paid a part of the plan of %(name)s. The plan has ended and everything is due. "
                "The customer has neither an e-mail address nor a mobile number and could not be told: call them.",
                **facts,
            )
        return env._("A payment plan has ended: a part was not paid"), text

    # === WHAT PEOPLE READ === #

    def _text(self, env):
        """What is agreed on, in the language of ``env``."""
        return env._(
            "%(amount)s in %(count)s parts, until %(date)s",
            amount=self.link_id._amount_text(self.amount, env),
            count=len(self.part_ids),
            date=format_date(env, self.date_last),
        )

    def _part_rows(self, left=None):
        """The parts as the page and the e-mails show them, in the language of the context."""
        self.ensure_one()
        is_open = self._open_parts(self._left()[self.id] if left is None else left)
        words = dict(self.part_ids._fields["progress"]._description_selection(self.env))
        progress = {part: part._derive_progress(part in is_open) for part in self.part_ids}
        return [
            {
                "title": part._title(),
                "day": format_date(self.env, part.date_due),
                "amount": self.link_id._amount_text(part.amount),
                "progress": progress[part],
                "status": words[progress[part]],
            }
            for part in self.part_ids
        ]

    def _page_stamp(self, left=None, is_under_way=None):
        """What its page is now. Who has these at hand brings them."""
        left = self._left().get(self.id) if left is None else left
        is_under_way = bool(self._under_way()) if is_under_way is None else is_under_way
        return f"plan {left} {is_under_way}"

    def _page_values(self):
        """What the page of the plan shows, in the language of the context."""
        self.ensure_one()
        left = self._left()[self.id]
        running, rest = self._open_parts(left)[:1], self.link_id._amount_text(left)
        asked = self.currency_id.round(left - running.amount_after)
        paying = self.part_ids.link_id.filtered(lambda link: link.state == "pending")[:1]
        is_under_way = bool(self._under_way())
        return {
            "stamp": self._page_stamp(left, is_under_way),
            "rows": self._part_rows(left),
            "left": rest,
            "total": self.link_id._amount_text(self.amount),
            "number": running.number,
            "missed": self.link_id._missed_text(),
            "asked": self.link_id._amount_text(asked),
            "is_last": not running.amount_after,
            "is_under_way": is_under_way,
            "paying_url": paying and f"/pay/{paying.access_token}",
            **self._page_charge_values(running),
        }
