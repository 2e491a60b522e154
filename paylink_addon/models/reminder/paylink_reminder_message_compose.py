"""Stage of ``paylink.reminder.message``: what the messages are about, and to whom they go."""

from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import and_

from odoo import api, models
from odoo.tools import SQL

from ...tools.addresses import BadAddress, mobile_e164, usable_emails

# Mail clients cut off what is longer than some hundred lines.
MOST_LINES = 100


@dataclass
class Part:
    """What a message asks for in one currency, or by one collection link: ``lines`` as the customer reads them."""

    currency: object
    items: object = None  # account.move.line
    link: object = None
    lines: list = field(default_factory=list)
    total: float = 0.0
    url: str = ""
    total_display: str = ""

    @property
    def shown(self):
        """Those of its lines that an e-mail tells; of more it tells how many there are."""
        return self.lines[:MOST_LINES]

    @property
    def late(self):
        """What of it is overdue; credits are deducted from that first, as far as their money was not given back."""
        credit = sum(line["amount"] for line in self.lines if line["amount"] < 0 or not line["date_due"])
        return max(sum(line["late"] for line in self.lines) + min(credit, 0.0), 0.0)


@dataclass
class Draft:
    """All that is known of the messages (one for each channel) about ``picks`` before they are made."""

    picks: list
    customer: object
    rule: object
    step: object
    parts: list
    contact: object = None
    lang: str = ""
    channels: dict = field(default_factory=dict)  # templates by channel
    emails: str = ""
    phone: str = ""
    also: list = field(default_factory=list)  # links for what the parts ask for: on record, not said
    reason: str = ""  # why nothing can be sent
    name: str = ""  # of all that it asks for
    moment: str = ""  # what it tells of: see paylink.reminder.message._moment
    told: dict = field(default_factory=dict)  # on which days the customer was reminded of it before, by key of a line
    texts: dict = field(default_factory=dict)

    @property
    def told_count(self):
        """How many reminders of it the customer has got, by whatever rule, or by hand."""
        return max(map(len, self.told.values()), default=0)

    @cached_property
    def items(self):
        """The journal items it is about, credits included."""
        return self.rule.env["account.move.line"].sudo().union(*(part.items for part in self.parts if part.items))

    @cached_property
    def moves(self):
        """The invoices and other entries it is about."""
        return self.items.move_id

    @cached_property
    def links(self):
        """The links it is about; not those that are made for it."""
        links = (part.link for part in self.parts if part.items is None)
        return self.rule.env["paylink.link"].sudo().union(*links)

    @property
    def records(self):
        """The journal items and links that it is about, and those links of which it tells nothing of their own."""
        return [record for part in (*self.parts, *self.also) for record in (part.items or part.link)]

    @cached_property
    def concerned(self):
        """Who has to do with it, the customer or not."""
        return self.links.partner_id | self.moves.partner_id | self.items.partner_id

    @property
    def people(self):
        """Whose name and addresses it tells."""
        return self.customer | self.contact

    @cached_property
    def contacts(self):
        """Who was invoiced, or had the links. The partner of an entry may be somebody else than who owes the item."""
        mine = self.concerned.filtered(lambda partner: partner.commercial_partner_id == self.customer)
        invoiced = self.moves.filtered(lambda move: move.partner_id in mine)
        others = self.items.filtered(lambda item: item.move_id not in invoiced)
        return self.links.partner_id | invoiced.partner_id | others.partner_id


# What is read of customers and contacts: all that is needed, and no more.
PARTNER_FIELDS = (
    *("name", "email", "email_normalized", "message_bounce", "phone", "lang", "country_id", "type"),
    *("commercial_partner_id", "parent_id", "is_company", "active"),
)


class PaylinkReminderMessageCompose(models.Model):
    """What the messages are about, and whom they go to: for a whole batch of picks at once, nothing is written."""

    _inherit = "paylink.reminder.message"

    @api.model
    def _compose(self, picks, date, rules=None, steps=None):
        """Drafts for ``picks`` of one company, which come customer by customer, the firmest first.

        Amounts are those of this moment: what has been paid since it was picked is left out, and a draft without parts
        is left out altogether.

        :param list picks: see :meth:`paylink.reminder.rule._pick`
        :param date: the day of the messages
        :param dict rules: by id, where they are not stored
        :param dict steps: likewise
        """
        rules = rules or self._by_id("paylink.reminder.rule", {pick.rule_id for pick in picks})
        steps = steps or self._by_id("paylink.reminder.step", {pick.step_id for pick in picks})
        groups = self._group_by_message(picks, rules)
        items = self._items_of(picks)
        credit_items = self._credits_of(picks, rules, date)
        facts = self._read_facts(items | items.union(*credit_items.values()), picks, date)
        drafts = [
            Draft(
                picks=group,
                customer=self.env["res.partner"].sudo().browse(group[0].customer_id),
                rule=rules[group[0].rule_id],
                step=steps[group[0].step_id],
                parts=self._open_parts(group, credit_items if whole else {}, facts),
            )
            for group, whole in groups
        ]
        drafts = [draft for draft in drafts if draft.parts]
        for draft in drafts:
            draft.parts, draft.also = self._without_repeats(draft.parts)
        self._look_back(drafts, date)
        self._choose_recipients(drafts)
        known = {}  # the same days and amounts come again and again
        for draft in drafts:
            self._fill_texts(draft, date, known)
        return drafts

    def _by_id(self, model, ids):
        return {record.id: record for record in self.env[model].sudo().browse(ids)}

    def _group_by_message(self, picks, rules):
        """The picks of each message, and whether it is about all of a customer."""

        def key(pick):
            if rules[pick.rule_id].grouping == "customer":
                return (pick.customer_id, 0, 0)
            return (pick.customer_id, pick.move_id or 0, pick.link_id or 0)

        found = {}
        for pick in picks:
            found.setdefault(key(pick), []).append(pick)
        return [(group, not move and not link) for (_customer, move, link), group in found.items()]

    def _items_of(self, picks):
        items = self.env["account.move.line"].sudo().browse({pick.item_id for pick in picks if pick.item_id})
        self._fetch(items)
        return items

    def _fetch(self, items):
        """Read what is needed of the items, and no more: they have many columns."""
        items.fetch(
            [
                *("move_id", "date", "date_maturity", "parent_state", "reconciled", "display_type", "discount_date"),
                *("amount_residual_currency", "currency_id", "company_id", "partner_id", "payment_id", "ref", "name"),
                "statement_line_id",
            ]
        )
        items.payment_id.fetch(["payment_type"])
        items.move_id.fetch(["name", "move_type", "partner_id", "invoice_user_id", "commercial_partner_id"])

    def _credits_of(self, picks, rules, date):
        """The open credits of customers who get one message for everything, by customer and currency.

        Not those that other things take which are due and not in the message: see
        ``paylink.reminder.rule._needed_elsewhere``.
        """
        customers = {pick.customer_id for pick in picks if rules[pick.rule_id].grouping == "customer" and pick.item_id}
        if not customers:
            return {}
        rule = rules[picks[0].rule_id]
        Item = self.env["account.move.line"].sudo()
        query = SQL(
            """SELECT customer_id, currency_id, array_agg(item_id ORDER BY item_id) FROM (%s) c
                GROUP BY customer_id, currency_id HAVING sum(residual) < 0""",
            rule._credits_sql(customers),
        )
        found = {(row[0], row[1]): Item.browse(row[2]) for row in self.env.execute_query(query)}
        self._fetch(Item.union(*found.values()))
        owed = {}
        for pick in picks:
            if pick.item_id and (key := (pick.customer_id, pick.currency_id)) in found:
                owed.setdefault(key, {})[pick.item_id] = pick.residual
        credited = {key: sum(items.mapped("amount_residual_currency")) for key, items in found.items()}
        taken = rule._needed_elsewhere(rule._covered(owed, credited), owed, credited, date)
        return {key: items for key, items in found.items() if key not in taken}

    def _read_facts(self, items, picks, date):
        """What is open of items and links on ``date``, and what the customer knows them by."""
        links = self.env["paylink.link"].sudo().browse({pick.link_id for pick in picks if pick.link_id})
        return {
            "date": date,
            "due": (items | links.line_ids.move_line_id)._paylink_due(),
            "prefetch": items._prefetch_ids,
            "labels": items._paylink_labels(),
            "links": links._due_amounts() if links else {},
        }

    def _open_parts(self, picks, credit_items, facts):
        """What is open, by currency; a collection link is a part of its own."""
        due, Item = facts["due"], self.env["account.move.line"].sudo()
        parts = []
        ids = dict.fromkeys(pick.item_id for pick in picks if pick.item_id and due[pick.item_id] > 0)
        items = Item.browse(ids).with_prefetch(facts["prefetch"])
        for currency, group in items.grouped("currency_id").items():
            owed = group.sorted(lambda item: (item.date_maturity or item.date, item.id))
            owed |= credit_items.get((picks[0].customer_id, currency.id), Item)
            lines = [self._item_line(item, facts) for item in owed]
            parts.append(Part(currency, owed, lines=lines, total=currency.round(sum(line["amount"] for line in lines))))
        parts += [
            self._open_link_part(link_id, facts) for link_id in dict.fromkeys(p.link_id for p in picks) if link_id
        ]
        return [part for part in parts if part.currency.compare_amounts(part.total, 0) > 0]

    def _item_line(self, item, facts):
        """What the customer reads of an item; ``late`` is what of it is overdue."""
        amount = facts["due"][item.id]
        day = None if item._paylink_is_returned() else item.date_maturity or item.date
        is_late = amount > 0 and day and day < facts["date"]
        return {
            "known_as": facts["labels"][item.id],  # by colleagues; the customer's name comes with the language
            "date_due": day,
            "amount": amount,
            "late": amount if is_late else 0.0,
            "item": item,
            "key": (item.id, None),
        }

    def _without_repeats(self, parts):
        """Ask for nothing twice: the parts to say, and those that ask only for what others ask for already.

        A link that asks for more besides has its turn another day.
        """
        said, also, asked = [], [], set()
        for part in parts:
            items = set((part.link.line_ids.move_line_id if part.link else part.items).ids)
            if not items & asked:
                said.append(part)
                asked |= items
            elif items <= asked:
                also.append(part)
        return said, also

    def _open_link_part(self, link_id, facts):
        link = self.env["paylink.link"].sudo().browse(link_id)
        total = facts["links"][link_id]
        # By day, what is still open of what it asks for.
        owed = [(line.date_due, facts["due"][line.move_line_id.id]) for line in link.line_ids]
        owed = sorted((day, amount) for day, amount in owed if day and amount > 0)
        line = {
            "name": link.with_context(lang=link.lang).documents_display,
            "known_as": link._documents_text(link.company_id._paylink_env(), link.line_ids),
            "date_due": owed[0][0] if owed else False,
            "amount": total,
            "late": min(sum(amount for day, amount in owed if day < facts["date"]), total),
            "item": None,
            "key": (None, link_id),
        }
        return Part(link.currency_id, link=link, lines=[line], total=total)

    # === ADDRESSES === #
    # To whom the messages go, where, in which language and by which channels: for a whole batch at once.

    def _choose_recipients(self, drafts):
        """Say who gets each message, where, and by which channels; or why nobody does."""
        people = self.env["res.partner"].sudo().union(*(draft.customer | draft.concerned for draft in drafts))
        people.fetch(PARTNER_FIELDS)
        followers = self._invoice_followers([draft for draft in drafts if draft.rule.recipient == "followers"])
        marked = self._reminder_contacts([draft for draft in drafts if draft.rule.recipient == "reminder"])
        links = self.env["paylink.link"].sudo().union(*(draft.links for draft in drafts))
        lost = links.filtered(lambda link: link.delivery_state == "failed")
        supplied = self._supplied_texts()
        for draft in drafts:
            people = self._recipients(draft, followers, marked)
            draft.contact = people[:1]
            draft.lang = self._language(draft)
            again = self._sent_before(draft) - lost
            emails = map(self._working_emails, (again, people, draft.customer))
            draft.emails = next(filter(None, emails), "")
            # An SMS goes to one: not to whoever follows an invoice.
            called = draft.contact if draft.rule.recipient == "followers" else people
            draft.phone = self._working_phone([*again, *(called | draft.customer)])
            self._choose_channels(draft, supplied)

    def _sent_before(self, draft):
        """The links of a message about nothing else: they go where they were sent, which may be typed in by hand."""
        alone = not draft.items and draft.rule.recipient == "invoice" and draft.links.partner_id == draft.contact
        return draft.links if alone else draft.links.browse()

    def _language(self, draft):
        """The language of the message: of the links, else of who reads it."""
        company = draft.rule.company_id
        wanted = (self._sent_before(draft)[:1], draft.contact, draft.customer, company.partner_id)
        nearest = self.env["res.lang"]._paylink_nearest  # who is archived may have one that is not installed anymore
        return nearest(*(record.lang for record in wanted)) or self.env.lang or "en_US"

    def _main_contact(self, draft):
        """Who is invoiced, or the customer's invoice address where several are, or who was has left."""
        if len(draft.contacts) == 1 and draft.contacts.active:
            return draft.contacts
        return draft.contacts.browse(draft.customer.address_get(["invoice"])["invoice"]) or draft.customer

    def _recipients(self, draft, followers, marked):
        """The contacts who get it by e-mail; the first one is addressed."""
        contact = self._main_contact(draft)
        if draft.rule.recipient == "followers":
            # Nobody reads of an invoice without following it.
            shared = [followers.get(move.id, contact.browse()) for move in draft.moves]
            return contact | reduce(and_, shared) if shared else contact
        if draft.rule.recipient == "reminder":
            return marked.get(draft.customer) or contact
        return contact

    def _reminder_contacts(self, drafts):
        """The contacts who are marked to get the reminders, by customer; not those of its subsidiaries."""
        customers = self.env["res.partner"].sudo().union(*(draft.customer for draft in drafts))
        domain = [("commercial_partner_id", "in", customers.ids), ("paylink_gets_reminders", "=", True)]
        return customers.search(domain, order="id").grouped("commercial_partner_id")

    def _invoice_followers(self, drafts):
        """The followers of the invoices, by id of invoice."""
        moves = self.env["account.move"].sudo().union(*(draft.moves for draft in drafts))
        found = {}
        for follower in (
            self.env["mail.followers"].sudo().search([("res_model", "=", moves._name), ("res_id", "in", moves.ids)])
        ):
            found.setdefault(follower.res_id, self.env["res.partner"].sudo())
            found[follower.res_id] |= follower.partner_id.filtered("active")
        return found

    def _working_emails(self, records):
        """The addresses of contacts or links that can be used and have not bounced."""
        found = []
        for record in records:
            partner = self._partner_of(record)
            bounced = partner.message_bounce and partner.email_normalized
            addresses = usable_emails(record.email)
            found += [address for address in addresses if address not in found and address != bounced]
        return ", ".join(found)

    def _working_phone(self, records):
        """The first mobile number of contacts or links."""
        for record in records:
            try:
                return mobile_e164(record.phone, self._phone_country(self._partner_of(record)).code)
            except BadAddress:
                continue
        return ""

    def _partner_of(self, record):
        return record.partner_id if record._name == "paylink.link" else record
