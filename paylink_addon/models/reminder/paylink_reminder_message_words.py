"""Stage of ``paylink.reminder.message``: what the messages say: by which template, and in which words."""

from itertools import chain

from odoo import models
from odoo.tools import SQL, format_date
from odoo.tools.i18n import format_list

from .paylink_reminder_rule import TONES

KINDS = {"email": "mail", "sms": "sms"}
COURTEOUS = TONES[0][0]
MAX_NAMED = 3


class PaylinkReminderMessageWords(models.Model):
    """A message tells what is so: what is overdue and since when, and which reminders the customer has really got.

    Not what its rule supposes: the rule's earlier days may have been skipped, and its day may come late.
    """

    _inherit = "paylink.reminder.message"

    # === WHAT IT TELLS OF === #

    def _look_back(self, drafts, date):
        """Put into each draft what it tells of, and on which days the customer was reminded of that before."""
        for draft in drafts:
            draft.moment = self._moment(draft, date)
        told = {id(draft): [line for _part, line in self._said_lines(draft)] for draft in drafts}
        before = self._sent_days(list(chain.from_iterable(told.values())))
        for draft in drafts:
            for line in told[id(draft)]:
                days = {day for day, due in before.get(line["key"], ()) if _counts(draft.moment, line, day, due)}
                if days:
                    draft.told[line["key"]] = days

    def _moment(self, draft, date):
        """What there is to tell on ``date``, as the moments of rules: who is reminded late is not told that it is due
        today, nor who gets one message for all that it is all overdue.
        """
        if draft.rule.moment == "link" and draft.links:
            return "link"
        if any(part.currency.compare_amounts(part.late, 0) > 0 for part in draft.parts):
            return "after"
        days = [line["date_due"] for _part, line in _owed_lines(draft) if line["date_due"]]
        if not days:
            return draft.rule.moment
        return "on" if min(days) <= date else "before"

    def _said_lines(self, draft):
        """``(part, line)`` of what the text tells of: the links, what is overdue, or else all that is asked for."""
        if draft.moment == "link":
            return [(part, line) for part, line in _owed_lines(draft) if part.items is None]
        if draft.moment == "after":
            return [(part, line) for part, line in _owed_lines(draft) if line["late"]]
        return _owed_lines(draft)

    def _said_amounts(self, draft):
        """How much that is: ``(part, amount)``, credits deducted."""
        if draft.moment == "link":
            return [(part, part.total) for part in draft.parts if part.items is None]
        if draft.moment == "after":
            return [(part, part.late) for part in draft.parts if part.currency.compare_amounts(part.late, 0) > 0]
        return [(part, part.total) for part in draft.parts]

    def _sent_days(self, lines):
        """When the customer was reminded of ``lines``, of which due date: not what was skipped, nor what nobody got.

        :return: ``(day, due date)``, by key of line
        """
        items = [line["key"][0] for line in lines if line["key"][0]]
        links = [line["key"][1] for line in lines if line["key"][1]]
        which = [
            SQL("reminder.move_line_id = ANY(%s)", items),
            SQL("reminder.move_line_id IS NULL AND reminder.link_id = ANY(%s)", links),
        ]
        Reminder = self.env["paylink.reminder"].sudo()
        found = {}
        for item_id, link_id, day, due in self.env.execute_query(
            SQL(" UNION ").join(Reminder._received_sql(condition) for condition in which)
        ):
            found.setdefault((item_id, None if item_id else link_id), []).append((day, due))
        return found

    # === TEMPLATES === #

    def _choose_channels(self, draft, supplied):
        """The channels of the step that work; where none does, the other one, with the text supplied for it.

        :param dict supplied: see :meth:`_supplied_texts`
        """
        addresses = {"email": draft.emails, "sms": draft.phone}
        found = {name: self._template(draft, name, supplied[name]) for name in KINDS}
        draft.channels = {name: template for name, template in found.items() if template and addresses[name]}
        if not draft.channels and draft.rule.use_other_channel:
            key = (draft.moment, self._tone(draft, draft.step.tone))
            others = {name: supplied[name].get(key) for name in KINDS}
            draft.channels = {name: other for name, other in others.items() if other and addresses[name]}
        if not draft.channels:
            draft.reason = "address"

    def _supplied_texts(self):
        """The templates that came with the add-on, by moment and tone, by channel."""
        Step = self.env["paylink.reminder.step"].sudo()
        return {channel: Step._supplied_templates(kind) for channel, kind in KINDS.items()}

    def _template(self, draft, channel, supplied):
        """The template for ``channel``, if the step of ``draft`` has one: by the reminders that were really sent.

        After none of them that is the first day's of the rule, after one at most the second's. A supplied one is that
        of what there is to tell.
        """
        name = f"{KINDS[channel]}_template_id"
        own = draft.step[name]
        template = own and (self._step_to_say(draft)[name] or own)
        for (_moment, tone), known in supplied.items():
            if template == known:
                return supplied.get((draft.moment, self._tone(draft, tone)), template)
        return template

    def _step_to_say(self, draft):
        """The day of the rule that has the text: an earlier one, where reminders were skipped."""
        steps = draft.rule.step_ids.sorted("offset")
        if draft.step not in steps:
            return draft.step
        return steps[min(steps.ids.index(draft.step.id), draft.told_count)]

    def _tone(self, draft, tone):
        """Courteous to who was never reminded of it; by hand people choose it themselves."""
        return tone if draft.told_count or not draft.rule._origin else COURTEOUS

    # === WORDS === #
    # Amounts, dates and names as the customer reads them. Equal ones are written once: ``known`` has them.

    def _fill_texts(self, draft, date, known):
        """Put the texts of a draft of ``date``.

        :param dict known: what has been written before
        """
        env = known.get(draft.lang) or known.setdefault(draft.lang, self.with_context(lang=draft.lang).env)
        for part in draft.parts:
            self._fill_part_texts(env, draft, part, known)
        said = [line for _part, line in self._said_lines(draft)]
        days = self._days_to_tell(draft, said, date)
        owed = [line for _part, line in _owed_lines(draft)]
        draft.name = self._names_text(env, [line["name"] for line in owed])
        draft.texts = {
            "amount_display": " + ".join(
                self._amount_text(env, draft, amount, part.currency, known)
                for part, amount in self._said_amounts(draft)
            ),
            "total_display": " + ".join(part.total_display for part in draft.parts),
            "documents_display": draft.name
            if len(said) == len(owed)
            else self._names_text(env, [line["name"] for line in said]),
            "due_date_display": self._days_text(env, days, known),
            "days_overdue": max((date - min(days, default=date)).days, 0),
            "reminded_display": self._reminded_text(env, draft, known),
            "company_display": (draft.rule.company_id.name or "")[:24].strip(),
        }

    def _fill_part_texts(self, env, draft, part, known):
        part.total_display = self._amount_text(env, draft, part.total, part.currency, known)
        for line in part.lines:
            if line["item"]:
                line["name"] = line["item"]._paylink_customer_name(line["known_as"], env)
            line["amount_display"] = self._amount_text(env, draft, line["amount"], part.currency, known)
            line["date_display"] = self._date_text(env, line["date_due"], known)

    def _days_to_tell(self, draft, said, date):
        """Since when it is overdue; else on which days it is due."""
        days = sorted({line["date_due"] for line in said if line["date_due"]})
        if draft.moment in ("before", "on"):
            return [day for day in days if day >= date] or days
        return days[:1]

    def _days_text(self, env, days, known):
        texts = [self._date_text(env, day, known) for day in days]
        if len(texts) < 2:
            return "".join(texts)  # most have one day, and Babel takes its time
        return format_list(env, texts) if len(texts) <= MAX_NAMED else f"{texts[0]} - {texts[-1]}"

    def _date_text(self, env, day, known):
        if (env.lang, day) not in known:
            known[env.lang, day] = format_date(env, day) if day else ""
        return known[env.lang, day]

    def _amount_text(self, env, draft, amount, currency, known):
        company, customer = draft.rule.company_id, draft.customer
        key = (env.lang, amount, currency.id, company.id, customer.country_id.id)
        if key not in known:
            known[key] = currency._paylink_text(env, amount, company, customer)
        return known[key]

    def _names_text(self, env, names):
        """Up to three documents, then how many more there are."""
        names = list(dict.fromkeys(names))
        if len(names) <= MAX_NAMED:
            return ", ".join(names)
        return env._("%(names)s and %(count)s more", names=", ".join(names[:2]), count=len(names) - 2)

    def _reminded_text(self, env, draft, known):
        """A sentence on what the customer was reminded of before; empty where that was nothing."""
        if not draft.told:
            return ""
        names = [line["name"] for part in draft.parts for line in part.lines if line["key"] in draft.told]
        return env._(
            "We already wrote to you about %(documents)s, last on %(date)s.",
            documents=self._names_text(env, names),
            date=self._date_text(env, max(chain.from_iterable(draft.told.values())), known),
        )


def _owed_lines(draft):
    """``(part, line)`` of all that is asked for; not the credits."""
    return [(part, line) for part in draft.parts for line in part.lines if line["amount"] > 0]


def _counts(moment, line, day, due):
    """Whether a reminder that was sent on ``day``, of the due date ``due``, was one of what is told now.

    A note before the due date is no reminder of what is overdue; who has got more time begins anew.
    """
    if moment == "link":
        return True
    return bool(line["date_due"]) and (day > line["date_due"] if moment == "after" else due == line["date_due"])
