"""Stage of ``paylink.link``: what is due, and how it is said to the customer."""

from typing import NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from ...tools.gsm import GSM_LIMITS, is_gsm, sms_size, sms_text
from ...tools.rows import insert_rows

# How much of a company's name an SMS tells at most, and the places that the words of our own template take.
COMPANY_LENGTH = 24
SMS_WORDS = 20
# The same of our longest one, beside what is paid.
PURPOSE_WORDS = 45
# What is left of the amount that a row ``link`` asks for.
AMOUNT_LEFT = "(link.amount - COALESCE(link.amount_paid, 0) + COALESCE(link.amount_taken_back, 0))"


class Coming(NamedTuple):
    """What is on its way for what a link asks for: by itself, and by others (major units, in the link's currency)."""

    own: float
    others: float


NOTHING = Coming(0.0, 0.0)


class PaylinkLinkAmounts(models.Model):
    """What is due on a link, live, and how it is said to the customer."""

    _inherit = "paylink.link"

    # === WHAT IS DUE === #

    def _due_amounts(self):
        """What is due now, in the currency of each link, by id. Never negative.

        Payments that are confirmed but not booked yet count as paid.
        """
        due = {}
        for found in self.sudo()._by_kind("due"):
            due |= found
        for link in self.sudo():
            due[link.id] = link.currency_id.round(max(link._asked_of(due[link.id]), 0.0))
        return due

    def _asked_of(self, due):
        """Hook: what this link asks for of what is ``due``, not rounded, less than zero if too much has come."""
        return min(due, self.amount - self._received_amount()) if self.is_limited else due

    @api.model
    def _asked_sql(self, items):
        """The same as :meth:`_due_amounts` says, of a row ``link``: of those of items by :meth:`_asked_of_sql`.

        :param SQL items: what is open of its items
        """
        return SQL(
            "GREATEST(0, CASE WHEN link.kind = 'open_items' THEN %s ELSE %s END)",
            self._asked_of_sql(items),
            SQL(AMOUNT_LEFT),
        )

    @api.model
    def _asked_of_sql(self, items):
        """Hook: :meth:`_asked_of` as SQL, of a row ``link``."""
        return SQL("CASE WHEN link.is_limited THEN LEAST(%s, %s) ELSE %s END", items, SQL(AMOUNT_LEFT), items)

    @api.model
    def _earns_discount_sql(self):
        """Hook: whether who pays early earns a discount, of a row ``link`` (see :meth:`_discount_day`)."""
        return SQL("TRUE")

    def _due_open_items(self):
        """What is open of the items, credits netted, early payment discounts deducted while they last.

        Not what is registered, without an entry, for all of an item, but where there is nothing else: then it is on its
        way. Who has paid the rest has paid the link.
        """
        due = {}
        has_discounts = any(self.line_ids.move_line_id.mapped("discount_date"))
        for day, links in self.grouped(lambda link: link._discount_day() if has_discounts else None).items():
            items = links.line_ids.move_line_id
            open_by_item, left = items._paylink_due(day), set(items._paylink_left().ids)
            for link in links:
                own, transactions = link.line_ids._standing().move_line_id.ids, link.transaction_ids
                asked = [item_id for item_id in own if item_id in left]
                if not asked and not transactions._paylink_received():
                    asked = own
                due[link.id] = sum(open_by_item.get(item_id, 0.0) for item_id in asked)
                if transactions:
                    due[link.id] -= sum(link._received_unbooked().mapped("amount"))
        return due

    def _discount_day(self):
        """The day that decides on early payment discounts: the customer's, or that of a payment that is not booked."""
        return min((self._paid_on(transaction) for transaction in self._received_unbooked()), default=self._today())

    def _received_unbooked(self):
        return self.transaction_ids._paylink_received()._paylink_unbooked()

    def _due_general(self):
        """What has not been received of the amount asked for."""
        return {link.id: link.amount - link._received_amount() for link in self}

    def _received_amount(self):
        """What has come by the link, and no bank has taken back: whether it was refunded or not."""
        transactions = self.transaction_ids
        return sum(transactions._paylink_received().mapped("amount")) - transactions._paylink_taken_back_amount()

    def _paid_amount(self):
        """What was paid by the link and is still there for what it asks for: see
        ``payment.transaction._paylink_kept_amount``.
        """
        self.ensure_one()
        link = self.sudo()
        received = link.transaction_ids._paylink_received()
        documents = link._of_kind("paid_documents") if received else None  # most pages need no query for it
        return link.currency_id.round(received._paylink_kept_amount(documents))

    def _paid_documents_general(self):
        return self.line_ids.move_id

    def _payable_amount(self):
        """What the customer may pay now: what is due, less what other payments of the same items may still bring.

        Call it with the rows locked (:meth:`_wait_and_hold`) when money depends on it.
        """
        self.ensure_one()
        link = self.sudo()
        return link._payable_of(link._due_amounts()[link.id], link._coming())

    def _payable_amounts(self):
        """The same of many links, by id: what is on its way is looked up once; most have nothing."""
        links = self.sudo()
        items = links.line_ids.move_line_id
        query = SQL(
            "SELECT DISTINCT item_id FROM (%s) coming",
            self.env["payment.transaction"]._paylink_coming_sql(items=items),
        )
        coming = {row[0] for row in self.env.execute_query(query)}
        due = links._due_amounts()
        return {
            link.id: link._payable_of(due[link.id], NOTHING)
            if (own := link.line_ids.move_line_id) and coming.isdisjoint(own.ids)
            else link._payable_amount()
            for link in links
        }

    def _payable_of(self, due, coming):
        """What of ``due`` may be paid now.

        :param coming: a :class:`Coming`
        """
        return self.currency_id.round(max(self._of_kind("payable", due, coming), 0.0))

    def _payable_general(self, due, coming):
        return due - coming.own - coming.others

    def _proposal(self, payable):
        """What of ``payable`` the customer is asked for first, and the lines that it is for."""
        self.ensure_one()
        if self.in_installments and payable > 0:
            return self.sudo()._of_kind("due_now", payable)
        return payable, self.sudo().line_ids

    def _due_now_general(self, payable):
        return payable, self.line_ids

    def _due_now_open_items(self, payable):
        """What is due now of invoices in installments; an amount that somebody has chosen is due as a whole."""
        items = self.line_ids.move_line_id
        if self.is_limited or len(items.move_id) == len(items):
            return payable, self.line_ids
        items = items._paylink_left()
        due = items._paylink_due(self._discount_day())
        items, amount = items._paylink_due_now(due, sum(due.values()) - payable, self.env.context.get("paylink_day"))
        ids = set(items.ids)
        return amount, self.line_ids.filtered(lambda line: line.move_line_id.id in ids)

    def _meant_items(self, items, amount, day):
        """Those of ``items`` that a payment of ``amount`` on ``day`` is for.

        Who pays just what is due now of invoices in installments means that, not a later one that is due before the
        rest of it.
        """
        if self.is_limited or len(items.move_id) == len(items):
            return items
        now, asked = items._paylink_due_now(items._paylink_due(day), day=day)
        return items if self.currency_id.compare_amounts(asked, amount) else now

    def _coming(self):
        """What is on its way for what this link asks for: a :class:`Coming`."""
        query = SQL(
            """
            SELECT COALESCE(sum(amount) FILTER (WHERE link_id = %(link)s), 0),
                   COALESCE(sum(amount) FILTER (WHERE link_id IS DISTINCT FROM %(link)s), 0)
              FROM (SELECT DISTINCT money_id, link_id, amount FROM (%(coming)s) coming) coming
            """,
            link=self.id,
            coming=self._of_kind("coming_rows_sql"),
        )
        return Coming(*self.env.execute_query(query)[0])

    def _may_come_sql_general(self):
        """An expression: whether anything may be on its way for what this link asks for. Most often there is nothing,
        and that is found out faster than what it is.
        """
        items = self.line_ids.move_line_id
        if not items or items._paylink_maybe_registered():
            return SQL("TRUE")
        return self.env["payment.transaction"]._paylink_any_moving_sql(items=items, may_ask=True)

    def _coming_rows_sql_general(self):
        """A query of ``(money_id, link_id, amount)``: what is on its way for the items of this link, or by it where it
        has none; not what it has received itself, which is not due anymore.
        """
        items = self.line_ids.move_line_id
        wanted = {"items": items._paylink_left() or items} if items else {"links": self}
        return SQL(
            """
            SELECT money_id, link_id, amount FROM (%s) coming
             WHERE NOT is_booked AND (NOT is_confirmed OR link_id IS DISTINCT FROM %s)
            """,
            self.env["payment.transaction"]._paylink_coming_sql(**wanted),
            self.id,
        )

    def _open_drafts(self):
        """The attempts to pay what these links ask for, by them and by others, that the customer has not finished."""
        return self.env["payment.transaction"].union(*self._by_kind("open_drafts"))

    def _open_drafts_general(self):
        """Those on the items of these links."""
        lines = self.env["paylink.link.line"].search([("move_line_id", "in", self.line_ids.move_line_id.ids)])
        return self._open_drafts_of(self | lines.link_id, self.line_ids.move_id)

    @api.model
    def _open_drafts_for(self, items):
        """The attempts on any of these items that the customer has not finished."""
        lines = self.env["paylink.link.line"].search([("move_line_id", "in", items.ids)])
        return self._open_drafts_of(lines.link_id, items.move_id)

    @api.model
    def _open_drafts_on(self, moves):
        """The attempts on any items of these documents that the customer has not finished."""
        lines = self.env["paylink.link.line"].search([("move_id", "in", moves.ids)])
        return self._open_drafts_of(lines.link_id, moves)

    @api.model
    def _open_drafts_of(self, links, moves):
        """The attempts by ``links``, and those in Odoo's portal on ``moves``, that the customer has not finished.

        Of the portal's only those that we can close at their providers. Two searches: each has its index.
        """
        Transaction = self.env["payment.transaction"]
        draft = [("state", "=", "draft")]
        portal = Transaction._paylink_portal_domain() & Domain("invoice_ids", "in", moves.ids) & Domain(draft)
        return (
            Transaction.search([("paylink_id", "in", links.ids), *draft])._paylink_closable()
            | Transaction.search(portal)._paylink_unfinished()
        )

    # === WHETHER IT STANDS === #

    def _documents_stand(self):
        """Whether what the link asks for can be settled: what is being changed or was deleted can't."""
        self.ensure_one()
        return self._of_kind("documents_stand")

    def _documents_stand_general(self):
        return True

    def _documents_stand_open_items(self):
        """Whether its items are posted; what was canceled is left out, as long as something else is asked for."""
        lines = self.sudo().line_ids._standing()
        return bool(lines) and all(line.move_line_id.parent_state == "posted" for line in lines)

    # === LINKS FROM OPEN ITEMS === #

    @api.model
    def _create_for_items(self, groups, **values):
        """Make one open-items link for each group of journal items, in one batch.

        :param list groups: ``(values, account.move.line)`` pairs: the items of one link and what is particular to it
        :param values: what is common to all links
        """
        items = self.env["account.move.line"].sudo().union(*(group for _values, group in groups))
        due = items._paylink_due()
        line_values = {vals["move_line_id"]: vals for vals in items._paylink_line_values(due)}
        debtors = {item.id: item._paylink_debtor() for item in items}
        siblings = items.move_id._paylink_items_by_debtor()
        # Nobody may link to journal items directly: only from here, where callers have checked what may be asked for.
        links = self._create_for_user(
            [
                {
                    "kind": "open_items",
                    "amount": sum(due[item.id] for item in group),
                    "currency_id": group.currency_id.id,
                    "company_id": group.company_id.id,
                    **values,
                    **particular,
                }
                for particular, group in groups
            ]
        )
        links._create_lines(
            [
                line_values[item.id]
                | {
                    "link_id": link.id,
                    "is_whole": siblings[debtors[item.id]] <= set(group.ids),
                    "move_id": item.move_id.id,
                    "company_id": item.company_id.id,
                    "currency_id": item.currency_id.id,
                }
                for link, (_particular, group) in zip(links, groups, strict=True)
                for item in group
            ]
        )
        return links

    def _create_lines(self, vals_list):
        """Give links that have none the lines with these values, in one go."""
        lines, ids = insert_rows(self.env["paylink.link.line"].sudo(), vals_list), {}
        for line, vals in zip(lines, vals_list, strict=True):
            ids.setdefault(vals["link_id"], []).append(line.id)
        for link in self:
            self._fields["line_ids"]._update_cache(link, tuple(ids.get(link.id, ())))
        lines.modified(lines._fields, create=True)
        self._check_lines()

    @api.model
    def _live_links_by_items(self, items):
        """The live links that ask for any of ``items``, newest first, as ``{link: set of item ids}``."""
        lines = (
            self.env["paylink.link.line"]
            .sudo()
            .search(
                [
                    ("move_line_id", "in", items.ids),
                    ("link_id.state", "in", ("open", "pending", "failed")),
                ]
            )
        )
        links = lines.link_id.filtered(
            lambda link: not link.expires_at or link.expires_at > fields.Datetime.now()
        ).sorted("id", reverse=True)
        # Of an invoice in installments those that are paid are not asked for anymore.
        return {link: set(link.line_ids.move_line_id._paylink_unsettled().ids) for link in links}

    # === WHAT THE CUSTOMER READS === #

    def _fill_displays(self):
        due = self._due_amounts()
        told, languages = self.env.context.get("paylink_told_ids", ()), self._languages()
        for link, link_sudo in zip(self, self.sudo(), strict=True):
            language = languages[link.lang]
            asked, lines = link_sudo._proposal(due[link.id])
            lines = link_sudo.line_ids if told else lines  # what was paid is not what is asked for next
            due_on = link_sudo._due_on(lines)
            transactions = link_sudo.transaction_ids.sorted(lambda tx: (tx.id in told, tx.id))
            received, refund = transactions._paylink_received()[-1:], transactions._paylink_refunds()[-1:]
            link.amount_display = link._amount_text(asked or link.amount, language)
            link.documents_display = link._documents_text(language, lines)
            link.due_date_display = format_date(language, due_on) if due_on else False
            link.expires_display = link_sudo._expiry_text(language)
            link.last_payment_display = received and link._amount_text(received.amount, language)
            link.last_refund_display = refund and link._amount_text(-refund.amount, language)

    def _fill_sms_displays(self):
        languages = self._languages()
        for link in self:
            link.company_display = (link.sudo().company_id.name or "")[: link._sms_room()].strip()
            link.purpose_display = link._short_purpose(languages[link.lang])

    def _languages(self):
        """An environment in the language of each of the customers, by its code; or in that of who reads it instead."""
        reader = self.env.context.get("paylink_reader_lang")
        return {lang: self.with_context(lang=reader or lang).env for lang in set(self.mapped("lang"))}

    def _read_in(self, lang):
        """These as they are told to somebody in ``lang``, in whatever language their customers are written to."""
        return self.with_context(lang=lang, paylink_reader_lang=lang)

    def _told_url(self, path=""):
        """The address of a page for a message: it opens in the language of that, also where it is not the link's."""
        reader = self.env.context.get("paylink_reader_lang") or self.lang
        return f"{self.url}{path}" if reader == self.lang else f"{self.url}{path}?lang={reader}"

    def _due_on(self, lines):
        """Hook: the day on which what is asked for of these lines was due at first, or ``False``."""
        return min(filter(None, lines._standing().mapped("date_due")), default=False)

    def _amount_text(self, amount, language=None):
        """``amount`` as the customer reads it, in the language of the environment ``language``, by default our own."""
        link = self.sudo()
        return link.currency_id._paylink_text(language or self.env, amount, link.company_id, link.partner_id)

    def _short_purpose(self, language):
        """What an SMS says of what is paid: all of it, or what there is room for if that is enough to be recognized; of
        what has no documents, rather the whole reference than words that are cut off before it.
        """
        told = f"{self.company_display or ''}{self.amount_display or ''}{self.url or ''}"
        if self.sudo().line_ids:
            return self._sms_purpose(self.documents_display, told, PURPOSE_WORDS)
        text = self._purpose_text(language)
        purpose = self._sms_purpose(text, told, PURPOSE_WORDS)
        cut = text and self.reference and text not in purpose
        return self._sms_purpose(self.reference, told, PURPOSE_WORDS) if cut else purpose

    def _purpose_text(self, language=None):
        """What is paid, as a line of its own, in the language of the environment ``language``, by default our own:
        documents, else the subject; ``False`` where there is nothing more to say than that it is due.
        """
        link = self.sudo().with_env((language or self.env)(su=True))
        return link._documents_text(link.env, link.line_ids) if link.line_ids else link._of_kind("page_subject")

    def _sms_room(self):
        """How long the company's name may be for our own text to be one SMS, with this URL and amount.

        A name in letters that GSM lacks makes more of it anyway.
        """
        if not is_gsm(sms_text(self.sudo().company_id.name or "")):
            return COMPANY_LENGTH
        taken = sms_size(self._sms_text(f"{self.url or ''}{self.amount_display or ''}")).length + SMS_WORDS
        return min(COMPANY_LENGTH, max(GSM_LIMITS[0] - taken, 0))

    def _sms_currencies(self):
        return self.currency_id

    def _documents_text(self, language, lines):
        """What is paid, as part of a sentence in the language of the environment ``language``."""
        return self._of_kind("documents_text", language, lines)

    def _documents_text_general(self, language, lines):
        """Names of up to three documents, then how many more there are; credits go without saying."""
        lines = lines._standing()
        debts = [line for line in lines if line.amount > 0] or lines  # read with those of other links
        names = [name for name in dict.fromkeys(line._customer_name(language) for line in debts) if name]
        if not names:
            return self.with_env(language)._of_kind("page_subject") or language._("the amount due")
        if len(names) <= 3:
            return ", ".join(names)
        return language._("%(names)s and %(count)s more", names=", ".join(names[:2]), count=len(names) - 2)

    @api.model
    def mail_allowed_qweb_expressions(self):
        """What anyone may write in a template of this model; it is rendered without running code."""
        return (
            *super().mail_allowed_qweb_expressions(),
            "object.url",
            "object.reference",
            "object.amount_display",
            "object.documents_display",
            "object.last_payment_display",
            "object.last_refund_display",
            "object.due_date_display",
            "object.expires_display",
            "object.company_display",
            "object.purpose_display",
            "object.company_id.name",
            "object.company_id.phone",
            "object.company_id.email",
            "object.user_id.phone",
            "object.partner_id.display_name",
        )
