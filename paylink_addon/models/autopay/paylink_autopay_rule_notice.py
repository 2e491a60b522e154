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

    def _announce_to(self, date, customers):
        """Queue the notices for these customers, whose rows are held, and note that they were told.

        A customer gets one for each day of charges; its e-mail and what is noted are stored together, or neither is.
        """
        rules = self._still_on()
        dues = rules._pick_notices(date, customers.ids) if rules else []
        template = self.env.ref("paylink_addon.mail_template_autopay", raise_if_not_found=False)
        if not dues or not template:
            return
        Page, by_rule = self.env["paylink.autopay.page"], {rule.id: rule for rule in rules}
        owner = rules.user_id.filtered("active")[:1] or self.env.company._paylink_administrator()
        partners = self.env["res.partner"].sudo().browse(dict.fromkeys(due.customer_id for due in dues))
        pages = Page._for_customers(partners, self.env.company, owner).grouped("partner_id")
        told = groupby(dues, lambda due: (due.customer_id, by_rule[due.rule_id]._told_day(due, date)))
        for (customer_id, day), own in told:
            self._announce_one(pages[partners.browse(customer_id)], template, day, date, own)

    def _told_day(self, due, date):
        """The day of the charge that the customer is told: that of the rule, and not before the notice is over."""
        return max(due.day, date + timedelta(days=self.notice_days))

    def _announce_one(self, page, template, day, date, dues):
        rule = self.browse(dues[0].rule_id)
        emails = page._emails_of(page.partner_id)
        if not emails:
            users = rule.user_id.filtered("active") or self.env.company._paylink_administrator()
            self.env["paylink.task.mixin"]._give(page.partner_id, Task.AUTOPAY_ADDRESS, page._no_address_texts, users)
            return
        charges, _others = self._charges(dues, day)
        if not charges:
            return  # covered by credits, or over a limit
        dues = [due for charge in charges for due in charge.dues]
        items = self.env["account.move.line"].sudo().browse([due.item_id for due in dues])
        page.lang = page.partner_id._paylink_lang(page.lang)
        env = page.with_context(lang=page.lang).env
        page._announce(self._notice_facts(env, page, day, charges, items), emails, template)
        self.env["paylink.autopay.item"]._of_items(items)._note_announced(rule, date, day, emails)

    def _notice_facts(self, env, page, day, charges, items):
        """What a notice says, in the language of ``env``: one amount for each charge."""
        labels = items._paylink_labels()
        names = list(dict.fromkeys(labels.values()))
        rest = len(names) - MAX_NAMED
        named = ", ".join(names[:MAX_NAMED])
        Currency, tokens = env["res.currency"], env["payment.token"].sudo().browse({c.token_id for c in charges})
        return {
            "amount": " + ".join(
                Currency.browse(charge.dues[0].currency_id)._paylink_text(
                    env, charge.total(), page.company_id, page.partner_id
                )
                for charge in charges
            ),
            "day": format_date(env, day),
            "documents": env._("%(names)s and %(count)s more", names=named, count=rest) if rest > 0 else named,
            "method": ", ".join(tokens.mapped("display_name")),
        }
