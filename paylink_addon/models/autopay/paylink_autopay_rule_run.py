"""Stage of ``paylink.autopay.rule``: the job that charges."""

from functools import partial

from odoo import api, models
from odoo.tools import SQL

from .paylink_autopay_rule_pick import Wanted

# How many customers are done in one transaction.
CHUNK = 50
# What a stored charge does not meet because it is stored.
STORED = {"no_payment", "plan"}


class PaylinkAutopayRuleRun(models.Model):
    """The run: what is due is picked, and the wish to charge it is stored with its collection link, some customers at a
    time; the job that sends wishes to providers does the rest (``payment.transaction._cron_paylink_send``).

    Whatever crashes undoes one transaction, before anything was sent; the next run picks what it had not done.
    """

    _inherit = "paylink.autopay.rule"

    # === CRON === #

    @api.model
    def _cron_charge(self):
        """Charge for every company that wants it; of those that did, nothing is left marked."""
        marked = self.env["paylink.autopay.item"].sudo()._read_group([("left_out", "!=", False)], ["company_id"])
        companies = self.env["res.company"].search([("paylink_autopay", "=", True)])
        companies = companies.union(*(company.sudo(False) for (company,) in marked))
        self.env["paylink.job.mixin"]._in_turn(*(partial(self._run, company) for company in companies))

    @api.model
    def _run(self, company, date=None):
        """Have all that is due for ``company`` charged.

        :param date: another day than today
        :return: whether all is done; else the time was up, and the job is called again soon
        """
        rules = self._of_company(company)
        if not company.paylink_autopay or not rules:
            self.env["paylink.autopay.item"]._of_company_left_out(company, ())._keep_no_mark()
            return True
        date = date or company._paylink_today()
        left = self.env["paylink.autopay.item"]._newly_left(company)
        left = [Wanted(row.partner_id.id, row.move_line_id.id) for row in left]
        if not rules._for_each_customer(left, partial(rules._note_left, date)):
            return False
        announced = rules._pick_notices(date, form=Wanted)
        if not rules._for_each_customer(announced, partial(rules._announce_to, date)):
            return False
        charged = rules._pick(date, form=Wanted)
        if not rules._for_each_customer(charged, partial(rules._charge_customers, date)):
            return False
        seen = {due.item_id for due in (*announced, *charged)}
        self.env["paylink.autopay.item"]._of_company_left_out(company, seen)._keep_no_mark()
        return True

    def _for_each_customer(self, dues, work):
        """Do ``work`` with some of the customers of ``dues`` at a time, each set in a transaction of its own."""
        customers = self.env["res.partner"].sudo().browse(dict.fromkeys(due.customer_id for due in dues))
        return self.env["paylink.job.mixin"]._each(customers, work, size=CHUNK)

    @api.model
    def _of_company(self, company):
        """The rules of ``company``; what is noted for all of its people is worded in its language."""
        rules = self.sudo().with_company(company).with_context(lang=company._paylink_lang())
        return rules.search([("company_id", "=", company.id)])

    # === CHARGING === #

    def _charge_customers(self, date, customers):
        """Store the wishes to charge what is due of these customers, whose rows are held.

        Each transaction sees anew what is switched on.
        """
        if rules := self._still_on():
            dues = rules._pick(date, customers.ids)
            charges, others = rules._charges(dues, date)
            self.env["paylink.autopay.item"]._note_left_out(dues, others)
            rules._charge(rules._as_announced(charges))

    def _still_on(self):
        """Those that are on, with the company's switch, as others have left it."""
        rules = self.exists()
        rules.invalidate_recordset()
        rules.company_id.invalidate_recordset(["paylink_autopay"])
        return rules.filtered(lambda rule: rule.active and rule.company_id.paylink_autopay)

    def _allows(self, items, token):
        """Whether ``items``, whose charge to ``token`` is stored, may still be charged, all of them."""
        self.env.flush_all()
        today = self.company_id._paylink_today()
        found = [getattr(self, f"_common_{name}")(today) for name in self._common_conditions if name not in STORED]
        query = SQL(
            "SELECT count(*) FROM (%s) c WHERE c.token_id = %s AND %s",
            self._chargeable_sql(None, items=items.ids),
            token.id,
            SQL(" AND ").join(SQL("(%s)", condition) for condition in found if condition is not None),
        )
        return self.env.execute_query(query)[0][0] == len(items)

    def _charge(self, charges):
        """Store the wishes: a link for each, and what was made of it is told there.

        :param list charges: :class:`Charge`
        :return: the transactions
        """
        Transaction, Token = self.env["payment.transaction"].sudo(), self.env["payment.token"].sudo()
        if not charges:
            return Transaction
        links = self._links_of(charges)
        together = links[0].union(*links)
        together._wait_and_hold()
        Row = self.env["paylink.autopay.item"].sudo()
        rows = {row.move_line_id: row for row in Row._of_items(together.line_ids.move_line_id)}
        known = {token.id: token for token in Token.browse({charge.token_id for charge in charges})}  # read at once
        tokens = {link.id: known[charge.token_id] for charge, link in zip(charges, links, strict=True)}
        values, made = together._charge_values(tokens), []
        for charge, link in zip(charges, links, strict=True):
            own = Row.concat(*(rows[item] for item in link.line_ids.move_line_id))
            own.link_id = link  # whatever comes of it: the next run makes no other one
            found = values.get(link.id)
            # A credit may have been used up since it was deducted: the next run looks at what that means.
            if found and link.currency_id.compare_amounts(found["amount"], charge.total()) <= 0:
                own._note_started(self.browse(charge.rule_id), tokens[link.id])
                made.append(found | {"paylink_autopay": True})
        transactions = Transaction.create(made)
        transactions._paylink_wish_charges()
        return transactions

    # === LINKS === #

    def _links_of(self, charges):
        """The link of each charge: that of the last try, as long as it asks for just the same; else a new one."""
        Link, Item = self.env["paylink.link"].sudo(), self.env["account.move.line"].sudo()
        tried = Link.browse({due.tried_link_id for charge in charges for due in charge.dues if due.tried_link_id})
        known = {
            frozenset(link.line_ids.move_line_id._paylink_unsettled().ids): link
            for link in tried.exists()
            if link._is_live()
        }
        links = [known.get(frozenset(charge.item_ids()), Link) for charge in charges]
        # What was tried in another company of items asks for nothing anymore, unless the customer has it.
        left = tried.exists() - Link.union(*links)
        left.filtered(lambda link: link.by_autopay and not link.sent_at and link._is_live())._cancel()
        new = [charge for charge, link in zip(charges, links, strict=True) if not link]
        made = Link._create_for_items(
            [(self._link_values(charge), Item.browse(charge.item_ids())) for charge in new],
            expires_at=False,
            by_autopay=True,
        )
        made._issue()
        fresh = iter(made)
        return [link or next(fresh) for link in links]

    def _link_values(self, charge):
        rule = self.browse(charge.rule_id)
        contacts = {due.contact_id for due in charge.dues}
        partner = self.env["res.partner"].sudo().browse(contacts if len(contacts) == 1 else charge.dues[0].customer_id)
        return {"partner_id": partner.id, "user_id": rule._responsible().id, "send_email": bool(partner.email)}
