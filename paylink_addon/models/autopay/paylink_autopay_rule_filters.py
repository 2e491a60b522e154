"""Stage of ``paylink.autopay.rule``: what rules choose from, and what they leave out."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

# How many days after the announced day it may still be charged for the first time.
NOTICE_LASTS = 7


class PaylinkAutopayRuleFilters(models.Model):
    """What is charged at all, and what a rule leaves out, besides what all rules look at (``paylink.rule.mixin``).

    A candidate ``c`` is an open item with what is known of it, of its customer and of the stored method: see
    :meth:`_chargeable_sql`.
    """

    _inherit = "paylink.autopay.rule"
    # In the order in which people are told why not. A subject that knows more adds it.
    _common_conditions = (
        *("open", "followed", "not_blocked", "no_payment", "not_charged_back"),
        *("not_promised", "not_objected", "not_skipped", "not_charged"),
        *("customer_active", "customer_on", "profile", "profile_fits", "profile_works", "plan"),
    )
    _rule_conditions = (
        *("customers", "memo", "date", "terms", "amount", "amount_max", "journals", "salespeople"),
        *("notice", "moment"),
    )
    # What is decided by the day: the plan says when it will be done.
    _day_conditions = ("notice", "moment")

    # === WHAT IS NEVER CHARGED === #

    def _common_not_charged_back(self, _date):
        """The customer's bank takes no payment of it back (see ``account.move.line._paylink_charged_back``)."""
        return self._not_about_sql(self.env["account.move.line"]._paylink_charged_back_sql())

    def _common_not_promised(self, _date):
        """Hook: the customer has not promised to pay it; whoever knows promises says so."""
        return

    def _common_not_objected(self, _date):
        """Hook: the customer does not object to it, likewise."""
        return

    def _common_not_skipped(self, _date):
        """Neither somebody of the company nor the customer has said that it is not to be charged."""
        return SQL("c.is_skipped IS NOT TRUE")

    def _common_not_charged(self, _date):
        """What was charged once, and is open again, is somebody's to look at."""
        return SQL("c.is_charged IS NOT TRUE")

    def _common_customer_active(self, _date):
        return SQL("c.is_active")

    def _common_customer_on(self, _date):
        return SQL("c.is_on")

    def _common_profile(self, _date):
        """There is a method that is charged by default."""
        return SQL("c.token_id IS NOT NULL")

    def _common_profile_fits(self, _date):
        """It is the customer's, of this company, at a provider that is enabled."""
        return SQL("c.token_fits")

    def _common_profile_works(self, date):
        """It does not expire before the day of the charge, nor was it refused for good."""
        return SQL(
            "(c.token_expires_on IS NULL OR c.token_expires_on >= %s) AND c.token_refused_at IS NULL",
            self._planned_day_sql(date),
        )

    def _common_plan(self, _date):
        """There are tries left with this method."""
        return SQL("(c.is_ended IS NOT TRUE OR c.tried_token_id IS DISTINCT FROM c.token_id)")

    # === WHAT EACH RUN LOOKS AT ANEW === #
    # Limits and announcements are no conditions: what they leave out is marked (see ``paylink.autopay.item.left_out``).

    def _not_left_out_sql(self):
        """Nothing is known that keeps ``c`` from being charged on its day."""
        return SQL("c.left_out IS NULL AND (c.cap IS NULL OR c.amount <= c.cap)")

    def _untold_sql(self, name):
        """``c`` could not be announced, for the reason ``name``."""
        return SQL("c.left_out = %s", name) if self.notice_days else SQL("FALSE")

    # === WHAT A RULE LEAVES OUT === #

    def _filter_amount_max(self, _date):
        return SQL("c.amount <= %s", self.amount_max) if self.amount_max else None

    def _filter_notice(self, date):
        """The customer has been told of it."""
        return self._told_sql(date) if self.notice_days else None

    def _told_sql(self, date):
        """The customer was told that ``c`` is charged to this method; not for a day long past on which nothing came of
        it: somebody had objected, a limit was reached… Nor by what was not known to have left before the day of the
        charge: see :meth:`~.paylink_autopay_item.PaylinkAutopayItem._note_left`.
        """
        return SQL(
            """(c.noticed_on IS NOT NULL AND (c.charge_on >= %s OR COALESCE(c.tries, 0) > 0)
                AND (c.charge_on > %s OR c.left_on IS NOT NULL))""",
            date - timedelta(days=NOTICE_LASTS),
            date,
        )

    def _filter_moment(self, date):
        return SQL("%s <= %s", self._charge_day_sql(), date)

    def _charge_day_sql(self):
        """The day on which ``c`` is charged: that of the rule, of the notice, or of the next try."""
        return SQL(
            "GREATEST(%s, c.charge_on, CASE WHEN c.tried_token_id = c.token_id THEN c.next_on END)",
            self._first_day_sql(),
        )

    def _first_day_sql(self):
        """The day that the rule says."""
        offset = self._offset()
        return SQL("c.document_date") if offset is None else SQL("(c.due_date + %s)", offset)

    # === CANDIDATES === #

    def _chargeable_sql(self, date, customers=None, items=None):
        """The open items of the rules' company with all that conditions look at.

        Of customers who have automatic payment, unless ``items`` are given.

        :param date: the day of the run: what is due later, by all rules, is left out where it is given
        :param customers: ids of commercial partners, default all
        :param items: ids of journal items
        :return: SQL of a query with the columns of :meth:`_candidates_sql`, and ``is_on``, ``is_active``,
            ``cap`` (NULL: none), ``token_id``, ``token_fits``, ``token_expires_on``, ``token_refused_at``, and those of
            the row of the item; ``noticed_on`` of a notice that named another method, or arrived nowhere, is NULL
        """
        company = self.company_id.ensure_one()
        # Who may be charged, once each: looked up for every item, it would take most of the time (bench/cards.py).
        return SQL(
            """
            WITH payer AS MATERIALIZED (%(payers)s)
            SELECT c.*, payer.is_on, payer.is_active, payer.cap, payer.token_id, payer.token_expires_on,
                   payer.token_refused_at,
                   payer.token_fits, item.is_skipped, item.is_charged, item.is_ended, item.token_id AS tried_token_id,
                   item.link_id AS tried_link_id, item.charge_on, item.next_on, item.tries, item.left_out,
                   item.left_on,
                   CASE WHEN item.announced_token_id = payer.token_id
                         AND item.notice_message_id IS NOT NULL AND %(failed)s IS NOT TRUE
                        THEN item.noticed_on END AS noticed_on
              FROM (%(candidates)s) c
              JOIN payer ON payer.id = c.customer_id
         LEFT JOIN paylink_autopay_item item ON item.move_line_id = c.item_id
            """,
            payers=self._payers_sql(company, customers, items),
            failed=self.env["paylink.autopay.item"]._failed_notice_sql(SQL("item.notice_message_id")),
            candidates=self._candidates_sql(
                company, customers, items, None if items is not None else self._within_sql(date)
            ),
        )

    def _payers_sql(self, company, customers, items):
        """The customers of :meth:`_chargeable_sql`, with their limits and their default methods."""
        on = self._of_customer_sql(company, "paylink_autopay", "customer")
        who = on if customers is None else SQL("%s AND customer.id IN %s", on, tuple(customers) or (0,))
        if items is not None:
            who = SQL(
                """customer.id IN (SELECT contact.commercial_partner_id FROM account_move_line item
                                     JOIN res_partner contact ON contact.id = item.partner_id WHERE item.id IN %s)""",
                tuple(items) or (0,),
            )
        return SQL(
            """
            SELECT customer.id, customer.active AS is_active, %(on)s AS is_on,
                   CASE WHEN %(has_cap)s THEN %(cap)s END AS cap,
                   token.id AS token_id, token.paylink_expires_on AS token_expires_on,
                   token.paylink_refused_at AS token_refused_at,
                   token.active AND token.company_id = %(company)s AND owner.commercial_partner_id = customer.id
                       AND provider.state != 'disabled'
                       AND (provider.paylink_stripe_account IS NULL OR token.paylink_stripe_account IS NULL
                            OR provider.paylink_stripe_account = token.paylink_stripe_account) AS token_fits
              FROM res_partner customer
         LEFT JOIN payment_token token ON token.id = %(token)s
         LEFT JOIN res_partner owner ON owner.id = token.partner_id
         LEFT JOIN payment_provider provider ON provider.id = token.provider_id
             WHERE %(who)s
            """,
            on=on,
            company=company.id,
            who=who,
            has_cap=self._of_customer_sql(company, "paylink_autopay_has_cap", "customer"),
            cap=self._of_customer_sql(company, "paylink_autopay_cap", "customer"),
            token=self._of_customer_sql(company, "paylink_token_id", "customer"),
        )

    @api.model
    def _of_customer_sql(self, company, name, alias):
        """What a field of customers says in ``company``; whether the record that it names exists still, who joins it
        sees: Odoo looks that up for each customer.
        """
        Partner = self.env["res.partner"].sudo().with_company(company)
        return fields.Field.to_sql(Partner._fields[name], Partner, alias)

    def _within_sql(self, date):
        """Due, by any rule, on ``date`` or before."""
        offsets = [rule._offset() for rule in self]
        if date is None or None in offsets:
            return SQL("TRUE")
        # Not COALESCE: of columns PostgreSQL knows how many rows are left.
        return SQL(
            "(item.date_maturity <= %(last)s OR item.date_maturity IS NULL AND item.date <= %(last)s)",
            last=date - timedelta(days=min(offsets, default=0)),
        )

    # === WHY NOT === #

    def _reason_texts(self):
        return super()._reason_texts() | {
            "open": self.env._("It is paid, not posted, or a credit."),
            "not_charged_back": self.env._("A chargeback is open, or lost."),
            "not_skipped": self.env._("Somebody has said that it is not charged automatically."),
            "not_charged": self.env._("It was charged once already, and is open again."),
            "customer_active": self.env._("The customer is archived."),
            "customer_on": self.env._("The customer has no automatic payment."),
            "profile": self.env._("The customer has stored no payment method: request a card."),
            "profile_fits": self.env._(
                "The stored payment method can't be charged: it was removed, or its provider is off."
            ),
            "profile_works": self.env._(
                "The stored payment method expires before the charge, or its bank has refused it for good."
            ),
            "cap": self.env._("It is more than the customer's limit per charge."),
            "month_cap": self.env._("It is more than what is left of the customer's limit of this month."),
            "refused": self.env._("The provider can't take this amount or currency."),
            "template": self.env._("The e-mail that announces charges was deleted: install its template again."),
            "address": self.env._("It can't be announced: the customer has no e-mail address that works."),
            "undelivered": self.env._("Its announcement was not delivered: correct the customer's e-mail address."),
            "plan": self.env._("It was declined, and is not tried again with this payment method."),
            "amount_max": self.env._("The amount is above the rule's maximum."),
            "notice": self.env._("The customer has not been told of it yet."),
            "moment": self.env._("Its day has not come."),
        }
