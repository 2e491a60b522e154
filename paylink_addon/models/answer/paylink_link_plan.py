"""Stage of ``paylink.link``: paid in parts."""

from datetime import date, timedelta
from typing import NamedTuple

from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, LazyTranslate, format_date

from ...const import LIVE_STATES
from ...tools.addresses import mobile_e164, readable_phone
from ...tools.locks import hold_and_touch
from ...tools.money import MoneyError, in_parts
from .paylink_plan import ENDED_UNPAID, LATELY

_lt = LazyTranslate(__name__)


class Offer(NamedTuple):
    """A plan that a customer may choose: ``(day, amount)`` of each part (major units), and what the form calls it."""

    key: str
    parts: tuple


class PaylinkLinkPlan(models.Model):
    """What is asked for can be paid in dated parts: the plan (``paylink.plan``) has the days, and from its day on each
    part has a link of its own. The link that it was made for shows the plan as long as it runs.
    """

    _inherit = "paylink.link"

    plan_id = fields.Many2one(
        "paylink.plan",
        string="Payment Plan",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="What this link asks for is, or was, paid in parts.",
    )
    plan_part_id = fields.Many2one(
        "paylink.plan.part",
        string="Part of a Plan",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="This link asks for one part of a payment plan.",
    )
    is_in_parts = fields.Boolean(compute="_compute_is_in_parts", help="A payment plan runs.")
    is_running_part = fields.Boolean(compute="_compute_is_running_part", help="It asks for a part of a plan that runs.")
    can_view_plan = fields.Boolean(compute="_compute_can_view_plan", help="The plan is the user's to see.")

    @api.depends("plan_id.state")
    def _compute_is_in_parts(self):
        for link in self:
            link.is_in_parts = link.sudo().plan_id.state == "running"

    @api.depends("plan_part_id.plan_id.state")
    def _compute_is_running_part(self):
        for link in self:
            link.is_running_part = link.sudo().plan_part_id.plan_id.state == "running"

    @api.depends("plan_id", "plan_part_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_can_view_plan(self):
        """It is its owner's, also where the link of a part was given to a colleague."""
        readable = self._plan_shown()._filtered_access("read")
        for link in self:
            link.can_view_plan = bool(link._plan_shown() & readable)

    def _plan_shown(self):
        """The plans in which these are paid, or were, or of which they are parts."""
        links = self.sudo()
        return (links.plan_id | links.plan_part_id.plan_id).with_env(self.env)

    # === ACTIONS === #

    def action_make_plan(self):
        """Open the dialog that agrees on a plan for what is due by the link."""
        self.ensure_one()
        self._check_own()
        return self.env["paylink.plan.make"]._action_open(self)

    def action_view_plan(self):
        """Show the plan in which it is paid, or was, or of which it is a part."""
        self.ensure_one()
        self.check_access("read")
        plan = self._plan_shown()
        plan.check_access("read")
        return plan._get_records_action()

    # === WHAT IS DUE === #

    def _state_depends(self):
        return [*super()._state_depends(), "plan_part_id.plan_id.state"]

    def _asked_of(self, due):
        """Of a part all that is to be paid by it: what is due, less what later parts are for. After the plan, what a
        bank has taken back is due by the link that had brought it.
        """
        part = self.plan_part_id
        if not part:
            return super()._asked_of(due)
        is_over = part.plan_id.state != "running" and part.link_id == self
        lost = self.transaction_ids._paylink_taken_back_amount() if is_over else 0.0
        return max(due - part.amount_after, min(due, lost))

    def _is_lost_for_now(self):
        """Parts are paid in their order: as long as the plan runs, what was lost of one is asked for with another."""
        is_running = self.plan_part_id.plan_id.state == "running"
        return super()._is_lost_for_now() or (is_running and self.settled_elsewhere and self._is_lost())

    @api.model
    def _asked_of_sql(self, items):
        after = SQL("(SELECT part.amount_after FROM paylink_plan_part part WHERE part.id = link.plan_part_id)")
        return SQL("COALESCE(%s - %s, %s)", items, after, super()._asked_of_sql(items))

    @api.model
    def _earns_discount_sql(self):
        runs = SQL("SELECT FROM paylink_plan plan WHERE plan.id = link.plan_id AND plan.state = 'running'")
        in_parts = SQL("link.plan_part_id IS NOT NULL OR EXISTS (%s)", runs)
        return SQL("%s AND NOT (%s)", super()._earns_discount_sql(), in_parts)

    def _discount_day(self):
        """Who pays in parts earns no discount for paying early."""
        if self.env.context.get("paylink_in_parts") or self.plan_part_id or self.plan_id.state == "running":
            return date.max
        return super()._discount_day()

    def _agreed_day(self):
        """The day that the customer has to pay by: of a part its own, of what is paid in parts that of the next one;
        ``False``: nothing else is agreed than what the documents say.
        """
        if not self.is_in_parts:
            return self.plan_part_id.date_due
        return self.plan_id._open_parts(self.plan_id._left()[self.plan_id.id])[:1].date_due

    def _is_sent_in_parts(self):
        return super()._is_sent_in_parts() or self.is_in_parts

    def _send_in_parts(self):
        """The link of the part that the customer was asked for; where none is open, what was agreed on, and where."""
        links = self.sudo()
        if not links:
            return
        links._wait_and_hold()
        if busy := links.plan_id._under_way()[:1]:
            name = busy.link_id.name
            raise UserError(self.env._("%(name)s: a payment is in progress: wait for its outcome.", name=name))
        left = links.plan_id._left()
        for link in links:
            if not link._send_part_or_plan(left[link.plan_id.id]):
                raise UserError(
                    self.env._(
                        "%(name)s is paid in parts, and there is no address to which that could be sent: add one.",
                        name=link.name,
                    )
                )
            link._note_sent()

    def _asked_part(self, left=None):
        """Of a plan that runs the last part that the customer was asked for and has not paid; none: nothing is."""
        left = self.plan_id._left()[self.plan_id.id] if left is None else left
        return self.plan_id._open_parts(left).filtered("told_at")[-1:]

    def _sent_text(self):
        """Where what is asked for now was sent."""
        if len(self) != 1 or not self.is_in_parts:
            return super()._sent_text()
        if asked := self.sudo()._asked_part():
            return asked.link_id._sent_text()
        addresses = [self._receipt_addresses(), self.sudo()._is_texted() and readable_phone(self.phone)]
        return self.env._("Sent to %(addresses)s", addresses=", ".join(filter(None, addresses)))

    def _send_part_or_plan(self, left):
        """Where this one is sent now, whatever the part was sent to before.

        :return: whether there was a way to
        """
        asked = self._asked_part(left)
        if not asked:
            return bool(self._tell_plan("plan", "plan_told"))
        channels = asked._channels()
        if channels["send_email"] or channels["send_sms"]:
            asked._with_links().link_id.write(channels)
        asked._ask()
        return asked.link_id._is_sent_somehow()

    def _is_payable_part(self):
        """Whether the part that this is the link of can be paid by it, or is being paid."""
        return bool(self) and not self.cancelled_at and (self._is_live() or self.state == "draft")

    def _sms_obstacle(self):
        """Why the customer can't be written to by SMS, or ``False``."""
        return self._recipient_problem(self.partner_id, False, self.phone, False, True)

    @api.model
    def _colleagues_texts(self, groups, live=None):
        """Also that a plan runs, whoever has made it."""
        texts = super()._colleagues_texts(groups, live)
        plans = self.env["paylink.plan"]._running_of(self.env["account.move.line"].sudo().union(*groups.values()))
        in_parts = plans.link_id.line_ids.move_line_id
        said = self.env._("This, or some of it, is paid in parts: each part is asked for on its day.")
        return texts | {
            key: " ".join(filter(None, [said, texts.get(key)])) for key, items in groups.items() if items & in_parts
        }

    # === WHAT IS OFFERED === #

    def _is_of_plans(self):
        """Whether what it asks for can be paid in parts: documents, all that is due of them."""
        self.ensure_one()
        is_part = self.is_limited or self.sudo().plan_part_id
        return self.kind == "open_items" and not is_part and not self.is_in_parts

    def _plan_offers(self, day=None):
        """The plans that the company allows the customer to choose, from two parts on; the first one is due at once.

        :param date day: of the first part, by default today
        :return: a list of :class:`Offer`
        """
        self.ensure_one()
        company = self.company_id
        if not company.paylink_plan_parts or not self._is_of_plans() or self._choice_problem():
            return []
        start, total, least, found = day or self._today(), self._plan_total(), self._least_part(), []
        for count in range(2, company.paylink_plan_parts + 1):
            parts = self._plan_parts(total, count, start)
            if not parts or parts[-1][0] > start + timedelta(days=company.paylink_plan_days):
                break
            if self.currency_id.compare_amounts(min(amount for _day, amount in parts), least) < 0:
                break
            found.append(Offer(f"{count}-{total}-{start}", parts))
        return found

    def _least_part(self):
        """What the company wants a part to be at least, in the currency of the link."""
        company = self.company_id
        return company.currency_id._convert(company.paylink_plan_least, self.currency_id, company, self._today())

    def _plan_parts(self, total, count, start):
        """``count`` parts of ``total``, a month from one to the next; nothing where it can't be divided so often.

        Days are counted from the first one: after the end of a short month comes the end of a long one.
        """
        try:
            amounts = in_parts(total, count, self.currency_id.name, self.currency_id.rounding)
            days = [start + relativedelta(months=number) for number in range(count)]
        except (MoneyError, ValueError):  # no amount of this currency, or no day of any calendar
            return ()
        return tuple(zip(days, amounts, strict=True)) if min(amounts) >= self.currency_id.rounding else ()

    def _plan_total(self):
        """What is to be paid in parts: discounts for who pays early are not earned."""
        return self.with_context(paylink_in_parts=True)._due_amounts()[self.id]

    def _choice_problem(self):
        """Why the customer can choose no plan now, or ``False``: who has not kept one asks for another one."""
        if problem := self._plan_problem():
            return problem
        since = self.company_id._paylink_today() - LATELY
        unpaid = [("link_id", "in", self._links_of_same().ids), ("state", "in", ENDED_UNPAID), ("ended_on", ">", since)]
        if self.env["paylink.plan"].sudo().search_count(unpaid, limit=1):
            return self.env._("A payment plan of this has ended lately: to agree on another one, please contact us.")
        return False

    def _links_of_same(self):
        """All links that ask for something of what this one asks for, in sudo mode."""
        items = self.sudo().line_ids.move_line_id
        return self.env["paylink.link.line"].sudo().search([("move_line_id", "in", items.ids)]).link_id

    def _plan_problem(self):
        """Why no plan can be made of what is due now, or ``False``. Of other links it tells nothing."""
        if other := self._links_of_same().filtered("is_in_parts")[:1]:
            shared = self.sudo().line_ids.filtered(lambda line: line.move_line_id in other.line_ids.move_line_id)
            return self.env._(
                "%(documents)s: this is paid in parts already.", documents=self._documents_text(self.env, shared)
            )
        due = self._due_amounts()[self.id]
        if due <= 0 or not self._documents_stand():
            return self.env._("Nothing is due here at the moment.")
        if self.currency_id.compare_amounts(self._payable_amount(), due):
            return self.env._("A payment is in progress: wait for its outcome.")
        return False

    def _answer_form_plan(self):
        """The plans that are offered, as the page shows them; and whether a discount is lost by choosing one."""
        offers = self._plan_offers()
        if not offers:
            return False
        rows = [
            {
                "key": offer.key,
                "title": self.env._("%(count)s parts", count=len(offer.parts)),
                "parts": [(format_date(self.env, day), self._amount_text(amount)) for day, amount in offer.parts],
            }
            for offer in offers
        ]
        loses_discount = self._plan_total() > self._due_amounts()[self.id]
        return {"offers": rows, "loses_discount": loses_discount, "missed": self._missed_text()}

    def _missed_text(self):
        """What follows where a part is not paid, in the language of the context."""
        days = self.company_id.paylink_plan_grace_days
        if not days:
            return self.env._("If a part is not paid on its day, the plan ends and everything is due.")
        if days == 1:
            return self.env._("If a part is not paid on its day or on the next one, the plan ends and all is due.")
        return self.env._("If a part is not paid within %(days)s days, the plan ends and everything is due.", days=days)

    # === WHAT IS CHOSEN === #

    def _answer_plan(self, said):
        plan = self._choose_plan(said.get("plan"))
        values = {"date_until": plan.date_last, "plan_id": plan.id, "line_ids": self.line_ids.ids}
        return self._note_answer("plan", "plan_made", **values)

    def _after_answer_plan(self):
        """Who has chosen a plan is led to its first part, which is due at once."""
        return self._link_of_plan("1") if self.is_in_parts else self

    def _choose_plan(self, key):
        """The customer has chosen one of the plans that are offered, or were until some minutes ago.

        :param key: of the :class:`Offer`, as it came from a client: anything
        :raises UserError: with a text for the customer
        """
        self.ensure_one()
        self._wait_and_hold()
        self._check_open()
        offers = [offer for day in self._promised_days() for offer in self._plan_offers(day)]
        chosen = next((offer for offer in offers if offer.key == key), None)
        if not chosen:
            changed = key and self.env._("What is due has changed meanwhile: choose one of these plans.")
            raise UserError(self._choice_problem() or changed or self.env._("Choose one of these plans."))
        return self._agree_on_plan(chosen.parts, by_customer=True)

    def _agree_on_plan(self, parts, by_customer=False):
        """Make the plan, have it last as long as the link, and tell both sides. The rows are held.

        :param parts: ``(day, amount)`` of each
        :raises UserError: none can be made now, and why
        """
        if problem := self._plan_problem():
            raise UserError(problem)
        link = self.sudo()
        link._open_drafts()._paylink_close(_lt("It is paid in parts."))
        link._end_promises()
        plan = self.env["paylink.plan"]._make(link, parts, by_customer)
        link.write({"plan_id": plan.id, "expires_at": link._end_with_plan(plan)})
        if not by_customer:  # whose answer is told
            link._log_events("plan_made", {link.id: plan._text(link.company_id._paylink_env())})
        # Who has chosen it is led to the first part, to others the message says so; else the job asks for it.
        messages = link._tell_plan("plan", "plan_told")
        if messages or by_customer:
            due = plan.part_ids.filtered(lambda part: part.date_due <= link._today())
            due._note_told(None if by_customer else messages)
        return plan

    def _end_with_plan(self, plan):
        """Until when the link lasts: as long as usual after the end of the plan."""
        usual = self.expires_at and self._new_end()
        ahead = timedelta(days=(plan.date_last - self._today()).days + self.company_id.paylink_plan_grace_days)
        return usual and max(self.expires_at, usual + ahead)

    def _last_as_new(self):
        """There is as much time to pay these as what is sent now."""
        for link in self.filtered(lambda link: link.expires_at and not link.cancelled_at):
            end = link._new_end()
            if not end or end > link.expires_at:
                link.expires_at = end

    def _tell_plan(self, name, event):
        """Write to the customer about the plan, with its page, by all ways by which its parts are asked for.

        :param str name: what follows ``mail_template_`` and ``sms_template_`` in those of the templates
        :return: the ``mail.message``; none where that is not possible
        """
        messages = self._mail_plan(f"mail_template_{name}", event).mail_message_id
        template = self.env.ref(f"paylink_addon.sms_template_{name}", raise_if_not_found=False)
        if not template or not self._is_texted():
            return messages
        self.phone = mobile_e164(self.phone, self._phone_country(self.partner_id).code)
        text = template.sudo().with_context(lang=self.lang)._render_field("body", self.ids)
        return messages | self._create_sms(text, event=event)

    def _is_texted(self):
        """Whether the customer is asked for parts by SMS: as the link was sent so, or as there is no other way."""
        return bool((self.send_sms or not self._receipt_addresses()) and not self._sms_obstacle())

    def _mail_plan(self, template, event, emails=None, layout="paylink_addon.mail_layout_plan"):
        """The e-mail about the plan, where there is an address.

        :param str emails: where to, by default to where receipts go
        :return: the ``mail.mail``; none where that is not possible
        """
        found = self.env.ref(f"paylink_addon.{template}", raise_if_not_found=False)
        emails = emails or self._receipt_addresses()
        if not emails or not found:
            return self.env["mail.mail"]
        told = self.with_context(lang=self.lang)
        return told._create_emails(
            told._prepare_emails(
                found.sudo().with_context(lang=self.lang), email_to={self.id: emails}, layout=layout, event=event
            )
        )

    def _cancel(self, reason=""):
        """With the link its plan ends. A part of one that runs is asked for anew, by another link."""
        result = super()._cancel(reason)
        if running := self.sudo().plan_id.filtered(lambda plan: plan.state == "running"):
            running._end("ended", _lt("The link was canceled."))
        self.sudo().plan_part_id.filtered(lambda part: part.plan_id.state == "running").told_at = False
        return result

    @api.model
    def _payment_steps(self):
        return [*super()._payment_steps(), self._end_paid_plans]

    @api.model
    def _end_paid_plans(self, transactions):
        """Of what was paid otherwise the job takes notice."""
        links = transactions.paylink_id
        plans = (links.plan_id | links.plan_part_id.plan_id).filtered(lambda plan: plan.state == "running")
        plans._end_kept(plans._left())

    def _asking_link(self):
        """What was asked for by a part is due by the link of its plan, once that has ended."""
        plan = self.sudo().plan_part_id.plan_id
        is_over = self.state == "cancelled" and plan.state in ENDED_UNPAID
        return plan.link_id._asking_link() if is_over else super()._asking_link()

    def _note_sent(self):
        """Also that the customers have been asked for the parts."""
        result = super()._note_sent()
        self.sudo().plan_part_id._note_asked()
        return result

    def _is_sent_somehow(self):
        """Whether there is a way by which the customer is sent this, and an address for it."""
        addresses = self.partner_id, self.email, self.phone, self.send_email, self.send_sms
        return (self.send_email or self.send_sms) and not self._recipient_problem(*addresses)

    def _paylink_ends_tasks_by(self):
        return super()._paylink_ends_tasks_by() | {"sent_at"}

    def _paylink_done_plan_untold(self, _task):
        """They have been asked, or it is not due by this link anymore."""
        return self.sent_at or self.state not in LIVE_STATES

    def _paylink_done_plan_unreached(self, _task):
        """It was sent again, or is not due by this link anymore."""
        return self.state not in LIVE_STATES or not self.sudo().plan_part_id._is_unreached()

    def _paylink_done_plan_broken(self, _task):
        """It is paid after all, or there is another plan."""
        return self.state in ("paid", "cancelled") or self.is_in_parts or self._due_amounts()[self.id] <= 0

    # === ADDRESSES === #

    def _replaced_together(self):
        """The page of a plan leads to those of its parts, and theirs lead to it, also once it has ended."""
        together = super(PaylinkLinkPlan, self._with_plans())._replaced_together()
        return together._with_plans()

    def _with_plans(self):
        """These, with all links of the plans that they are of."""
        known = self.sudo()
        origins = known | known.plan_part_id.plan_id.link_id
        parts = known.search([("plan_part_id.plan_id.link_id", "in", origins.ids)])
        return (origins | parts).with_env(self.env)

    def _led_to(self):
        """What was asked for by a part is due by the link of its plan, once that has ended."""
        part = self.sudo().plan_part_id
        is_over = self.state == "cancelled" and not self.amount_paid and part.plan_id.state in ENDED_UNPAID
        return part.plan_id.link_id.with_env(self.env) if is_over else super()._led_to()

    def _attempts_since(self, since):
        """Who tries card after card is stopped on all links of a plan together."""
        tried = super()._attempts_since(since)
        if self.plan_id or self.plan_part_id:
            others = (self._with_plans() - self).transaction_ids
            tried |= others.filtered(lambda tx: tx.create_date >= since and tx.operation != "refund")
        return tried

    # === THE PAGE === #

    def _page_view(self, payable=None):
        """The page shows the plan, as long as it runs and something is due."""
        view = super()._page_view(payable)
        if view in ("pay", "closed") and self.is_in_parts and self._due_amounts()[self.id] > 0:
            return "plan"
        return view

    def _is_settling(self):
        """Who pays in parts is not late with what is to come."""
        plan = self.plan_id | self.sudo().plan_part_id.plan_id
        return super()._is_settling() or "running" in plan.mapped("state")

    def _due_on(self, lines):
        """A part has a day of its own."""
        return self.plan_part_id.date_due or super()._due_on(lines)

    def _page_stamp(self, view):
        """That of a plan changes with what is left of it, and with what is on its way."""
        return self.plan_id._page_stamp() if view == "plan" else super()._page_stamp(view)

    def _plan_texts(self):
        """What all its pages say of a plan."""
        part = self.plan_part_id
        plan = part.plan_id
        return {
            "plan": self._page_plan() if self.is_in_parts else False,
            "part_of_plan": part._title() if part else False,
            "plan_url": plan and plan.state != "kept" and f"/pay/{plan.link_id.access_token}",
            "plan_runs": plan.state == "running",
        }

    def _page_plan(self):
        """What its page shows of the plan, in the language of the context; nothing where all is paid."""
        return self.plan_id.with_env(self.env)._page_values()

    def _link_of_plan(self, what):
        """The link by which the customer pays the next part, or all that is left; the plan's own where that is not what
        the page has shown anymore, or while money is on its way.

        :param str what: ``all``, ``next``, or the number of the part that was the next one: anything
        """
        plan = self.plan_id
        hold_and_touch(plan)
        is_over = plan.state != "running" or plan._under_way()
        parts = plan.part_ids.browse() if is_over else plan._open_parts(plan._left()[plan.id])
        wanted = {"all": parts[-1:], "next": parts[:1], str(parts[:1].number): parts[:1]}.get(what)
        return wanted._with_links().link_id if wanted else self
