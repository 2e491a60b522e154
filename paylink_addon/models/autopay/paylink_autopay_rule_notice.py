"""Stage of ``paylink.autopay.rule``: customers are told before they are charged."""

from datetime import timedelta

from odoo import models
from odoo.tools import format_date, groupby

from ...const import Task

# How many documents a notice names.
MAX_NAMED = 10


class PaylinkAutopayRuleNotice(models.Model):
    """Notices: what will be charged, when, to what, with an address to object. What was not announced is not charged,
    where the rule wants notices.
    """

    _inherit = "paylink.autopay.rule"

    def _note_left(self, date, customers):
        """Note which notices to these customers, whose rows are held, have left by now."""
        rows = self.env["paylink.autopay.item"]._newly_left(self.company_id)
        rows.filtered(lambda row: row.partner_id in customers)._note_left(date)

    def _announce_to(self, date, customers):
        """Queue the notices for these customers, whose rows are held, and note that they were told.

        A customer gets one for each day of charges; its e-mail and what is noted are stored together, or neither is.
        """
        rules = self._still_on()
        dues = rules._pick_notices(date, customers.ids) if rules else []
        if not dues:
            return
        template = self.env.ref("paylink_addon.mail_template_autopay", raise_if_not_found=False)
        if template:
            reasons = rules._announce_dues(date, dues, template)
        else:
            reasons = dict.fromkeys((due.item_id for due in dues), "template")
        self.env["paylink.autopay.item"]._note_left_out(dues, reasons)

    def _announce_dues(self, date, dues, template):
        """Announce these, together with what is charged on the same days.

        :return: why others are left out: a name of a reason by id of item
        """
        wanted, customers = {due.item_id for due in dues}, {due.customer_id for due in dues}
        useless = self.env["paylink.autopay.item"]._addresses_in_vain(wanted)
        wanted -= self.env["paylink.autopay.item"]._take_back_unsent(wanted, date)
        last = date + timedelta(days=max(self.mapped("notice_days")))
        charged, left = self._foresee(date, last, customers, announcing=True)
        reasons = {plan.due.item_id: reason for plan, reason in left}
        told = groupby(
            ((day, charge) for day, charge in charged if any(due.item_id in wanted for due in charge.dues)),
            lambda row: (row[1].dues[0].customer_id, row[0]),
        )
        partners = self.env["res.partner"].sudo().browse(dict.fromkeys(customer_id for (customer_id, _day), _ in told))
        owner = self._responsible()[:1]
        pages = self.env["paylink.autopay.page"]._for_customers(partners, self.env.company, owner)
        pages = pages.grouped("partner_id")
        for (customer_id, day), rows in told:
            page, charges = pages[partners.browse(customer_id)], [charge for _day, charge in rows]
            mine = [due for charge in charges for due in charge.dues if due.item_id in wanted]
            if reason := self._announce_one(page, template, day, date, charges, mine, useless):
                reasons |= dict.fromkeys((due.item_id for due in mine), reason)
        return reasons

    def _announce_one(self, page, template, day, date, charges, dues, useless):
        """Tell a customer of what is charged on ``day``.

        :param list dues: what of it the customer was not told of yet
        :param set useless: where notices to these customers were not delivered, as ``(customer id, addresses)``
        :return: the name of the reason why that is not possible, or ``None``
        """
        emails = self._notice_emails(page, dues)
        if not emails:
            users = self.browse(dues[0].rule_id)._responsible()
            self.env["paylink.task.mixin"]._give(page.partner_id, Task.AUTOPAY_ADDRESS, page._no_address_texts, users)
            return "address"
        if (page.partner_id.id, emails) in useless:
            return "undelivered"
        items = self.env["account.move.line"].sudo().browse([due.item_id for due in dues])
        page.lang = page.partner_id._paylink_lang(page.lang)
        env = page.with_context(lang=page.lang).env
        mail = page._announce(self._notice_facts(env, page, day, charges, items), emails, template)
        rows = self.env["paylink.autopay.item"]._of_items(items)
        is_tried_again = emails in rows.filtered(lambda row: row.left_out == "undelivered").mapped("notice_email")
        is_stuck = any(row.withdrawals > 1 for row in rows)
        rows.filtered("noticed_on")._forget_notice()
        rows.write({"notice_message_id": mail.mail_message_id.id, "notice_email": emails})
        rows = rows.grouped(lambda row: row.move_line_id.id)
        for charge in charges:
            told = [rows[due.item_id].id for due in charge.dues if due.item_id in rows]
            self.env["paylink.autopay.item"].sudo().browse(told)._note_announced(charge, date, day, emails)
        return "undelivered" if is_tried_again or is_stuck else None  # until it is delivered

    def _notice_emails(self, page, dues):
        """Where a notice goes: to the customer, else to the contacts that were invoiced; as text."""
        contacts = self.env["res.partner"].sudo().browse(dict.fromkeys(due.contact_id for due in dues))
        own = page._emails_of(page.partner_id)
        return own or ", ".join(dict.fromkeys(filter(None, map(page._emails_of, contacts))))

    def _as_announced(self, charges):
        """Those that take no more than the customers were told; what is more is announced anew.

        Another method than the announced one is no matter here: see ``noticed_on`` of :meth:`_chargeable_sql`.
        """
        announcing = set(self.filtered("notice_days").ids)
        ids = [due.item_id for charge in charges for due in charge.dues if due.rule_id in announcing]
        rows = self.env["paylink.autopay.item"].sudo().search([("move_line_id", "in", ids)])
        announced = {row.move_line_id.id: row.announced_amount for row in rows}
        kept, more = [], set()
        for charge in charges:
            currency = self.env["res.currency"].browse(charge.dues[0].currency_id)
            told = sum(announced.get(due.item_id, due.residual) for due in charge.dues)
            if currency.compare_amounts(charge.total(), told) > 0:
                more |= charge.item_ids()
            else:
                kept.append(charge)
        rows.filtered(lambda row: row.move_line_id.id in more)._forget_notice()
        return kept

    def _notice_facts(self, env, page, day, charges, items):
        """What a notice says of these items, in the language of ``env``: one amount for each charge."""
        ids, labels = set(items.ids), items._paylink_labels()
        amounts = [sum(part for item_id, part in charge.shares().items() if item_id in ids) for charge in charges]
        names = list(dict.fromkeys(labels.values()))
        rest = len(names) - MAX_NAMED
        named = ", ".join(names[:MAX_NAMED])
        Currency, tokens = env["res.currency"], env["payment.token"].sudo().browse({c.token_id for c in charges})
        return {
            "amount": " + ".join(
                Currency.browse(charge.dues[0].currency_id)._paylink_text(env, amount, page.company_id, page.partner_id)
                for charge, amount in zip(charges, amounts, strict=True)
            ),
            "day": format_date(env, day),
            "documents": env._("%(names)s and %(count)s more", names=named, count=rest) if rest > 0 else named,
            "method": ", ".join(tokens.mapped("display_name")),
        }
