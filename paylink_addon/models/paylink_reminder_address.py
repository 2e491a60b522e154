from functools import reduce
from operator import and_

from odoo import models

from ..tools.addresses import BadAddress, mobile_e164, usable_emails

# What is read of customers and contacts: all that is needed, and no more.
PARTNER_FIELDS = (
    *("name", "email", "email_normalized", "message_bounce", "phone", "lang", "country_id", "type"),
    *("commercial_partner_id", "parent_id", "is_company", "active"),
)


class PaylinkReminderAddress(models.Model):
    """To whom the messages go, where, in which language and by which channels: for a whole batch at once."""

    _inherit = "paylink.reminder.message"

    def _address(self, drafts):
        """Say who gets each message, where, and by which channels; or why nobody does."""
        people = self.env["res.partner"].sudo().union(*(draft.customer | draft.concerned for draft in drafts))
        people.fetch(PARTNER_FIELDS)
        followers = self._followers([draft for draft in drafts if draft.rule.recipient == "followers"])
        marked = self._marked([draft for draft in drafts if draft.rule.recipient == "reminder"])
        links = self.env["paylink.link"].sudo().union(*(draft.links for draft in drafts))
        lost = links.filtered(lambda link: link.delivery_state == "failed")
        for draft in drafts:
            people = self._people(draft, followers, marked)
            draft.contact = people[:1]
            draft.lang = self._lang(draft)
            again = self._sent_before(draft) - lost
            emails = map(self._working_emails, (again, people, draft.customer))
            draft.emails = next(filter(None, emails), "")
            # An SMS goes to one: not to whoever follows an invoice.
            called = draft.contact if draft.rule.recipient == "followers" else people
            draft.phone = self._working_phone([*again, *(called | draft.customer)])
            self._choose_channels(draft)

    def _sent_before(self, draft):
        """The links of a message about nothing else: they go where they were sent, which may be typed in by hand."""
        alone = not draft.items and draft.rule.recipient == "invoice" and draft.links.partner_id == draft.contact
        return draft.links if alone else draft.links.browse()

    def _lang(self, draft):
        """The language of the message: of the links, else of who reads it."""
        company = draft.rule.company_id
        wanted = (self._sent_before(draft)[:1], draft.contact, draft.customer, company.partner_id)
        return next(filter(None, (record.lang for record in wanted)), self.env.lang or "en_US")

    def _contact(self, draft):
        """Who is invoiced, or the customer's invoice address where several are, or who was has left."""
        if len(draft.contacts) == 1 and draft.contacts.active:
            return draft.contacts
        return draft.contacts.browse(draft.customer.address_get(["invoice"])["invoice"]) or draft.customer

    def _people(self, draft, followers, marked):
        """The contacts who get it by e-mail; the first one is addressed."""
        contact = self._contact(draft)
        if draft.rule.recipient == "followers":
            # Nobody reads of an invoice without following it.
            shared = [followers.get(move.id, contact.browse()) for move in draft.moves]
            return contact | reduce(and_, shared) if shared else contact
        if draft.rule.recipient == "reminder":
            return marked.get(draft.customer) or contact
        return contact

    def _marked(self, drafts):
        """The contacts who are marked to get the reminders, by customer; not those of its subsidiaries."""
        customers = self.env["res.partner"].sudo().union(*(draft.customer for draft in drafts))
        domain = [("commercial_partner_id", "in", customers.ids), ("paylink_gets_reminders", "=", True)]
        return customers.search(domain, order="id").grouped("commercial_partner_id")

    def _followers(self, drafts):
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

    def _choose_channels(self, draft):
        """The channels of the step that work; where none does, the other one, with the text supplied for it."""
        step = draft.step
        addresses = {"email": draft.emails, "sms": draft.phone}
        wanted = {"email": step.mail_template_id, "sms": step.sms_template_id}
        draft.channels = {name: template for name, template in wanted.items() if template and addresses[name]}
        if not draft.channels and draft.rule.use_other_channel:
            key = (draft.rule.moment, step.tone)
            others = {name: step._supplied_templates({"email": "mail", "sms": "sms"}[name]).get(key) for name in wanted}
            draft.channels = {name: other for name, other in others.items() if other and addresses[name]}
        if not draft.channels:
            draft.reason = "address"
