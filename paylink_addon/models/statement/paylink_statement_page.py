"""Stage of ``paylink.statement``: what the customer sees on its page, and how it chooses what to pay."""

import hashlib
from datetime import date, timedelta
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...const import DEFAULT_MAX_ATTEMPTS, MAX_ATTEMPTS_PARAMETER
from ...tools.addresses import usable_emails
from ...tools.collected import Collected
from ...tools.locks import hold_and_touch
from ...tools.pages import page_of
from ...tools.parameters import whole_number


class Choice(NamedTuple):
    """What the customer has said on the page so far: anything may have been sent.

    ``what``: ``now`` (what is due now), ``all``, ``some`` (what is ticked), ``but`` (all but that). ``seen`` stands for
    what the page has shown: see :meth:`PaylinkStatementPage._stamp`.
    """

    ticked: frozenset = frozenset()
    what: str = "some"
    currency_id: int = 0
    page: int = 1
    seen: str = ""


class Account(NamedTuple):
    """All that is open on a day, what is left of it by id, what of it is on its way, or settled by what is, and what
    was agreed on about items, by id: see :meth:`PaylinkStatementPage._agreed`.
    """

    items: models.BaseModel
    day: date
    due: dict
    busy: models.BaseModel
    left: models.BaseModel
    registered: dict
    agreed: dict


class PaylinkStatementPage(models.Model):
    """Callers have checked the token; everything is in sudo mode."""

    _inherit = "paylink.statement"

    @api.model
    def _page_fields(self):
        return ("name", "access_token", "company_id", "partner_id", "lang", "issued_at", "cancelled_at", "opened_at")

    def _page_values(self):
        """The values of every page of the statement, in the language of the context."""
        self.ensure_one()
        return {
            "link": None,
            "statement": self,
            "company": self.company_id,
            "base": f"{self._page_path}/{self.access_token}",
            "day": self._today(),
            "contact": self.user_id.name,
            "receipt_by": "email" if usable_emails(self.email or self.partner_id.email) else False,
        }

    def _document_pdf(self, item_id):
        """The PDF of one of the open invoices, see ``paylink.link._invoice_pdf``; ``None`` if that item has none."""
        items = self._open_items()[self.id] if not self.cancelled_at else self.env["account.move.line"]
        item = (items & items.browse(item_id)).filtered(self._has_pdf)
        return self.env["paylink.link"]._invoice_pdf(item.move_id) if item else None

    @api.model
    def _has_pdf(self, item):
        return item.move_id.is_sale_document(include_receipts=True)

    def _account(self):
        """What is open, read once: see :class:`Account`."""
        items, day = self._open_items()[self.id], self._today()
        return Account(
            items,
            day,
            items._paylink_due(day),
            items._paylink_in_flight(),
            items._paylink_left(),
            items._paylink_registered(),
            self._agreed(items),
        )

    def _agreed(self, items):
        """Hook: about which of these open items something else was agreed on with the customer than when they are due:
        they are neither late nor asked for now.

        :return: by id, what was, as a few words, and where it is shown: ``(text, address or False)``
        """
        return {}

    @staticmethod
    def _asked_now(items, account):
        """What of ``items`` is due now, and how much: see ``account.move.line._paylink_due_now``."""
        asked = items.filtered(lambda item: item.id not in account.agreed)
        return asked._paylink_due_now(account.due, day=account.day)

    def _page_sections(self, choice=None, is_paged=False):
        """The open items, one section per currency, as a currency is paid at once.

        :param Choice choice: what the customer has said; ``None``: nothing yet, then what is due now is meant
        :param bool is_paged: of many only the rows of one page
        """
        account = self.with_context(paylink_registered=Collected())._account()
        return [
            self._page_section(currency, group, account, choice, is_paged)
            for currency, group in account.items.grouped("currency_id").items()
        ]

    def _page_section(self, currency, group, account, choice, is_paged):
        ready, due = group - account.busy, account.due
        asked, now = self._asked_now(ready, account)
        own = choice if choice and choice.currency_id in (0, currency.id) else None
        page, shown = page_of(group, own.page if own else 1) if is_paged else (None, group)
        is_long = len(shown) < len(group)
        ticked = set(own.ticked if own else ()) & set(ready.ids)
        if not is_long and (not own or own.what != "some"):
            ticked = set(asked.ids)
        whole = sum(max(due[item.id], 0.0) for item in ready)
        total = currency.round(sum(due[item.id] for item in group & account.left))
        return {
            "currency": currency,
            "rows": self._page_rows(shown, account, ticked),
            "sum": total,
            "total": self._amount_text(total, currency),
            "pattern": currency._paylink_pattern(self.env, self.company_id, self.partner_id),
            "payable": currency.compare_amounts(whole, 0) > 0,
            "now": self._amount_text(now, currency) if asked != ready else False,
            "digits": currency.decimal_places,
            "page": page,
            **(self._choice_values(own, ready, asked, account, ticked - set(shown.ids)) if is_long else {"offers": []}),
        }

    def _choice_values(self, choice, ready, asked, account, elsewhere):
        """What a section of several pages has besides: the ways to say what is paid, as ``(key, minor units, text)``.

        :param Choice choice: what the customer has said of it, or ``None``
        :param asked: what of ``ready`` is due now
        :param set elsewhere: ids of what is ticked on other pages
        """
        currency, due = ready.currency_id, account.due
        sums = {"now": asked, "all": ready} if asked and asked != ready else {"all": ready}
        amounts = {key: currency.round(sum(due[item.id] for item in items)) for key, items in sums.items()}
        offers = [
            (key, _minor(amount, currency), self._amount_text(amount, currency)) for key, amount in amounts.items()
        ]
        return {
            "offers": [*offers, ("some", None, None), ("but", None, None)],
            "what": (choice and choice.what) or (offers[0][0] if asked else "some"),
            "seen": self._stamp(ready, asked, due),
            "elsewhere": [(item_id, _minor(due[item_id], currency)) for item_id in sorted(elsewhere)],
            "elsewhere_text": self._amount_text(sum(due[item_id] for item_id in elsewhere), currency),
        }

    @staticmethod
    def _stamp(ready, asked, due):
        """What changes when what can be paid does: an item has come or is gone, or another amount is open of it."""
        now = set(asked.ids)
        said = [(item.id, due[item.id], item.id in now) for item in ready]
        return hashlib.sha256(repr(said).encode()).hexdigest()[:16]

    def _page_rows(self, items, account, ticked):
        """These items as the customer reads them.

        :param set ticked: ids of what is ticked
        """
        labels, discounted = items._paylink_labels(), set(items._paylink_discounted(account.day).ids)
        busy = set(account.busy.ids)
        return [
            self._page_row(item, account, labels[item.id], item.id in discounted)
            | item._paylink_registered_texts(account.registered.get(item.id))
            | {"busy": item.id in busy, "ticked": item.id in ticked}
            for item in items
        ]

    def _amount_text(self, amount, currency, language=None):
        """``amount`` as the customer reads it, in the language of the environment ``language``, by default our own."""
        statement = self.sudo()
        return currency.sudo()._paylink_text(language or self.env, amount, statement.company_id, statement.partner_id)

    def _page_row(self, item, account, label, is_discounted):
        """One open item as the customer reads it."""
        amount, due_on = account.due[item.id], item.date_maturity or item.date
        agreed, address = account.agreed.get(item.id, (False, False))
        return {
            "id": item.id,
            "name": item._paylink_customer_name(label, self.env),
            "date": format_date(self.env, item.date),
            "day": item.date,
            "due": format_date(self.env, due_on) if amount > 0 else False,
            "due_day": due_on,
            "overdue": amount > 0 and due_on < account.day and not agreed,
            "agreed": agreed,
            "agreed_url": address,
            "credit": amount < 0,
            "discount": item._paylink_discount_text(self.env) if is_discounted else False,
            "amount": self._amount_text(amount, item.currency_id),
            "value": amount,
            "url": self._has_pdf(item) and f"{self._page_path}/{self.access_token}/document/{item.id}",
            "minor": _minor(amount, item.currency_id),
        }

    # === PAYING === #

    def _pay_link(self, ticked, what="some", currency_id=0, seen=""):
        """The open-items link that asks for exactly what was chosen: the one that does already, else a new one.

        What they mean: :class:`Choice`.

        :raises UserError: with a text for the customer
        """
        self.ensure_one()
        hold_and_touch(self)
        if self.cancelled_at:
            raise UserError(self.env._("This page can no longer be used: ask for a new one."))
        items = self._chosen_items(Choice(frozenset(ticked), what, currency_id, seen=seen))
        link = self._link_for_same_items(items) or self._make_link(items)
        if link.statement_id != self:
            self.sudo().shown_link_ids |= link
        return link

    def _chosen_items(self, choice):
        account = self._account()
        ready = account.items - account.busy
        chosen = self._ticked_items(ready, choice) if choice.what == "some" else self._bulk(ready, account, choice)
        if len(chosen.currency_id) > 1:
            raise UserError(self.env._("Pay one currency at a time."))
        if chosen.currency_id.compare_amounts(sum(account.due[item.id] for item in chosen), 0) <= 0:
            raise UserError(
                self.env._("There is nothing to pay: your credits cover what you selected. Select more, or less.")
            )
        return chosen

    def _ticked_items(self, ready, choice):
        if not choice.ticked:
            raise UserError(self.env._("Select what you want to pay."))
        chosen = ready.filtered(lambda item: item.id in choice.ticked)
        self._check_unchanged(set(chosen.ids) == choice.ticked)
        return chosen

    def _bulk(self, ready, account, choice):
        """What was chosen without being ticked: it has to be what the page has shown."""
        if choice.ticked and choice.what != "but":
            raise UserError(
                self.env._("You have selected documents: choose whether to pay only these, or all but these.")
            )
        group = ready.filtered(lambda item: item.currency_id.id == choice.currency_id)
        asked, _amount = self._asked_now(group, account)
        known = choice.ticked <= set(group.ids) and self._stamp(group, asked, account.due) == choice.seen
        self._check_unchanged(group and known)
        chosen = asked if choice.what == "now" else group.filtered(lambda item: item.id not in choice.ticked)
        if not chosen:
            raise UserError(self.env._("Select what you want to pay."))
        return chosen

    def _check_unchanged(self, is_unchanged):
        if not is_unchanged:
            raise UserError(self.env._("Your account has changed in the meantime: check it, then pay."))

    def _link_for_same_items(self, items):
        """The live link of this very customer that asks for all of these items and no others."""
        Link = self.env["paylink.link"]
        fitting = Link._links_to_use_again(Link._live_links_by_items(items))
        return fitting.get((frozenset(items.ids), self.partner_id), Link)

    def _make_link(self, items):
        """Make and issue a link for ``items``; not without end: each can be tried some times."""
        since = fields.Datetime.now() - timedelta(hours=1)
        pages = self._with_further_addresses()
        made = self.env["paylink.link"].search_count([("statement_id", "in", pages.ids), ("create_date", ">=", since)])
        if made >= whole_number(self.env, MAX_ATTEMPTS_PARAMETER, DEFAULT_MAX_ATTEMPTS):
            raise UserError(self.env._("Too many attempts: wait an hour, or contact us."))
        link = self.env["paylink.link"]._create_for_items(
            [({}, items)],
            partner_id=self.partner_id.id,
            statement_id=self.id,
            in_installments=False,  # the customer has chosen
            user_id=self.user_id.id,
            email=self.email,
            phone=self.phone,
            lang=self.env.lang or self.lang,
            expires_at=self.company_id._paylink_expires_at(),
        )
        link._issue()
        return link


def _minor(amount, currency):
    """An amount in minor units, for the script that adds up what is ticked."""
    return round(amount * 10**currency.decimal_places)
