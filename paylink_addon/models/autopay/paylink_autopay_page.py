from collections import Counter
from datetime import date
from functools import partial
from typing import NamedTuple

from markupsafe import Markup
from odoo import api, fields, models
from odoo.tools import clean_context, format_date

from ...const import AUTOPAY_PATH, Task
from ...tools.addresses import BadAddress, split_emails
from ...tools.locks import hold_and_touch
from .paylink_autopay_item import TOLD
from .paylink_autopay_rule_pick import less_credits

# How far the customer sees ahead, in days, at least.
DAYS_AHEAD = 60
# How many items a task names, and the page shows at once.
MAX_NAMED, MOST_ROWS = 20, 50


class Planned(NamedTuple):
    """What will be charged of an item: ``share``, in its currency, less credits, on ``day``, to a stored method."""

    day: date
    token_id: int
    item_id: int
    share: float


class PaylinkAutopayPage(models.Model):
    """The lasting page on which a customer sees what will be charged, objects to it, and ends automatic payment.

    There is one per customer (commercial partner) and company; each notice has its address.
    """

    _name = "paylink.autopay.page"
    _inherit = "paylink.lasting.mixin"
    _description = "Automatic Payment Page of a Customer"
    _order = "id desc"
    _rec_name = "partner_id"
    _page_path = AUTOPAY_PATH
    _subtype_prefix = "paylink_addon.mt_autopay_"

    # What the template of the notice says, in the customer's language: see :meth:`_announce`.
    amount_display = fields.Char(string="Amount (text)", compute="_compute_displays")
    day_display = fields.Char(string="Day (text)", compute="_compute_displays")
    documents_display = fields.Char(string="Documents (text)", compute="_compute_displays")
    method_display = fields.Char(string="Payment Profile (text)", compute="_compute_displays")

    @api.depends_context("paylink_noticed")
    def _compute_displays(self):
        told = dict(self.env.context.get("paylink_noticed") or ())
        for page in self:
            for name in ("amount", "day", "documents", "method"):
                page[f"{name}_display"] = told.get(name) or False

    # === CUSTOMERS === #

    @api.model
    def _for_customers(self, customers, company, owner):
        """The pages of these customers in ``company``, in sudo mode; those that are missing are made."""
        pages = self.sudo().search(
            [("partner_id", "in", customers.ids), ("company_id", "=", company.id), ("is_merged", "=", False)]
        )
        context = clean_context(self.env.context)
        now = fields.Datetime.now()
        made = (
            self.sudo()
            .with_context(context, mail_create_nolog=True, mail_create_nosubscribe=True)
            .create(
                [
                    {
                        "name": partner.name or "/",
                        "partner_id": partner.id,
                        "company_id": company.id,
                        "user_id": owner.id,
                        "issued_at": now,
                    }
                    for partner in customers - pages.partner_id
                ]
            )
        )
        return pages | made.with_env(self.env(su=True))

    @api.model
    def _for_portal(self, customer):
        """The page of ``customer`` in the first company that charges it automatically, or none."""
        companies = self.env["res.company"].sudo().search([("paylink_autopay", "=", True)])
        company = next((one for one in companies if customer.with_company(one).paylink_autopay), None)
        return self._for_customers(customer, company, company._paylink_managers()[:1]) if company else self.browse()

    # === NOTICES === #

    def _announce(self, facts, emails, template):
        """Queue the e-mail that tells the customer what will be charged, and when.

        :param dict facts: what it says: ``amount``, ``day``, ``documents``, ``method`` (texts)
        :param str emails: where it goes
        :param template: ``mail.template`` of this model
        :return: the ``mail.mail``
        """
        self.ensure_one()
        told = self.with_context(lang=self.lang, paylink_noticed=tuple(facts.items()))
        values = told._prepare_emails(
            template.sudo().with_env(told.env(su=True)),
            email_to={self.id: emails},
            layout="paylink_addon.mail_layout_autopay",
        )
        mail = told._create_emails(values)
        self._note_sent()
        return mail

    @api.model
    def _emails_of(self, partner):
        """Where notices go, as text; nothing where there is no address that works."""
        try:
            return ", ".join(split_emails(partner.email))
        except BadAddress:
            return ""

    @api.model
    def mail_allowed_qweb_expressions(self):
        """What anyone may write in a template of this model; it is rendered without running code."""
        return (
            *super().mail_allowed_qweb_expressions(),
            "object.url",
            "object.amount_display",
            "object.day_display",
            "object.documents_display",
            "object.method_display",
            "object.company_id.name",
            "object.company_id.phone",
            "object.company_id.email",
            "object.partner_id.display_name",
        )

    # === THE PAGE === #
    # What the customer sees and does there. Callers have checked the token; all is in sudo mode.

    @api.model
    def _page_fields(self):
        return ("name", "access_token", "company_id", "partner_id", "lang", "issued_at", "cancelled_at", "opened_at")

    def _customer(self):
        """The customer, with what is said in the page's company."""
        return self.partner_id.with_company(self.company_id)

    def _page_values(self, first=0):
        """The values of the page, in the language of the context.

        :param int first: how many rows come before those that are shown
        """
        self.ensure_one()
        planned = self._planned()
        last = first + MOST_ROWS
        return {
            "link": None,
            "page": self,
            "company": self.company_id,
            "base": f"{self._page_path}/{self.access_token}",
            "is_on": self._customer().paylink_autopay and self.company_id.paylink_autopay,
            "rows": self._page_rows(planned[first:last]),
            "before": bool(first),
            "left": self._left_values(planned[last:], last),
        }

    def _left_values(self, planned, first):
        """What the page says of what it has no room for; nothing, where there is nothing."""
        if not planned:
            return None
        items = {item.id: item for item in self._items_of(planned)}
        totals = Counter()
        for row in planned:
            totals[items[row.item_id].currency_id] += row.share
        texts = [
            money._paylink_text(self.env, total, self.company_id, self.partner_id) for money, total in totals.items()
        ]
        text = self.env._(
            "and %(count)s more until %(date)s: %(amount)s",
            count=len(planned),
            date=format_date(self.env, max(row.day for row in planned)),
            amount=" + ".join(texts),
        )
        return {"first": first, "text": text}

    def _items_of(self, planned):
        return self.env["account.move.line"].browse([row.item_id for row in planned])

    def _planned(self):
        """What will be charged, the next day first; what is stored already before that: a list of :class:`Planned`."""
        company = self.company_id
        rules = self.env["paylink.autopay.rule"]._of_company(company)
        if not company.paylink_autopay or not rules:
            return []
        today = company._paylink_today()
        ahead = max(DAYS_AHEAD, *(days + 1 for days in rules.mapped("notice_days")))  # what was announced is there
        charged, _left = rules._foresee(today, fields.Date.add(today, days=ahead), self.partner_id.ids)
        stored = [
            Planned(today, tx.token_id.id, *share)
            for tx in self.partner_id._paylink_autopay_unsent(company)
            for share in self._stored_shares(tx).items()
        ]
        return stored + [
            Planned(day, charge.token_id, *share) for day, charge in charged for share in charge.shares().items()
        ]

    def _page_rows(self, planned):
        """What the page shows of these, a row for each document: in as many queries, however many they are."""
        items, tokens = self._items_of(planned), self.env["payment.token"].browse([row.token_id for row in planned])
        labels = items._paylink_labels()
        return [
            self._page_row(row, token, item, labels[item.id])
            for row, token, item in zip(planned, tokens, items, strict=True)
        ]

    def _row_of(self, item_id):
        """The row of an item that will be charged, or ``None``.

        :param str item_id: what the form has sent: anything
        """
        return next(iter(self._page_rows([row for row in self._planned() if str(row.item_id) == item_id])), None)

    def _stored_shares(self, transaction):
        """How much of a charge that is stored is for each debt, by id of item."""
        items = transaction.paylink_id.line_ids.move_line_id
        debts = items.filtered(lambda item: item.amount_residual_currency > 0)
        credit = -sum((items - debts).mapped("amount_residual_currency"))
        return less_credits({item.id: item.amount_residual_currency for item in debts}, credit)

    def _page_row(self, row, token, item, label):
        covered = not row.share and self.env._("Covered by your credits")
        return {
            "id": item.id,
            "name": item._paylink_customer_name(label, self.env),
            "amount": covered or item._paylink_amount_text(self.env, row.share),
            "is_charged": bool(row.share),
            "day": format_date(self.env, row.day),
            "method": token._paylink_public_name(),
        }

    def _unplanned_text(self, item_id):
        """What the customer reads who objects to the charge of an item that is not among the rows.

        :param str item_id: what the form has sent
        """
        rows = self.env["paylink.autopay.item"].search(
            [("partner_id", "=", self.partner_id.id), ("company_id", "=", self.company_id.id)]
        )
        charged = rows.filtered(lambda row: str(row.move_line_id.id) == item_id)
        if charged.link_id.transaction_ids._paylink_in_flight():
            return self.env._("This is being charged just now: it can't be stopped anymore. Please contact us.")
        return self.env._("This is not planned anymore: it is not charged.")

    def _page_object(self, row):
        """The customer objects to the charge of an item: it is not charged automatically. A second click waits, and is
        run again as a whole: it finds that it is not planned anymore.

        :param dict row: one of :meth:`_page_rows`
        """
        hold_and_touch(self)
        items = self.env["account.move.line"].browse(row["id"])
        noted = self.env["paylink.autopay.item"]._of_items(items)
        noted._skip(True, by_customer=True)
        self._log_events("objected", {self.id: row["name"]})
        self._give_task(Task.AUTOPAY_OBJECTION, partial(self._objection_texts, row["name"]), about=noted)
        self._after_objection(items.move_id, row["name"])

    def _after_objection(self, move, name):
        """Hook: what else follows when a customer objects to the charge of a document."""

    def _objection_texts(self, name, env):
        return env._("A customer objects to an automatic payment"), env._(
            "%(partner)s objects to the automatic payment of %(document)s: it is not charged. Ask the customer why.",
            partner=self.partner_id.display_name,
            document=name,
        )

    def _page_switch_off(self):
        """The customer ends automatic payment: at once, for all that was not sent to the provider yet. Likewise."""
        hold_and_touch(self)
        if not self._customer().paylink_autopay:
            return
        self._customer()._paylink_end_autopay()
        self._log_events("off")
        self._give_task(Task.AUTOPAY_OFF, self._off_texts)

    def _off_texts(self, env):
        return env._("A customer has switched automatic payment off"), env._(
            "%(partner)s has switched automatic payment off. What is due is not charged anymore: ask for it otherwise.",
            partner=self.partner_id.display_name,
        )

    # === TASKS === #

    def _no_address_texts(self, env):
        return env._("An automatic payment can't be announced: there is no e-mail address"), env._(
            "%(partner)s is to be told before a charge, and has no e-mail address that works: nothing is charged. Add "
            "one on the contact.",
            partner=self.partner_id.display_name,
        )

    def _left_out_rows(self):
        """What of the customer is not charged on its day, and is still to be dealt with."""
        rows = self.env["paylink.autopay.item"].sudo()
        domain = [("partner_id", "=", self.partner_id.id), ("company_id", "=", self.company_id.id)]
        found = rows.search([*domain, ("left_out", "in", TOLD), ("is_skipped", "=", False)], order="id")
        return found.filtered(lambda row: not row.move_line_id.reconciled)

    def _left_out_texts(self, env):
        """What is not charged, each with its reason."""
        rows = self._left_out_rows().with_env(env(su=True))
        shown = [
            Markup("<li>%s – %s</li>") % (row.name or row.move_id.name, row.rule_id._reason_text(row.left_out))
            for row in rows[:MAX_NAMED]
        ]
        if len(rows) > MAX_NAMED:
            shown.append(Markup("<li>%s</li>") % env._("%(count)s more", count=len(rows) - MAX_NAMED))
        text = env._(
            "This is due and not charged to %(partner)s automatically. Reminders go on, where there are any. Each run "
            "looks at it again; else ask the customer otherwise, or skip it on the document:",
            partner=self.partner_id.display_name,
        )
        note = Markup("<p>%s</p><ul>%s</ul>") % (text, Markup("").join(shown))
        return env._("Something is not charged automatically"), note

    def _paylink_done_autopay_left_out(self, _task):
        """Nothing is left out anymore."""
        return not (self._customer().paylink_autopay and self._left_out_rows())

    def _paylink_done_autopay_off(self, _task):
        """The customer has it again."""
        return self._customer().paylink_autopay
