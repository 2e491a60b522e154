from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import format_date

from ...const import Task
from ..messaging.paylink_sending_mixin import CUSTOMER_MESSAGES, LEFT_STATUSES, UNSENT_STATUSES
from .paylink_plan_charge import LATE, NOTICE

PROGRESS = [
    ("paid", "Paid"),
    ("in_progress", "In progress"),
    ("late", "Overdue"),
    ("due", "To pay"),
    ("to_come", "To come"),
    ("ended", "Ended"),
]


class PaylinkPlanPart(models.Model):
    """A part of a payment plan: a day, an amount, and from that day on a collection link for what is to be paid by it,
    less what was paid already; what is left of earlier parts comes with it.
    """

    _name = "paylink.plan.part"
    _inherit = ["paylink.guard.mixin"]
    _description = "Part of a Payment Plan"
    _order = "plan_id, number"

    plan_id = fields.Many2one("paylink.plan", required=True, readonly=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="plan_id.company_id", store=True, precompute=True)
    currency_id = fields.Many2one(related="plan_id.currency_id")
    number = fields.Integer(required=True, readonly=True)
    date_due = fields.Date(string="Due on", required=True, readonly=True)
    amount = fields.Monetary(readonly=True)
    amount_after = fields.Monetary(string="After It", readonly=True, help="What is left to be paid by later parts.")
    amount_open = fields.Monetary(string="Still due", compute="_compute_progress", compute_sudo=True)
    progress = fields.Selection(PROGRESS, string="Status", compute="_compute_progress", compute_sudo=True)
    link_id = fields.Many2one(
        "paylink.link", string="Link of the Part", readonly=True, index="btree_not_null", ondelete="set null"
    )
    told_at = fields.Datetime(string="Asked for on", readonly=True)
    told_email_id = fields.Many2one(
        "mail.message", string="Asked for by E-mail", readonly=True, ondelete="set null", index="btree_not_null"
    )
    told_sms_id = fields.Many2one(
        "mail.message", string="Asked for by SMS", readonly=True, ondelete="set null", index="btree_not_null"
    )
    charge_on = fields.Date(string="Charged on", readonly=True, help="For which day a charge was announced.")
    announced_amount = fields.Monetary(readonly=True)
    notice_message_id = fields.Many2one(
        "mail.message", readonly=True, ondelete="set null", index="btree_not_null", help="By which it was announced."
    )
    # When the job has found that the announcement has left: it may have been before.
    left_on = fields.Date(string="Sent on", readonly=True)
    is_tried = fields.Boolean(readonly=True, help="It was charged once: never again by itself.")

    # === COMPUTE METHODS === #

    @api.depends("plan_id.state", "amount", "amount_after", "date_due")
    def _compute_progress(self):
        left = self.plan_id._left()
        for part in self:
            open_ = min(max(left.get(part.plan_id.id, 0.0) - part.amount_after, 0.0), part.amount)
            part.amount_open = part.currency_id.round(open_)
            part.progress = part._derive_progress(bool(part.amount_open))

    def _derive_progress(self, is_open):
        """What people read, here and on the page: by the day it is for the customer.

        :param bool is_open: whether something is to be paid by it
        """
        today, day = self.plan_id.link_id._today(), self.charge_on or self.date_due
        rules = (
            ("paid", not is_open),
            ("ended", self.plan_id.state != "running"),
            ("in_progress", self.link_id.state == "pending"),
            ("late", day < today),
            ("due", day == today or self.told_at),
        )
        return next((progress for progress, holds in rules if holds), "to_come")

    @api.depends("number", "plan_id")
    def _compute_display_name(self):
        for part in self:
            part.display_name = part._title()

    def _title(self):
        if not self:
            return ""
        count = len(self.sudo().plan_id.part_ids)
        return self.env._("Part %(number)s of %(count)s", number=self.number, count=count)

    # === LINKS === #

    def _with_links(self):
        """These, each with a link that can be paid: one that has ended, or is paid although the part is not, is
        replaced. The rows of their plans are held.
        """
        left = self.plan_id._left()
        asked = {part: part.currency_id.round(left[part.plan_id.id] - part.amount_after) for part in self}
        missing = self.filtered(lambda part: not part.link_id._is_payable_part())
        groups = [
            (
                part._link_values() | {"amount": asked[part]},
                part.plan_id.link_id.line_ids.move_line_id._paylink_unsettled(),
            )
            for part in missing
        ]
        links = self.env["paylink.link"].sudo()._create_for_items(groups)
        links._issue()
        for part, link in zip(missing, links, strict=True):
            part.link_id = link
        for part in self - missing:  # it may have been made to pay all that was left
            amount = asked[part] + part.link_id._received_amount()
            if part.currency_id.compare_amounts(amount, part.link_id.amount):
                part.link_id.amount = amount
        return self

    def _link_values(self):
        """What the link of a part has of that of its plan."""
        names = (*("partner_id", "user_id", "lang", "reference", "allow_partial", "bank_account_id"),)
        origin = self.plan_id.link_id
        values = origin._convert_to_write({name: origin[name] for name in names})
        return values | {
            "expires_at": False,
            "is_limited": True,
            "in_installments": False,
            "plan_part_id": self.id,
            **self._channels(),
        }

    def _channels(self):
        """How the customer is asked for it."""
        origin = self.plan_id.link_id
        emails, by_sms = origin._receipt_addresses(), origin._is_texted()
        return {"email": emails, "send_email": bool(emails), "phone": origin.phone, "send_sms": by_sms}

    def _ask(self):
        """Send the links of these, whose day has come: once, and with all that comes before in one message. Who has no
        address is called by a colleague.
        """
        for part in self._with_links().filtered(lambda part: not part.link_id._is_sent_somehow()):
            part.link_id.write(part._channels())  # there may be an address by now
        template = self.env.ref("paylink_addon.mail_template_plan_part", raise_if_not_found=False)
        self.link_id._queue_messages(mail_template=template and template.sudo())
        for part in self.filtered(lambda part: not part.link_id._is_sent_somehow()):
            part.link_id._give_task(Task.PLAN_UNTOLD, part._untold_texts, ever=True)

    def _note_asked(self):
        """Messages with the addresses of the links of these go out: what has come due until then is asked for by them,
        unless it was asked for already, by a message that has arrived.
        """
        messages = self._new_messages()
        for plan, some in self.grouped("plan_id").items():
            last, today = some.sorted("number")[-1:], plan.company_id._paylink_today()
            due = plan.part_ids.filtered(
                lambda part, until=last.number, today=today: (
                    part.number <= until and part.date_due <= today and not part._was_asked_for()
                )
            )
            due._note_told(messages.get(last.link_id.id))

    def _note_told(self, messages=None):
        """These are asked for now.

        :param messages: the ``mail.message`` by which they are; none: the customer is on the page
        """
        ids = {message.message_type: message.id for message in messages or ()}
        values = {"told_email_id": ids.get("email_outgoing"), "told_sms_id": ids.get("sms")}
        self.write(values | {"told_at": fields.Datetime.now()})

    def _new_messages(self):
        """The messages by which customers were sent the links of these, by id of the link, the newest last: not those
        by which something was asked for before.
        """
        links, known = self.link_id, self.plan_id.part_ids
        subtypes = [links._event_subtype_id(event) for event in ("sent", "failure_told")]
        found = (
            self.env["mail.message"]
            .sudo()
            .search(
                [
                    ("model", "=", links._name),
                    ("res_id", "in", links.ids),
                    ("message_type", "in", CUSTOMER_MESSAGES),
                    ("subtype_id", "in", subtypes),
                    ("id", "not in", [*known.told_email_id.ids, *known.told_sms_id.ids]),
                ],
                order="id",
            )
        )
        return found.grouped("res_id")

    def _was_asked_for(self):
        """Whether the customer was asked for it: by a message that has left, and was not sent back, or on the page."""
        if not self.told_at:
            return False
        fates = self._fates()
        return not fates or not fates.isdisjoint(LEFT_STATUSES)

    def _is_unreached(self):
        """Whether what was to ask for it has reached nobody."""
        return bool(self.told_at) and not self._was_asked_for() and self._fates().isdisjoint(UNSENT_STATUSES)

    def _fates(self):
        """What has become of the messages that ask for it."""
        messages = self.told_email_id | self.told_sms_id
        return set(messages.notification_ids.mapped("notification_status"))

    def _tell_unreached(self):
        """A colleague calls whom no message has reached."""
        unreached = self.filtered(lambda part: part._is_unreached())
        for part in unreached and unreached._with_links():
            part.link_id._give_task(Task.PLAN_UNREACHED, part._unreached_texts, ever=True)

    def _untold_texts(self, env):
        return env._("A part of a payment plan is due: call the customer"), env._(
            "%(part)s of the plan of %(name)s is due, %(amount)s. %(partner)s has neither an e-mail address nor a "
            "mobile number and was not asked for it: call them, or add an address. The plan goes on until then.",
            **self._task_facts(env),
        )

    def _unreached_texts(self, env):
        return env._("A part of a payment plan is due: the message did not arrive"), env._(
            "%(part)s of the plan of %(name)s is due, %(amount)s. The message to %(partner)s did not arrive: call "
            "them, or correct the address of %(link)s and send it again. The plan goes on until then.",
            link=self.link_id.name,
            **self._task_facts(env),
        )

    def _task_facts(self, env):
        return {
            "partner": self.plan_id.partner_id.display_name,
            "amount": self.link_id._amount_text(self.link_id.amount_due, env),
            "part": self.with_env(env)._title(),
            "name": self.plan_id.link_id.name,
        }

    # === CHARGES === #

    def _may_be_charged(self):
        """Whether it was neither asked for nor tried yet."""
        return not self.told_at and not self.is_tried

    def _when_text(self):
        """What is to be paid by these, and when, in the language of the context."""
        return ", ".join(
            self.env._(
                "%(amount)s on %(date)s",
                amount=part.plan_id.link_id._amount_text(part.amount),
                date=format_date(self.env, part.date_due),
            )
            for part in self
        )

    def _is_told(self, left, today):
        """Whether the customer was told of just this charge: not of less, nor of one that was to be made long ago."""
        if not self._is_told_for(today):
            return False
        return self.currency_id.compare_amounts(left - self.amount_after, self.announced_amount) <= 0

    def _is_told_for(self, today):
        return bool(self.charge_on) and self.charge_on + LATE >= today

    def _forget_notice(self):
        """What was announced of these does not hold anymore; what has not left yet is not sent."""
        self.notice_message_id._paylink_take_back()
        self.write({"charge_on": False, "announced_amount": 0, "notice_message_id": False, "left_on": False})

    @api.model
    def _newly_left(self):
        """Those that are to be charged whose notices have left, where the job has not noted that."""
        domain = [("charge_on", "!=", False), ("left_on", "=", False), ("is_tried", "=", False)]
        return self.search([*domain, ("notice_message_id.notification_ids.notification_status", "in", LEFT_STATUSES)])

    def _note_left(self):
        """Their notices have left: from then on customers have the time that they are promised, however long the outbox
        stood still. A day less, as the job may find out only after midnight.
        """
        for part in self:
            today = part.company_id._paylink_today()
            first = today + NOTICE - timedelta(days=1)
            part.write({"left_on": today, "charge_on": max(part.charge_on, first)})

    def _has_notice_in_vain(self, today):
        """Whether its notice was delivered to nobody: it was not taken, or has not left by the day of the charge."""
        fates = set(self.notice_message_id.notification_ids.mapped("notification_status"))
        if not self.charge_on or not fates.isdisjoint(LEFT_STATUSES):
            return False
        return self.charge_on <= today or fates.isdisjoint(UNSENT_STATUSES)

    def _charge(self):
        """Store the wish to charge these, each once, with its link; the rows of their plans are held.

        What is due is computed under lock.

        :return: those of which one is stored: not those that take more than was announced
        """
        if not self:
            return self
        links = self._with_links().link_id
        links._wait_and_hold()
        values = links._charge_values({part.link_id.id: part.plan_id.token_id for part in self})
        charged = self.filtered(
            lambda part: (
                (found := values.get(part.link_id.id))
                and part.currency_id.compare_amounts(found["amount"], part.announced_amount) <= 0
            )
        )
        charged.is_tried = True
        made = [values[part.link_id.id] | {"paylink_by_plan": True} for part in charged]
        self.env["payment.transaction"].sudo().create(made)._paylink_wish_charges()
        return charged

    def _charge_failed(self, transaction):
        """Ask for it by its link, as nothing could be charged: the customer has as long from now on as always. Whoever
        can't be told now, or has no link anymore, is left to the job.
        """
        link = self.link_id
        if link == transaction.paylink_id and link._is_payable_part():
            link._run_steps([link._tell_declined], transaction)
