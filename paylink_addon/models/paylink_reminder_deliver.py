from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

# A link that ends sooner is not used again: whoever reads the message a day later must be able to pay.
LASTING = timedelta(days=2)
# The columns of a reminder that is written by the run, with their types.
COLUMNS = {
    "name": "varchar",
    "date": "date",
    "company_id": "integer",
    "customer_id": "integer",
    "user_id": "integer",
    "rule_id": "integer",
    "step_id": "integer",
    "channel": "varchar",
    "move_line_id": "integer",
    "move_id": "integer",
    "link_id": "integer",
    "currency_id": "integer",
    "amount": "numeric",
    "date_due": "date",
    "message_id": "integer",
    "outcome": "varchar",
    "reason": "varchar",
    "error": "text",
}


class PaylinkReminderDeliver(models.Model):
    """From drafts to messages in Odoo's outboxes, in batch; what was done is on record in the same transaction."""

    _inherit = "paylink.reminder.message"

    @api.model
    def _deliver(self, drafts, date, automatic=True):
        """Make and queue the messages of ``drafts``, record them.

        :param bool automatic: by a run, which never writes twice about the same; else somebody asked for it
        :return: the messages
        """
        addressed = [draft for draft in drafts if not draft.reason]
        self._record_unreachable([draft for draft in drafts if draft.reason], date)
        links = self._make_links([draft for draft in addressed if draft.rule.include_link])
        for part in [part for draft in addressed for part in draft.parts if part.link]:
            part.url = part.link.url
        pairs = [(draft, channel) for draft in addressed for channel in draft.channels]
        messages = self._make_messages(pairs, date, automatic)
        drafts_of = dict(zip(messages.ids, pairs, strict=True))
        messages = messages._record(drafts_of, date)
        messages._queue(drafts_of)
        messages = messages.exists()
        # A template that breaks leaves no open link that nobody has got.
        (links - messages.link_ids)._cancel(self.env._("The message that was to bring it could not be made."))
        return messages

    # === LINKS === #

    def _make_links(self, drafts):
        """Give each part a link that asks for it: an open one for exactly the same, else a new one.

        :return: the new ones
        """
        parts = [(draft, part) for draft in drafts for part in draft.parts if not part.link]
        live = self._live_links([part.items for _draft, part in parts])
        for draft, part in parts:
            part.link = live.get((frozenset(part.items.ids), draft.contact))
        new = [(draft, part) for draft, part in parts if not part.link]
        Link = self.env["paylink.link"].sudo()
        groups = [(self._link_values(draft, part), part.items) for draft, part in new]
        made = Link._create_for_items(groups) if groups else Link
        made._issue()
        made.sent_at = fields.Datetime.now()
        for (_draft, part), link in zip(new, made, strict=True):
            part.link = link
        return made

    def _live_links(self, groups):
        """The links that can be sent again for a group of items, see ``paylink.link._links_to_use_again``."""
        items = self.env["account.move.line"].sudo().union(*groups)
        soon = fields.Datetime.now() + LASTING
        Link = self.env["paylink.link"]
        live = Link._live_links_by_items(items) if items else {}
        return Link._links_to_use_again(
            {
                link: asked
                for link, asked in live.items()
                if link.state in ("open", "failed") and (not link.expires_at or link.expires_at > soon)
            }
        )

    def _link_values(self, draft, part):
        days = draft.rule.link_days
        return {
            "partner_id": draft.contact.id,
            "user_id": self._salesperson(draft).id,
            "lang": draft.lang,
            "email": draft.emails,
            "phone": draft.phone,
            "send_email": "email" in draft.channels,
            "send_sms": "sms" in draft.channels,
            "expires_at": fields.Datetime.now() + timedelta(days=days) if days else False,
            "by_reminder": True,
        }

    # === MESSAGES === #

    def _salesperson(self, draft):
        """Whose customer it is: of the first invoice or link; else who is responsible for the rule."""
        users = draft.moves.invoice_user_id or (draft.parts[0].link and draft.parts[0].link.user_id)
        users = users and users.filtered("active")
        return users[:1] if users else draft.rule.user_id.filtered("active")

    def _make_messages(self, pairs, date, automatic):
        """The records of the messages, one for each draft and channel."""
        Message = self.sudo().with_context(
            tracking_disable=True, mail_create_nolog=True, mail_create_nosubscribe=True, mail_notrack=True
        )
        return Message.create([self._values(draft, channel, date, automatic) for draft, channel in pairs])

    def _values(self, draft, channel, date, automatic):
        whole = draft.rule.grouping == "customer"
        first = draft.picks[0]
        salesperson = self._salesperson(draft)
        return {
            "name": draft.texts["documents_display"],
            "date": date,
            "company_id": draft.rule.company_id.id,
            "customer_id": draft.customer.id,
            "partner_id": draft.contact.id,
            "user_id": salesperson.id,
            "rule_id": draft.rule._origin.id,
            "step_id": draft.step._origin.id,
            "move_id": False if whole else first.move_id,
            "link_id": False if whole else first.link_id,
            "channel": channel,
            "lang": draft.lang,
            "email": draft.emails,
            "phone": draft.phone,
            "reply_to": draft.rule.reply_to_salesperson and salesperson.email_formatted,
            "slot": automatic and self._slot(draft, channel, date),
            "link_ids": [fields.Command.link(part.link.id) for part in draft.parts if part.link],
            **draft.texts,
        }

    def _slot(self, draft, channel, date):
        """What two runs at the same moment can't both have: the customer's message of the day.

        The customer is part of the text: two customers that are merged may have had a message each.
        """
        if not draft.rule.company_id.paylink_reminder_gap_days:
            return False
        slot = f"{draft.customer.id} {date} {channel}"
        if draft.rule.grouping == "customer":
            return slot
        return f"{slot} {draft.picks[0].move_id or ''}-{draft.picks[0].link_id or ''}"

    # === RECORDS === #

    def _record(self, drafts_of, date):
        """Record what the messages remind of, and the earlier days that they replace; return the messages that have
        something left to say.

        A row that another run has written meanwhile makes the database refuse this transaction: it is then begun anew.
        """
        rows = []
        for message in self:
            draft, channel = drafts_of[message.id]
            rows += [
                row | {"message_id": message.id, "outcome": "message"}
                for row in self._rows(draft, channel, date, message.user_id)
            ]
        recorded = self._insert(rows)
        self._record_replaced([row for row in rows if row["step_id"]])
        spoken = self.browse({row[0] for row in recorded})
        (self - spoken).unlink()
        return spoken.sorted("id")

    def _rows(self, draft, channel, date, user):
        """What one message is about, as values of ``paylink.reminder``."""
        lines = {}
        for part in [*draft.parts, *draft.also]:
            for line in part.lines:
                key = line["item"].id if line["item"] is not None else f"link {part.link.id}"
                lines[key] = (line, part.currency)
        common = {
            "date": date,
            "company_id": draft.rule.company_id.id,
            "customer_id": draft.customer.id,
            "user_id": user.id or None,
            "channel": channel,
        }
        return [
            common | self._row(pick, *lines[key])
            for pick in draft.picks
            if (key := pick.item_id or f"link {pick.link_id}") in lines
        ]

    def _row(self, pick, line, currency):
        return {
            "name": line["name"],
            "rule_id": pick.rule_id or None,
            "step_id": pick.step_id or None,
            "move_line_id": pick.item_id,
            "move_id": pick.move_id,
            "link_id": pick.link_id,
            "currency_id": currency.id,
            "amount": line["amount"],
            "date_due": line["date_due"] or None,
        }

    @api.model
    def _insert(self, rows):
        """Write ``rows``; those that are there already are left alone.

        :return: ``(message_id, id)`` of each new row
        """
        if not rows:
            return []
        self.env["paylink.reminder"].invalidate_model()
        arrays = SQL(", ").join(
            SQL("%s::" + kind + "[]", [row.get(name) or None for row in rows])  # a type is no parameter
            for name, kind in COLUMNS.items()
        )
        names = SQL(", ").join(map(SQL.identifier, COLUMNS))
        return self.env.execute_query(
            SQL(
                """INSERT INTO paylink_reminder (%s) SELECT * FROM unnest(%s)
                   ON CONFLICT DO NOTHING RETURNING message_id, id""",
                names,
                arrays,
            )
        )

    def _record_replaced(self, rows):
        """The earlier days of the same rules that nobody was reminded on are over: they are skipped, for good."""
        steps = self.env["paylink.reminder.step"].sudo().browse({row["step_id"] for row in rows})
        earlier = {
            step.id: step.rule_id.step_ids.filtered(lambda other, step=step: other.offset < step.offset).ids
            for step in steps
        }
        self._insert(
            [
                row | {"step_id": step_id, "message_id": None, "outcome": "skipped", "reason": "later"}
                for row in rows
                for step_id in earlier[row["step_id"]]
            ]
        )

    def _record_unreachable(self, drafts, date):
        """Note who can't be written to, and give somebody the task to find an address."""
        rows = []
        for draft in drafts:
            wanted = {"email": draft.step.mail_template_id, "sms": draft.step.sms_template_id}
            for channel in [name for name, template in wanted.items() if template]:
                rows += [
                    row | {"outcome": "skipped", "reason": "address"}
                    for row in self._rows(draft, channel, date, self._salesperson(draft))
                ]
        self._insert(rows)
        for rule in self.env["paylink.reminder.rule"].union(*(draft.rule for draft in drafts)):
            customers = self.env["res.partner"].union(*(draft.customer for draft in drafts if draft.rule == rule))
            rule._give_task(customers, self.env._("Reminders can't be sent: give an address that works."))
