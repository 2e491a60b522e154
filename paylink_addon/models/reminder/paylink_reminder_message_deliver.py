"""Stage of ``paylink.reminder.message``: how they are made and queued."""

import logging
from datetime import timedelta
from functools import partial

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, LazyTranslate

from ...const import Task
from ...tools.addresses import split_emails
from ...tools.texts import one_line, reason

_lt = LazyTranslate(__name__)

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
    "amount_asked": "numeric",
    "date_due": "date",
    "message_id": "integer",
    "outcome": "varchar",
    "reason": "varchar",
    "error": "text",
}
_logger = logging.getLogger(__name__)
LAYOUT = "paylink_addon.mail_layout_reminder"


class PaylinkReminderMessageDeliver(models.Model):
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
        messages = messages._record_reminders(drafts_of, date)
        messages._queue_rendered(drafts_of)
        messages = messages.exists()
        # A template that breaks leaves no open link that nobody has got.
        (links - messages.link_ids)._cancel(_lt("The message could not be prepared."))
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
            "in_installments": False,  # all that is reminded of
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
        return Message.create([self._prepare_message(draft, channel, date, automatic) for draft, channel in pairs])

    def _prepare_message(self, draft, channel, date, automatic):
        whole = draft.rule.grouping == "customer"
        first = draft.picks[0]
        salesperson = self._salesperson(draft)
        return {
            "name": draft.name,
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
            "slot": automatic and self._unique_slot(draft, channel, date),
            "link_ids": [fields.Command.link(part.link.id) for part in draft.parts if part.link],
            **draft.texts,
        }

    def _unique_slot(self, draft, channel, date):
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

    def _record_reminders(self, drafts_of, date):
        """Record what the messages remind of, and the earlier days that they replace; return the messages that have
        something left to say.

        A row that another run has written meanwhile makes the database refuse this transaction: it is then begun anew.
        """
        rows = []
        for message in self:
            draft, channel = drafts_of[message.id]
            rows += [
                row | {"message_id": message.id, "outcome": "message", "amount_asked": row["amount"]}
                for row in self._prepare_reminders(draft, channel, date, message.user_id)
            ]
        recorded = self._insert_reminders(rows)
        self._record_replaced([row for row in rows if row["step_id"]])
        spoken = self.browse({row[0] for row in recorded})
        (self - spoken).unlink()
        return spoken.sorted("id")

    def _prepare_reminders(self, draft, channel, date, user):
        """What one message is about, as values of ``paylink.reminder``."""
        lines = {}
        for part in [*draft.parts, *draft.also]:
            lines |= {line["key"]: (line, part.currency) for line in part.lines}
        common = {
            "date": date,
            "company_id": draft.rule.company_id.id,
            "customer_id": draft.customer.id,
            "user_id": user.id or None,
            "channel": channel,
        }
        return [
            common | self._prepare_reminder(pick, *lines[key])
            for pick in draft.picks
            if (key := (pick.item_id, pick.link_id)) in lines
        ]

    def _prepare_reminder(self, pick, line, currency):
        return {
            "name": line["known_as"],
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
    def _insert_reminders(self, rows):
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
        self._insert_reminders(
            [
                row
                | {
                    "step_id": step_id,
                    "message_id": None,
                    "outcome": "skipped",
                    "reason": "later",
                    "amount_asked": None,
                }
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
                    for row in self._prepare_reminders(draft, channel, date, self._salesperson(draft))
                ]
        self._insert_reminders(rows)
        for rule in self.env["paylink.reminder.rule"].union(*(draft.rule for draft in drafts)):
            customers = self.env["res.partner"].union(*(draft.customer for draft in drafts if draft.rule == rule))
            rule._give_tasks(
                customers,
                Task.REMINDER_ADDRESS,
                lambda env: (env._("Reminders can't be sent: enter an address that works."), ""),
            )

    # === THE OUTBOX === #
    # Messages are rendered, template by template, and put into Odoo's outboxes in batch.

    def _queue_rendered(self, drafts_of):
        """Queue the messages; a template that fails stops only its own.

        :param dict drafts_of: ``(draft, channel)`` by id of message
        """
        files = self._attachment_ids(drafts_of)
        emails, texts, errors = [], {}, {}
        groups = {}
        for message in self:
            draft, channel = drafts_of[message.id]
            groups.setdefault((channel, draft.channels[channel], draft.lang), []).append(message.id)
        for (channel, template, lang), ids in groups.items():
            said, failed = self.browse(ids)._render_safely(channel, template.with_context(lang=lang))
            errors |= failed
            for message_id, text in said.items():
                message, draft = self.browse(message_id), drafts_of[message_id][0]
                if channel == "email":
                    attached = [*files.get(message_id, ()), *template.sudo().attachment_ids.ids]
                    emails.append(message._prepare_email(draft, *text, attached))
                else:
                    texts[message_id] = text
        self._queue_emails(emails)
        self._queue_sms(texts)
        self._record_broken(errors, drafts_of)

    # === RENDERING === #

    def _render_safely(self, channel, template):
        """Render all of ``self``; where that fails, one by one.

        :return: the texts by id, and the errors by id
        """
        try:
            with self.env.cr.savepoint():
                return self._render_all(channel, template), {}
        except Exception:  # noqa: BLE001  a template can raise anything
            said, errors = {}, {}
        for message in self:
            try:
                with self.env.cr.savepoint():
                    said |= message._render_all(channel, template)
            except Exception as error:  # noqa: BLE001  likewise
                errors[message.id] = error
        return said, errors

    def _render_all(self, channel, template):
        """The text of an SMS, or subject, text and sender (empty: not the template's) of an e-mail, by id."""
        if channel == "sms":
            body = self._renderer(template, "body")
            texts = {message.id: body(message) for message in self}
            self._check_sms(texts)
            return texts
        subject, body, sender = (self._renderer(template, name) for name in ("subject", "body_html", "email_from"))
        return {message.id: (one_line(subject(message)), body(message), one_line(sender(message))) for message in self}

    def _prepare_email(self, draft, subject, text, sender, files):
        """The values of the ``mail.mail`` of this message."""
        self.ensure_one()
        values = self._email_values(subject, text, self._whole_email(draft, subject, text), files)
        own = {
            "email_from": sender,
            "reply_to": self.reply_to,
            "email_cc": ", ".join(split_emails(draft.rule.email_cc)),
        }
        if hidden := split_emails(draft.rule.email_bcc):
            own["headers"] = repr({"Bcc": ", ".join(hidden)})
        return values | {name: value for name, value in own.items() if value}

    def _whole_email(self, draft, subject, text):
        """The whole e-mail: what is due, line by line, and the button."""
        message = self.with_context(lang=draft.lang)
        return message._wrap_email(LAYOUT, text=text, subject=subject, parts=draft.parts)

    def _from_and_reply_to(self):
        """From the company; answers go where its answers go."""
        company = self.company_id.sudo()
        sender = company.email_formatted or self._sender().email_formatted or self.env.user.email_formatted
        return sender, company.catchall_formatted or sender

    @api.model
    def _preview(self, draft, date):
        """What a message would say, by channel: ``(subject, whole e-mail)`` and the text of the SMS. Nothing is made.

        A link that does not exist yet is shown by an address that leads nowhere.
        """
        for part in draft.parts:
            if draft.rule.include_link or part.link:
                base = draft.rule.company_id.sudo()._paylink_base_url()
                part.url = part.link.url if part.link else f"{base}/pay/…"
        found = {}
        for channel, template in draft.channels.items():
            values = self._prepare_message(draft, channel, date, automatic=False)
            message = self.new(values | {"url": draft.parts[0].url})
            try:
                with self.env.cr.savepoint():
                    said = message._render_all(channel, template.with_context(lang=draft.lang))[message.id]
            except Exception as error:  # noqa: BLE001  a template can raise anything: that is shown
                found[channel] = (str(error)[:500], Markup()) if channel == "email" else str(error)[:500]
                continue
            found[channel] = (said[0], message._whole_email(draft, *said[:2])) if channel == "email" else said
        return found

    @api.model
    def _can_be_said(self, draft, channel, template, date):
        """Whether a template works for a draft. Nothing is made."""
        message = self.new(self._prepare_message(draft, channel, date, automatic=False) | {"url": draft.parts[0].url})
        try:
            with self.env.cr.savepoint():
                message._render_all(channel, template.with_context(lang=draft.lang))
        except Exception:  # noqa: BLE001  a template can raise anything
            return False
        return True

    # === ATTACHMENTS === #

    def _attachment_ids(self, drafts_of):
        """The attachments of the e-mails: the stored PDFs and the files marked for it, by id of message."""
        wanted = {
            message_id: draft
            for message_id, (draft, channel) in drafts_of.items()
            if channel == "email" and (draft.rule.attach_pdf or draft.rule.attach_files)
        }
        if not wanted:
            return {}
        moves = self.env["account.move"].sudo().union(*(draft.moves for draft in wanted.values()))
        found = (
            self.env["ir.attachment"]
            .sudo()
            .search(
                [
                    ("res_model", "=", "account.move"),
                    ("res_id", "in", moves.ids),
                    ("res_field", "in", (False, "invoice_pdf_report_file")),
                    "|",
                    ("res_field", "!=", False),
                    ("paylink_send", "=", True),
                ],
                order="res_id, id",
            )
        )
        by_move = found.grouped("res_id")
        return {
            message_id: [
                file.id
                for move in draft.moves
                for file in by_move.get(move.id, found.browse())
                if (draft.rule.attach_pdf if file.res_field else draft.rule.attach_files)
            ]
            for message_id, draft in wanted.items()
        }

    # === INTO ODOO'S OUTBOXES === #

    def _queue_emails(self, values):
        mails = self._create_emails(values)
        self._note_mail_messages(dict(zip([vals["res_id"] for vals in values], mails.mail_message_id.ids, strict=True)))

    def _queue_sms(self, texts):
        texted = self.browse(texts)
        self._note_mail_messages(dict(zip(texted.ids, texted._create_sms(texts).ids, strict=True)))

    def _note_mail_messages(self, message_ids):
        """Note which ``mail.message`` each message has become: it tells what becomes of it."""
        if not message_ids:
            return
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """UPDATE paylink_reminder_message message SET mail_message_id = sent.mail_message_id
                     FROM unnest(%s::integer[], %s::integer[]) AS sent(id, mail_message_id)
                    WHERE message.id = sent.id""",
                list(message_ids),
                list(message_ids.values()),
            )
        )
        self.invalidate_model(["mail_message_id"])

    def _record_broken(self, errors, drafts_of):
        """Note what could not be said, and give somebody the task to mend the template.

        :raises UserError: it is sent by hand: the user is told at once
        """
        if not errors:
            return
        for message_id, error in errors.items():
            _logger.info("Reminder not sent", exc_info=error)
            self.env["paylink.reminder"].sudo().search([("message_id", "=", message_id)]).write(
                {
                    "message_id": False,
                    "amount_asked": False,
                    "outcome": "failed",
                    "reason": "template",
                    "error": reason(error),
                }
            )
        rules = {}
        for message_id, error in errors.items():
            draft, channel = drafts_of[message_id]
            if not draft.rule._origin:
                raise UserError(self._broken_texts(draft.channels[channel], error, self.env)[0]) from error
            rules.setdefault(draft.rule, {})[draft.channels[channel]] = error
        for rule, templates in rules.items():
            for template, error in templates.items():
                texts = partial(self._broken_texts, template, error)
                rule._give_tasks(rule, Task.REMINDER_TEMPLATE, texts, about=template)
        self.browse(errors).sudo().unlink()

    def _broken_texts(self, template, error, env):
        summary = env._("The template “%(name)s” does not work.", name=template.with_env(env).display_name)
        return summary, Markup("<pre>%s</pre>") % reason(error)
