from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, format_date

from ...const import VOID_STATES

# What a rule names stays named when it is archived: else the rule would mean something else, or everybody.
ARCHIVED_TOO = {"active_test": False}
# Accents, once a text is decomposed into letters and marks.
MARKS = "[\u0300-\u036f]"


class PaylinkRuleMixin(models.AbstractModel):
    """Rules that choose open items by themselves, to remind of them or to charge them: whose, which, and why not.

    Each condition is a method of its own, ``_common_<name>`` (of all rules) or ``_filter_<name>`` (of this one), that
    returns SQL on a *candidate* ``c``; ``None`` where the rule leaves it open. Columns of ``c``: see
    :meth:`_candidates_sql`. Who inherits this names them in ``_common_conditions`` and ``_rule_conditions``, in the
    order in which people are told what leaves something out.
    """

    _name = "paylink.rule.mixin"
    _description = "Rule that Chooses Open Items"

    _common_conditions = ()
    _rule_conditions = ()
    # The field of the company that switches all its rules on.
    _switch_name = ""

    name = fields.Char(string="Rule", required=True, translate=True)
    active = fields.Boolean(string="Rule on", default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one("res.company", required=True, index=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one(related="company_id.currency_id", string="Company Currency")
    # === WHO === #

    customer_mode = fields.Selection(
        [("all", "Everyone"), ("only", "Only these"), ("except", "Everyone but these")],
        string="Customers",
        required=True,
        default="all",
    )
    partner_ids = fields.Many2many("res.partner", string="These customers", context=ARCHIVED_TOO)
    category_ids = fields.Many2many("res.partner.category", string="Customers with these tags", context=ARCHIVED_TOO)
    # === WHICH INVOICES === #

    memo_mode = fields.Selection(
        [("off", "Any text"), ("include", "Only with this text"), ("ignore", "Not with this text")],
        string="Memo",
        required=True,
        default="off",
        help="The text is looked for in the reference, the payment reference, and the terms and conditions.",
    )
    memo_text = fields.Char(string="Text", help="Read literally; capitals and accents make no difference.")
    ignore_before = fields.Date(string="Ignore invoices dated before", help="Empty: no limit.")
    all_terms = fields.Boolean(string="All payment terms", default=True)
    term_ids = fields.Many2many(
        "account.payment.term",
        string="Payment Terms",
        check_company=True,
        context=ARCHIVED_TOO,
        help="Invoices with other payment terms are ignored, those without any are not.",
    )
    amount_min = fields.Monetary(
        string="Amount at least", help="What is still due on the item, in your company's currency."
    )
    journal_ids = fields.Many2many(
        "account.journal", string="Journals", check_company=True, context=ARCHIVED_TOO, help="Empty: all."
    )
    salesperson_ids = fields.Many2many("res.users", string="Salespeople", context=ARCHIVED_TOO, help="Empty: all.")

    is_off = fields.Boolean(compute="_compute_is_off", help="All rules of the company are switched off.")

    _amount_min_positive = models.Constraint("CHECK(amount_min >= 0)", "The amount can't be negative.")

    # === CONSTRAINTS === #

    @api.constrains("memo_mode", "memo_text")
    def _check_memo(self):
        for rule in self:
            if rule.memo_mode != "off" and not (rule.memo_text or "").strip():
                raise ValidationError(self.env._("Enter the text to look for in the memo, or choose “Any text”."))

    @api.constrains("customer_mode", "partner_ids", "category_ids")
    def _check_customers(self):
        for rule in self:
            if rule.customer_mode != "all" and not rule.partner_ids and not rule.category_ids:
                raise ValidationError(self.env._("Choose the customers or their tags, or take everyone."))

    # === COMPUTE METHODS === #

    @api.depends(lambda self: [f"company_id.{self._switch_name}"] if self._switch_name else [])
    def _compute_is_off(self):
        for rule in self:
            rule.is_off = not rule.company_id[self._switch_name]

    # === CRUD METHODS === #

    def copy_data(self, default=None):
        """A copy is off, until somebody has looked at it."""
        return [
            values
            | {"active": False, "name": self.env._("%(rule)s (copy)", rule=rule.name)}
            | {name: value for name, value in (default or {}).items() if name in {"active", "name"}}
            for rule, values in zip(self, super().copy_data(default), strict=True)
        ]

    # === ACTIONS === #

    @api.model
    @api.readonly
    def rules_status(self):
        """What lists say above: whether the rules of the user's company are on, are run just now, may be switched."""
        self.check_access("read")
        company = self.env.company
        return {
            "is_off": not company[self._switch_name],
            "is_running": company[self._switch_name] and self._is_running(company),
            "can_switch": self.env.user.has_group("paylink_addon.group_payment_manager"),
        }

    @api.model
    def _is_running(self, company):
        """Hook: whether the job was asked to do now what the rules of ``company`` say."""
        return False

    def action_switch_on(self):
        """Let the company do what all its rules say."""
        return self._switch(True)

    def action_switch_off(self):
        """Let the company do nothing by itself, whatever the rules say."""
        return self._switch(False)

    def _switch(self, is_on):
        """Switch the rules of the company, else of the user's."""
        self._check_manager()
        companies = self.company_id or self.env.company
        companies.check_access("read")
        companies.sudo()[self._switch_name] = is_on
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    @api.model
    def _check_manager(self):
        """Hook: refuse who may not have the rules do something, or not.

        :raises AccessError: with what is for payment managers
        """

    def action_duplicate(self):
        """Copy the rule and open the copy."""
        self.ensure_one()
        return self.copy()._get_records_action()

    def action_delete(self):
        """Delete the rule; what it has done stays on record."""
        self.unlink()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    # === CONDITIONS === #

    def _conditions(self, date):
        """All conditions of this rule, by name.

        :param date: the day on which it would act
        """
        self.ensure_one()
        found = {name: getattr(self, f"_common_{name}")(date) for name in self._common_conditions}
        found |= {name: getattr(self, f"_filter_{name}")(date) for name in self._rule_conditions}
        return {name: condition for name, condition in found.items() if condition is not None}

    def _not_about_sql(self, items):
        """Condition: the candidate is none of some items.

        Hook: a rule may choose something else than items.

        :param items: a query of ids of journal items
        """
        return SQL("c.item_id NOT IN (%s)", items)

    def _common_open(self, _date):
        """Not what is paid, not posted or over; credits are netted."""
        return SQL("c.is_open")

    def _common_followed(self, _date):
        """Odoo's own mark on entries that are not followed up."""
        return SQL("c.is_followed")

    def _common_not_blocked(self, _date):
        """Somebody has blocked the payment of the invoice."""
        return SQL("NOT c.is_blocked")

    def _common_no_payment(self, _date):
        """A payment is in progress, or confirmed and not booked yet."""
        return self._not_about_sql(self.env["account.move.line"]._paylink_in_flight_sql())

    # === WHAT A RULE LEAVES OUT === #

    def _filter_customers(self, _date):
        """Customers, or contacts that are invoiced, by name or by tag (tags below it included)."""
        if self.customer_mode == "all":
            return None
        Category = self.env["res.partner.category"].with_context(active_test=False)
        categories = Category.search([("id", "child_of", self.category_ids.ids)])
        chosen = SQL(
            """(c.customer_id IN %(partners)s OR c.contact_id IN %(partners)s
                OR c.customer_id IN (%(tagged)s) OR c.contact_id IN (%(tagged)s))""",
            partners=tuple(self.partner_ids.ids) or (0,),
            tagged=SQL(
                "SELECT partner_id FROM res_partner_res_partner_category_rel WHERE category_id IN %s",
                tuple(categories.ids) or (0,),
            ),
        )
        return SQL("NOT %s", chosen) if self.customer_mode == "except" else chosen

    def _filter_memo(self, _date):
        """Whether the text stands in one of the fields, literally; capitals and accents make no difference."""
        if self.memo_mode == "off":
            return None
        found = SQL("position(%s IN %s) > 0", self._plain_sql(SQL("%s", self.memo_text.strip())), self._memo_sql())
        return SQL("NOT (%s)", found) if self.memo_mode == "ignore" else SQL("(%s)", found)

    def _memo_sql(self):
        """All that is searched for the memo's text, one field a line; tags and entities of HTML are resolved."""
        narration = SQL(
            r"""replace(replace(replace(regexp_replace(regexp_replace(c.narration,
                '<(br|/p|/div|/li|/h[1-6])\M[^>]*>', E'\n', 'g'), '<[^>]*>', '', 'g'),
                '&lt;', '<'), '&gt;', '>'), '&amp;', '&')"""
        )
        return self._plain_sql(SQL(r"concat_ws(E'\n', c.ref, c.payment_reference, %s)", narration))

    def _plain_sql(self, text):
        """``text`` in small letters, without accents, with plain spaces."""
        return SQL(
            "lower(replace(regexp_replace(normalize(%s, NFD), %s, '', 'g'), %s, ' '))",
            text,
            MARKS,
            "\u00a0",
        )

    def _filter_date(self, _date):
        return SQL("c.document_date >= %s", self.ignore_before) if self.ignore_before else None

    def _filter_terms(self, _date):
        if self.all_terms:
            return None
        return SQL("(c.term_id IS NULL OR c.term_id IN %s)", tuple(self.term_ids.ids) or (0,))

    def _filter_amount(self, _date):
        return SQL("c.amount >= %s", self.amount_min) if self.amount_min else None

    def _filter_journals(self, _date):
        return SQL("c.journal_id IN %s", tuple(self.journal_ids.ids)) if self.journal_ids else None

    def _filter_salespeople(self, _date):
        if not self.salesperson_ids:
            return None
        return SQL("COALESCE(c.user_id IN %s, FALSE)", tuple(self.salesperson_ids.ids))

    # === CANDIDATES === #
    # What rules choose from: open items, with all that their conditions look at.

    def _candidates_sql(self, company, customers=None, items=None, within=None):
        """The receivable items of ``company``: the open ones, or those of ``items`` whatever has become of them.

        :param customers: ids of commercial partners, default all
        :param items: ids of journal items
        :param within: SQL, a condition on ``item``, and ``contact``: credits are of no interest then
        :return: SQL of a query with a row for each: ``item_id``, ``link_id`` (NULL), ``move_id``, ``customer_id`` (the
            commercial partner), ``contact_id`` (who is invoiced, if that is the customer: the partner of an entry may
            be another one), ``currency_id``, ``residual`` (open, in it),
            ``amount`` (the same in the company's currency), ``is_netted`` (a credit, or money given back that is
            deducted from credits), ``due_date``, ``document_date``, and what conditions name
        """
        opened = self._open_items_sql()
        returned = SQL("COALESCE(payment.payment_type = 'outbound' AND payment.state NOT IN %s, FALSE)", VOID_STATES)
        netted = SQL("(item.amount_residual_currency < 0 OR %s)", returned)
        return SQL(
            """
            SELECT item.id AS item_id, NULL::integer AS link_id, item.move_id,
                   contact.commercial_partner_id AS customer_id,
                   %(contact)s AS contact_id,
                   item.currency_id, item.amount_residual_currency AS residual, item.amount_residual AS amount,
                   %(netted)s AS is_netted,
                   COALESCE(item.date_maturity, item.date) AS due_date,
                   COALESCE(move.invoice_date, move.date) AS document_date,
                   move.invoice_payment_term_id AS term_id, move.journal_id, move.invoice_user_id AS user_id,
                   move.ref, move.payment_reference, move.narration,
                   (%(open)s) AS is_open, item.no_followup IS NOT TRUE AS is_followed,
                   COALESCE(move.payment_state, '') = 'blocked' AS is_blocked
              FROM account_move_line item
              JOIN account_move move ON move.id = item.move_id
              JOIN res_partner contact ON contact.id = item.partner_id
         LEFT JOIN account_payment payment ON payment.id = item.payment_id
             WHERE item.account_id = ANY(ARRAY(SELECT id FROM account_account WHERE account_type = 'asset_receivable'))
               AND item.company_id = %(company)s AND %(which)s
            """,
            # Looked up where it is another one: joined, each item would be (see bench/cards.py).
            contact=SQL(
                """CASE WHEN move.partner_id = item.partner_id THEN item.partner_id ELSE COALESCE(
                       (SELECT invoiced.id FROM res_partner invoiced
                         WHERE invoiced.id = move.partner_id
                           AND invoiced.commercial_partner_id = contact.commercial_partner_id), item.partner_id) END"""
            ),
            netted=netted,
            open=SQL("%s AND NOT %s", opened, netted),
            company=company.id,
            which=self._chosen_items_sql(opened, customers, items, within),
        )

    def _chosen_items_sql(self, opened, customers, items, within):
        """Which items :meth:`_candidates_sql` is about.

        :param opened: see :meth:`_open_items_sql`
        """
        which = SQL("item.id IN %s", tuple(items)) if items is not None else opened
        if customers is not None:
            which = SQL("%s AND item.partner_id = %s", which, self._any_contact_sql(customers))
        if within:
            which = SQL("%s AND item.amount_residual_currency > 0 AND %s", which, within)
        return which

    def _any_contact_sql(self, customers):
        """Any of the contacts of these customers, looked up first: joined, PostgreSQL may go through all open items
        once for each of them (see ``bench/reminders.py``).
        """
        contacts = SQL("SELECT id FROM res_partner WHERE commercial_partner_id IN %s", tuple(customers) or (0,))
        return SQL("ANY(ARRAY(%s))", contacts)

    def _open_items_sql(self):
        """Posted and not reconciled, and not waiting: see ``account.move.line._paylink_waiting``."""
        waiting = self.env["account.move.line"]._paylink_waiting()
        return SQL(
            "item.reconciled IS NOT TRUE AND item.parent_state = 'posted' AND item.id NOT IN %s",
            tuple(waiting.ids) or (0,),
        )

    # === CREDITS === #

    def _open_credits(self, customers):
        """The sum of open credits by customer and currency."""
        query = SQL(
            """SELECT customer_id, currency_id, sum(residual)::float8 FROM (%s) c
                GROUP BY customer_id, currency_id HAVING sum(residual) < 0""",
            self._credits_sql(customers),
        )
        return {(row[0], row[1]): row[2] for row in self.env.execute_query(query)}

    def _credits_sql(self, customers):
        """The candidates that are open credits, less what is deducted from them: money given back.

        Not what is kept for the invoices of orders, or is on its way back.
        """
        Item = self.env["account.move.line"]
        return SQL(
            "SELECT * FROM (%s) c WHERE is_netted AND item_id NOT IN (%s) AND item_id NOT IN (%s)",
            self._candidates_sql(self.company_id, customers),
            Item._paylink_kept_sql(),
            Item._paylink_in_flight_sql(),
        )

    def _registered_parts(self):
        """What is registered of items in part, without an entry, by id: what is for all of an item is on its way."""
        shares = self.env["account.move.line"]._paylink_registered_shares()
        return {item_id: share.amount for item_id, share in shares.items() if not share.is_whole}

    # === WHY NOT === #

    def _reason_text(self, name):
        """Why the condition ``name`` leaves something out."""
        return self._reason_texts()[name]

    def _reason_texts(self):
        """What :meth:`_reason_text` can say, by name of the condition; a rule adds what it has of its own."""
        return {
            "followed": self.env._("It is excluded from follow-up."),
            "not_blocked": self.env._("Its payment is blocked."),
            "no_payment": self.env._("A payment is in progress."),
            "not_promised": self.env._("The customer has promised to pay."),
            "not_objected": self.env._("The customer objects to it."),
            "customers": self.env._("The rule is not for this customer."),
            "memo": self.env._("The text of the memo excludes it."),
            "date": self.env._("It is dated before %(date)s.", date=format_date(self.env, self.ignore_before)),
            "terms": self.env._("Its payment terms are switched off in the rule."),
            "amount": self.env._("The amount is below the rule's minimum."),
            "journals": self.env._("The rule is not for this journal."),
            "salespeople": self.env._("The rule is not for this salesperson."),
            "covered": self.env._("The customer's credits cover it."),
        }
