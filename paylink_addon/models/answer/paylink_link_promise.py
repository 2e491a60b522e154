"""Stage of ``paylink.link``: the customer answers on which day it will be paid."""

from collections import Counter
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools import days

# The first day that is promised, and one extension, for each document, within so many days.
MOST_PROMISES, LATELY = 2, timedelta(days=60)


class PaylinkLinkPromise(models.Model):
    """A promise to pay: reminders and automatic payments wait for that day."""

    _inherit = "paylink.link"

    def _answer_form_promise(self):
        """The first and the last day that can be chosen, and whether it is the last time."""
        longest = 0 if self.plan_part_id else self.company_id.paylink_promise_days  # the plan says when
        promises = self._promises()
        made = self._promise_count(promises)
        if longest <= 0 or made >= MOST_PROMISES:
            return False
        today = self._today()
        until = max((answer.date_until for answer in promises if answer.state == "standing"), default=today)
        first, last = max(until, today) + timedelta(days=1), today + timedelta(days=longest)
        if first > last:
            return False
        return {"first": first, "last": last, "is_last": made == MOST_PROMISES - 1}

    def _answer_promise(self, said):
        form = self._answer_form_promise()
        if not form:
            raise UserError(self.env._("You have told us a day already: please contact us."))
        day = _date(said.get("date"))
        if not day or not form["first"] <= day <= form["last"]:
            first, last = (format_date(self.env, form[name]) for name in ("first", "last"))
            raise UserError(self.env._("Choose a day from %(first)s to %(last)s.", first=first, last=last))
        self._end_promises()
        answer = self._note_answer("promise", "promised", date_until=day, line_ids=self.line_ids.ids)
        answer._pause("promise", self._paused_together(), day)
        self._last_through(day, answer)
        return answer

    def _last_through(self, day, answer):
        """The page can still be used on that day, as far as its kind allows: else nothing could be paid there. Who
        takes the promise back has it as long as before.
        """
        end = days.beginning(day + timedelta(days=1), self._timezone())
        if self.expires_at and self.expires_at < end:
            before, self.sudo().expires_at = self.expires_at, self._of_kind("latest_expiry", end)
            before = answer.sudo().expiry_before or before
            answer.sudo().write({"expiry_before": before, "expiry_given": self.expires_at})

    def _without(self, items):
        """One that asks for no ``items``: this link, else one that is made for the rest; none, where this one can't be
        paid, or asks for a chosen amount of all together.
        """
        asked = self.line_ids.move_line_id._paylink_unsettled()
        if not asked & items:
            return self
        if self.is_limited or not self._awaits_customer():
            return self.browse()
        names = ("partner_id", "user_id", "lang", "reference", "allow_partial", "bank_account_id", "expires_at")
        channels = ("email", "send_email", "phone", "send_sms")
        values = self._convert_to_write({name: self[name] for name in (*names, *channels)})
        link = self._create_for_items([(values, asked - items)])
        link._issue()
        link._note_sent()
        return link

    def _send_promise_day(self):
        """Write to customers on the day that they have promised: by e-mail and SMS, as their links are sent.

        Nothing of the link changes by that: it is no request for money.
        """
        refs = (f"paylink_addon.{kind}_template_promise_day" for kind in ("mail", "sms"))
        mail, sms = (self.env.ref(ref, raise_if_not_found=False) for ref in refs)
        for lang, links in self.grouped("lang").items():
            told = links.with_context(lang=lang)
            emailed = told.filtered(lambda link: link.send_email and not link._channel_problem("email"))
            texted = told.filtered(lambda link: link.send_sms and not link._channel_problem("sms"))
            if mail and emailed:
                values = emailed._prepare_emails(mail.sudo().with_context(lang=lang), event="promise_told")
                emailed._create_emails(values)
            if sms and texted:
                texts = sms.sudo().with_context(lang=lang)._render_field("body", texted.ids)
                texted._create_sms(texts, event="promise_told")

    def _channel_problem(self, channel):
        """Why nothing can be sent this way, or ``False``."""
        by_email = channel == "email"
        return self._recipient_problem(self.partner_id, self.email, self.phone, by_email, not by_email)

    def _end_promises(self):
        """What was promised until now of the same is replaced, whatever else was promised with it."""
        records = {(some._name, number) for some in self._paused_together() for number in some.ids}
        promises = self._promises()
        holds = promises.hold_ids.filtered(lambda hold: (hold._is_about()._name, hold._is_about().id) in records)
        promises.filtered(lambda answer: answer.hold_ids <= holds)._end()
        holds.filtered("active")._lift()

    def _promises(self):
        """What was promised lately of what the link asks for, by whatever link."""
        moves = self.line_ids.filtered("is_invoice").move_id
        since = fields.Datetime.now() - LATELY
        of_same = ["|", ("link_id", "=", self.id), ("line_ids.move_id", "in", moves.ids)]
        return (
            self.env["paylink.answer"].sudo().search([("kind", "=", "promise"), ("answered_at", ">=", since), *of_same])
        )

    def _promise_count(self, promises):
        """How often at most one of the documents was promised."""
        moves = set(self.line_ids.filtered("is_invoice").move_id.ids)
        own = len(promises.filtered(lambda answer: answer.link_id == self))
        named = Counter(number for answer in promises for number in moves.intersection(answer.line_ids.move_id.ids))
        return max([own, *named.values()])


def _date(text):
    try:
        return fields.Date.to_date(text)
    except (TypeError, ValueError):
        return None
