import logging

from markupsafe import Markup
from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools.addresses import split_emails

_logger = logging.getLogger(__name__)

LAYOUT = "paylink_addon.mail_layout_reminder"


class PaylinkReminderOutbox(models.Model):
    """Messages are rendered, template by template, and put into Odoo's outboxes in batch."""

    _inherit = "paylink.reminder.message"

    def _queue(self, drafts_of):
        """Queue the messages; a template that fails stops only its own.

        :param dict drafts_of: ``(draft, channel)`` by id of message
        """
        files = self._files(drafts_of)
        emails, texts, errors = [], {}, {}
        groups = {}
        for message in self:
            draft, channel = drafts_of[message.id]
            groups.setdefault((channel, draft.channels[channel], draft.lang), []).append(message.id)
        for (channel, template, lang), ids in groups.items():
            said, failed = self.browse(ids)._say(channel, template.with_context(lang=lang))
            errors |= failed
            for message_id, text in said.items():
                message, draft = self.browse(message_id), drafts_of[message_id][0]
                if channel == "email":
                    attached = [*files.get(message_id, ()), *template.sudo().attachment_ids.ids]
                    emails.append(message._email_values(draft, *text, attached))
                else:
                    texts[message_id] = text
        self._queue_emails(emails)
        self._queue_sms(texts)
        self._record_broken(errors, drafts_of)

    # === WORDS === #

    def _say(self, channel, template):
        """Render all of ``self``; where that fails, one by one.

        :return: the texts by id, and the errors by id
        """
        try:
            with self.env.cr.savepoint():
                return self._say_all(channel, template), {}
        except Exception:  # noqa: BLE001  a template can raise anything
            said, errors = {}, {}
        for message in self:
            try:
                with self.env.cr.savepoint():
                    said |= message._say_all(channel, template)
            except Exception as error:  # noqa: BLE001  likewise
                errors[message.id] = error
        return said, errors

    def _say_all(self, channel, template):
        """The text of an SMS, or subject, text and sender (empty: not the template's) of an e-mail, by id."""
        if channel == "sms":
            body = self._renderer(template, "body")
            texts = {message.id: body(message) for message in self}
            self._check_sms(texts)
            return texts
        subject, body, sender = (self._renderer(template, name) for name in ("subject", "body_html", "email_from"))
        return {
            message.id: (" ".join(subject(message).split()), body(message), sender(message).strip()) for message in self
        }

    def _email_values(self, draft, subject, text, sender, files):
        """The values of the ``mail.mail`` of this message."""
        self.ensure_one()
        rule = draft.rule
        subtype_id = self._event_subtype_id("sent")
        company, reply_to = self._sender()
        values = self._message_values(subtype_id) | {
            "message_type": "email_outgoing",
            "is_notification": True,
            "subject": subject,
            "body": text,
            "body_html": self._wrap(draft, subject, text),
            "email_from": sender or company,
            "reply_to": self.reply_to or reply_to,
            "email_to": self.email,
            "auto_delete": True,
        }
        if rule.email_cc:
            values["email_cc"] = ", ".join(split_emails(rule.email_cc))
        if rule.email_bcc:
            values["headers"] = repr({"Bcc": ", ".join(split_emails(rule.email_bcc))})
        if files:
            values["attachment_ids"] = [(6, 0, files)]
        return values

    def _wrap(self, draft, subject, text):
        """The whole e-mail: what is due, line by line, and the button."""
        message = self.with_context(lang=draft.lang)
        return message._wrap_email(LAYOUT, text=text, subject=subject, parts=draft.parts)

    def _sender(self):
        """From the company; answers go where its answers go."""
        company = self.company_id.sudo()
        sender = company.email_formatted or self.user_id.email_formatted or self.env.user.email_formatted
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
            values = self._values(draft, channel, date, automatic=False)
            message = self.new(values | {"url": draft.parts[0].url})
            try:
                with self.env.cr.savepoint():
                    said = message._say_all(channel, template.with_context(lang=draft.lang))[message.id]
            except Exception as error:  # noqa: BLE001  a template can raise anything: that is shown
                found[channel] = (str(error)[:500], Markup()) if channel == "email" else str(error)[:500]
                continue
            found[channel] = (said[0], message._wrap(draft, *said[:2])) if channel == "email" else said
        return found

    # === ATTACHMENTS === #

    def _files(self, drafts_of):
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

    # === OUTBOX === #

    def _queue_emails(self, values):
        mails = self._create_emails(values)
        self._remember(dict(zip([vals["res_id"] for vals in values], mails.mail_message_id.ids, strict=True)))

    def _queue_sms(self, texts):
        texted = self.browse(texts)
        self._remember(dict(zip(texted.ids, texted._create_sms(texts).ids, strict=True)))

    def _remember(self, message_ids):
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
                {"message_id": False, "outcome": "failed", "reason": "template", "error": str(error)[-2000:]}
            )
        rules = {}
        for message_id, error in errors.items():
            draft, channel = drafts_of[message_id]
            if not draft.rule._origin:
                raise UserError(self._broken_text(draft.channels[channel])) from error
            rules.setdefault(draft.rule, {})[draft.channels[channel]] = error
        for rule, templates in rules.items():
            for template, error in templates.items():
                note = Markup("<pre>%s</pre>") % str(error)[-500:]
                rule._give_task(rule, self._broken_text(template), {rule.id: note})
        self.browse(errors).sudo().unlink()

    def _broken_text(self, template):
        return self.env._("The template “%(name)s” does not work.", name=template.display_name)
