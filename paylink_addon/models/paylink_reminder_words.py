from odoo import models
from odoo.tools import format_amount, format_date


class PaylinkReminderWords(models.Model):
    """Amounts, dates and names as the customer reads them. Equal ones are written once: ``known`` has them."""

    _inherit = "paylink.reminder.message"

    def _word(self, draft, date, known):
        """Put the texts of a draft of ``date``.

        :param dict known: what has been written before
        """
        env = known.get(draft.lang) or known.setdefault(draft.lang, self.with_context(lang=draft.lang).env)
        for part in draft.parts:
            self._word_part(env, part, date, known)
        owed = [line for part in draft.parts for line in part.lines if line["amount"] > 0]
        first = min((line["date_due"] for line in owed if line["date_due"]), default=False)
        draft.texts = {
            "amount_display": " + ".join(part.total_display for part in draft.parts),
            "documents_display": self._names_text(env, list(dict.fromkeys(line["name"] for line in owed))),
            "due_date_display": self._date_text(env, first, known),
            "days_overdue": max((date - (first or date)).days, 0),
            "company_display": (draft.rule.company_id.name or "")[:24].strip(),
        }

    def _word_part(self, env, part, date, known):
        part.total_display = self._amount_text(env, part.total, part.currency, known)
        for line in part.lines:
            due = line["date_due"]
            line["amount_display"] = self._amount_text(env, line["amount"], part.currency, known)
            line["date_display"] = self._date_text(env, due, known)
            line["is_late"] = bool(due and due < date and line["amount"] > 0)

    def _date_text(self, env, day, known):
        if (env.lang, day) not in known:
            known[env.lang, day] = format_date(env, day) if day else ""
        return known[env.lang, day]

    def _amount_text(self, env, amount, currency, known):
        if (env.lang, amount, currency.id) not in known:
            known[env.lang, amount, currency.id] = format_amount(env, amount, currency)
        return known[env.lang, amount, currency.id]

    def _names_text(self, env, names):
        """Up to three documents, then how many more there are."""
        if len(names) <= 3:
            return ", ".join(names)
        return env._("%(names)s and %(count)s more", names=", ".join(names[:2]), count=len(names) - 2)
