from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.sql import create_index

from ...const import AGE_LIMITS, AGES, LIVE_STATES
from ..reminder.paylink_reminder_hold import OF_LINK

# Of how many days the payments tell how late somebody usually pays, and how many they have to be at least.
USUAL_DAYS, USUAL_LEAST = 365, 3
# Of how many payments all customers together.
USUAL_LAST = 2000
# A customer of a company as one number: what is joined by one column, and not asked for, is not computed.
CUSTOMER = "(%(table)s.company_id * 4294967296 + %(table)s.partner_id)"
MEDIAN = SQL("ROUND(PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY days))::integer")
BASES = [
    ("disputed", "Disputed"),
    ("plan", "Agreed on in a payment plan"),
    ("promise", "Promised by the customer"),
    ("customer", "As this customer usually pays"),
    ("company", "As customers usually pay"),
    ("due", "On the due date"),
]


class PaylinkOpenItem(models.Model):
    """What customers owe, and when each of it is likely to be paid.

    A view: one row for each open receivable item, of what is paid in parts one for each part that is open (see
    ``paylink_open_item_parts.py``), and one for each live link that asks for no items. Accountants see all of
    their companies; who has links sees what those ask for. It tells of customers, so that it is for who may read them.
    """

    _name = "paylink.open.item"
    _inherit = ["paylink.customer.mixin"]
    # Together they are what the balance sheet says.
    _customer_may_be_missing = True
    _description = "Open Item"
    _auto = False
    _order = "date_due, id"
    _depends = {
        "account.move.line": [
            *("account_id", "amount_residual", "amount_residual_currency", "balance", "company_id", "currency_id"),
            *("date", "date_maturity", "move_id", "move_name", "parent_state", "partner_id", "payment_id"),
            *("reconciled", "statement_line_id"),
        ],
        "account.account": ["account_type"],
        "account.payment": ["payment_type", "state"],
        "account.move": ["invoice_user_id"],
        "account.partial.reconcile": ["debit_move_id", "credit_move_id", "max_date", "company_id"],
        "res.partner": ["commercial_partner_id"],
        "paylink.link": [
            *("amount_besides", "company_id", "currency_id", "due_on", "expires_on"),
            *("kind", "name", "partner_id", "state", "user_id"),
        ],
        "paylink.link.line": ["is_invoice", "link_id", "move_line_id"],
        "paylink.plan": ["link_id", "state"],
        "paylink.plan.part": ["amount_after", "date_due", "number", "plan_id"],
        "paylink.reminder.hold": [
            *("active", "company_id", "date_until", "kind", "link_id", "move_id", "partner_id", "plan_id"),
        ],
    }

    name = fields.Char(string="Document", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    link_id = fields.Many2one(
        "paylink.link",
        string="Collection Link",
        readonly=True,
        help="The newest one that asks for it, and can be paid.",
    )
    move_id = fields.Many2one("account.move", string="Entry", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    company_currency_id = fields.Many2one("res.currency", string="Currency of the Company", readonly=True)
    amount = fields.Monetary(string="Left to pay", readonly=True, aggregator=None, help="Credits are negative.")
    amount_company = fields.Monetary(
        string="In company currency",
        currency_field="company_currency_id",
        readonly=True,
        help="At today's rates.",
    )
    expected = fields.Monetary(
        string="Still expected",
        readonly=True,
        aggregator=None,
        help="Without what credits and money on its way will settle: they pay first what was due first.",
    )
    expected_company = fields.Monetary(
        string="Expected in company currency",
        currency_field="company_currency_id",
        readonly=True,
        help="At today's rates.",
    )
    date_due = fields.Date(
        string="Due Date",
        readonly=True,
        help="Of what is paid in parts, the day of the part; of a link without a due date, the day of its expiry.",
    )
    days_late = fields.Integer(string="Days overdue", readonly=True, aggregator=None)
    age = fields.Selection(AGES, readonly=True)
    is_asked = fields.Boolean(string="Asked by a link", readonly=True)
    usual_delay = fields.Integer(
        string="Usual delay (days)",
        readonly=True,
        aggregator=None,
        help="Half of the customer's payments of the last 12 months came sooner after the due date, half later. It "
        "takes at least 3 of them to tell.",
    )
    likely_on = fields.Date(
        string="Likely on",
        readonly=True,
        help="As promised or agreed on; else the usual delay after the due date, today at least. What is disputed has "
        "no day.",
    )
    basis = fields.Selection(BASES, string="Known from", readonly=True)
    is_later = fields.Boolean(string="Expected before today", readonly=True, help="It should have been paid by now.")

    def init(self):
        """The payments of the last months are found without reading all others."""
        create_index(self.env.cr, "paylink_partial_day", "account_partial_reconcile", ["company_id", "max_date"])

    # === ACTIONS === #

    def action_open(self):
        """Show the document, or the link to who may not see that."""
        self.ensure_one()
        self.check_access("read")
        own = self.sudo()
        for record in (own.move_id, own.link_id):
            if record and record.with_env(self.env).has_access("read"):
                return record.with_env(self.env)._get_records_action()
        return False

    # === CRUD METHODS === #

    @api.model
    @api.private
    @api.readonly
    def search_fetch(self, domain, field_names=None, offset=0, limit=None, order=None):
        """Rows are chosen first: then it is asked how late their customers pay, not all customers."""
        found = super().search_fetch(domain, ["partner_id"], offset=offset, limit=limit, order=order)
        customers = tuple(found.sudo().partner_id.ids) or (0,)
        found.with_context(paylink_customer_ids=customers).fetch(field_names)
        return found

    # === ROWS === #

    @property
    def _table_query(self):
        return SQL(
            """
              WITH part AS MATERIALIZED (%(parts)s)
            SELECT owed.id, owed.name, owed.company_id, owed.partner_id, owed.user_id, owed.link_id, owed.move_id,
                   owed.currency_id, %(currency)s AS company_currency_id, owed.amount,
                   ROUND(owed.amount * rate.rate, %(digits)s) AS amount_company, owed.date_due,
                   GREATEST(%(today)s - owed.date_due, 0) AS days_late, %(age)s AS age,
                   owed.link_id IS NOT NULL AS is_asked, own.days AS usual_delay,
                   %(expected)s AS expected, ROUND(%(expected)s * rate.rate, %(digits)s) AS expected_company,
                   CASE WHEN NOT %(disputed)s THEN GREATEST(%(likely)s, %(today)s) END AS likely_on,
                   CASE WHEN %(disputed)s THEN 'disputed' WHEN owed.is_part THEN 'plan'
                        WHEN %(promise)s IS NOT NULL THEN 'promise'
                        WHEN own.days IS NOT NULL THEN 'customer' WHEN every.days IS NOT NULL THEN 'company'
                        ELSE 'due' END AS basis,
                   NOT %(disputed)s AND %(likely)s < %(today)s AS is_later
              FROM (%(items)s UNION ALL %(items_in_parts)s UNION ALL %(links)s) owed
              JOIN (%(rates)s) rate ON rate.currency_id = owed.currency_id
         LEFT JOIN (%(covers)s) covered ON covered.id = owed.item_id
         LEFT JOIN (%(own)s) own ON own.customer = %(customer)s AND owed.move_id IS NOT NULL
         LEFT JOIN (%(every)s) every ON every.company = owed.company_id + 0 AND owed.move_id IS NOT NULL
         LEFT JOIN (%(of_moves)s) said ON said.move_id = owed.move_id
         LEFT JOIN (%(of_links)s) said_of_link ON said_of_link.item_id = owed.item_id
         LEFT JOIN (%(of_all)s) said_of_all ON said_of_all.customer = %(customer)s
            """,
            currency=self.env.company.currency_id.id,
            digits=self.env.company.currency_id.decimal_places,
            today=self._today_sql(SQL("owed.company_id")),
            age=self._age_sql(SQL("%s - owed.date_due", self._today_sql(SQL("owed.company_id")))),
            covers=self._covered_sql(),
            # What is left of an item is what was due last.
            expected=SQL("GREATEST(LEAST(covered.expected - owed.later, owed.amount), 0)"),
            promise=SQL("COALESCE(said.until, said_of_link.until, said_of_all.until)"),
            likely=SQL(
                """CASE WHEN owed.is_part THEN owed.date_due
                        ELSE COALESCE(said.until, said_of_link.until, said_of_all.until,
                                      owed.date_due + COALESCE(own.days, every.days, 0)) END"""
            ),
            disputed=SQL("COALESCE(said.disputed OR said_of_link.disputed OR said_of_all.disputed, FALSE)"),
            parts=self._parts_sql(),
            items=self._items_sql(),
            items_in_parts=self._items_in_parts_sql(),
            links=self._links_sql(),
            rates=self.env["res.currency"]._paylink_rates_sql(),
            own=self._delays_sql(self._customer_ids()),
            every=self._company_delays_sql(),
            customer=_customer_sql("owed"),
            of_moves=self._said_sql("move_id", SQL("hold.move_id"), SQL("TRUE")),
            of_links=self._said_sql("item_id", SQL("about.item_id"), OF_LINK, self._about_sql()),
            of_all=self._said_sql(
                "customer", _customer_sql("hold"), SQL("hold.move_id IS NULL AND hold.link_id IS NULL")
            ),
        )

    @api.model
    def _customer_ids(self):
        """Whose delays are asked for (see :meth:`search_fetch`); ``None``: everybody's. Clients may say anything."""
        ids = self.env.context.get("paylink_customer_ids")
        return [id_ for id_ in ids if isinstance(id_, int)] or [0] if isinstance(ids, (tuple, list)) else None

    @api.model
    def _items_sql(self):
        """What is open on customers' accounts and not paid in parts, with the link that asks for it: joined so that the
        database leaves out what nobody reads.
        """
        return SQL(
            """
            SELECT item.id, item.move_name AS name, item.company_id, partner.commercial_partner_id AS partner_id,
                   CASE WHEN asking.link_id IS NULL THEN move.invoice_user_id ELSE asking.user_id END AS user_id,
                   asking.link_id, item.move_id, item.currency_id, item.amount_residual_currency AS amount,
                   COALESCE(item.date_maturity, item.date) AS date_due, item.id AS item_id, 0.0 AS later,
                   FALSE AS is_part
              FROM account_move_line item
         LEFT JOIN account_move move ON move.id = item.move_id
         LEFT JOIN res_partner partner ON partner.id = item.partner_id
         LEFT JOIN (SELECT DISTINCT ON (line.move_line_id) line.move_line_id, link.id AS link_id, link.user_id
                      FROM paylink_link link JOIN paylink_link_line line ON line.link_id = link.id
                     WHERE link.state IN %(live)s
                  ORDER BY line.move_line_id, link.id DESC) asking ON asking.move_line_id = item.id
             WHERE %(open)s AND item.id NOT IN (SELECT item_id FROM part)
            """,
            live=LIVE_STATES,
            open=self._open_sql(),
        )

    @api.model
    def _open_sql(self):
        return SQL(
            """item.account_id IN %s AND item.reconciled IS NOT TRUE AND item.parent_state = 'posted'
               AND item.amount_residual_currency <> 0""",
            self._accounts(),
        )

    @api.model
    def _links_sql(self):
        """What is asked for that is on no customer's account: deposits, and other amounts.

        Late is what the lists of links call overdue: what has no due date may be paid until the link expires.
        """
        return SQL(
            """
            SELECT -link.id, link.name, link.company_id, partner.commercial_partner_id, link.user_id, link.id,
                   NULL::integer, link.currency_id, link.amount_besides,
                   COALESCE(link.due_on, GREATEST(link.expires_on, %(today)s)), -link.id, 0.0, FALSE
              FROM paylink_link link JOIN res_partner partner ON partner.id = link.partner_id
             WHERE link.state IN %(live)s AND link.kind <> 'open_items' AND link.amount_besides > 0
            """,
            today=self._today_sql(SQL("link.company_id")),
            live=LIVE_STATES,
        )

    @api.model
    def _accounts(self):
        """The ids of customers' accounts: the database plans better with them than with what they are found by."""
        accounts = self.env["account.account"].sudo().with_context(active_test=False)
        return tuple(accounts.search([("account_type", "=", "asset_receivable")]).ids) or (0,)

    @api.model
    def _today_sql(self, company_id):
        """The day it is for a company that the reader works in."""
        return SQL("(%s)::date", self._by_company_sql(company_id, lambda company: company._paylink_today()))

    @api.model
    def _by_company_sql(self, company_id, function):
        """What a function of the company says, of each that the reader works in."""
        values = {company.id: function(company) for company in self.env.companies.sudo()}
        if len(set(values.values())) == 1:
            return SQL("%s", next(iter(values.values())))
        cases = SQL(" ").join(SQL("WHEN %s THEN %s", company, value) for company, value in values.items())
        return SQL("CASE %s %s END", company_id, cases)

    @api.model
    def _age_sql(self, late):
        """How long each ``owed`` has been overdue, as ``age_bucket`` has it.

        :param SQL late: for how many days
        """
        cases = SQL(" ").join(SQL("WHEN %s <= %s THEN %s", late, limit, age) for limit, age in AGE_LIMITS)
        return SQL("CASE WHEN owed.amount < 0 THEN 'credit' %s ELSE '90_more' END", cases)

    @api.model
    def _about_sql(self):
        """What a ``hold`` on a link is about, as ``paylink.reminder.hold`` has it: a join of ``about``."""
        return SQL(
            """
            CROSS JOIN LATERAL (
                  SELECT -hold.link_id AS item_id
               UNION ALL
                  SELECT line.move_line_id FROM paylink_link_line line
                   WHERE line.link_id = hold.link_id AND line.is_invoice IS NOT TRUE) about
            """
        )

    @api.model
    def _said_sql(self, name, key, condition, about=None):
        """Until when customers have promised to pay, and what they dispute; plans have days of their own.

        :param str name: what the key of a ``hold`` is called
        :param SQL about: a join of what it is told of
        :return: a query of the key, ``until`` and ``disputed``
        """
        return SQL(
            """
            SELECT %(key)s AS %(name)s, MAX(hold.date_until) FILTER (WHERE hold.kind = 'promise') AS until,
                   BOOL_OR(hold.kind = 'objection') AS disputed
              FROM paylink_reminder_hold hold %(about)s
             WHERE hold.active AND (hold.date_until IS NULL OR hold.date_until >= %(today)s)
               AND hold.plan_id IS NULL AND %(condition)s
          GROUP BY %(key)s
            """,
            key=key,
            name=SQL.identifier(name),
            today=self._today_sql(SQL("hold.company_id")),
            condition=condition,
            about=about or SQL(),
        )

    # === HOW LATE CUSTOMERS PAY === #

    @api.model
    def _paid_sql(self, company, condition):
        """How many ``days`` after the due date each payment of the last months came, less than 0 if before it.

        Not what credit notes and other entries have settled.

        :return: a query of ``(company_id, partner_id, days, paying_id)``
        """
        return SQL(
            """
            SELECT partial.company_id, customer.commercial_partner_id AS partner_id,
                   partial.max_date - item.date_maturity AS days, paying.move_id AS paying_id
              FROM account_partial_reconcile partial
              JOIN account_move_line item ON item.id = partial.debit_move_id
              JOIN account_move_line paying ON paying.id = partial.credit_move_id
              JOIN res_partner customer ON customer.id = item.partner_id
             WHERE %(recent)s AND %(is_payment)s AND %(condition)s
            """,
            recent=self._recent_sql(company),
            is_payment=self._is_payment_sql(),
            condition=condition,
        )

    @api.model
    def _delays_sql(self, customers=None):
        """How late customers usually pay: a query of ``(customer, partner_id, days, payments)``.

        :param customers: ids of companies and persons who owe; by default all
        """
        condition = SQL("TRUE")
        if customers is not None:
            own = SQL("SELECT id FROM res_partner WHERE commercial_partner_id IN %s", tuple(customers))
            condition = SQL("item.partner_id = ANY(ARRAY(%s))", own)  # looked up first, then their items
        companies = self.env.companies.sudo()
        return SQL(
            """
            SELECT %(key)s AS customer, MIN(partner_id) AS partner_id, %(median)s AS days,
                   COUNT(DISTINCT paying_id) AS payments
              FROM (%(paid)s) paid GROUP BY %(key)s HAVING COUNT(DISTINCT paying_id) >= %(least)s
            """,
            key=_customer_sql("paid"),
            median=MEDIAN,
            paid=SQL(" UNION ALL ").join(self._paid_sql(company, condition) for company in companies),
            least=USUAL_LEAST,
        )

    @api.model
    def _company_delays_sql(self):
        """The same of each company's customers together: of their last payments."""
        companies = self.env.companies.sudo()
        paid = (self._last_paid_sql(company) for company in companies)
        return SQL(
            """SELECT company_id + 0 AS company, %s AS days FROM (%s) paid
             GROUP BY company_id + 0 HAVING COUNT(*) >= %s""",
            MEDIAN,
            SQL(" UNION ALL ").join(paid),
            USUAL_LEAST,
        )

    @api.model
    def _last_paid_sql(self, company):
        """As :meth:`_paid_sql`, of the last payments: read from the latest on, until there are enough."""
        return SQL(
            """
            (SELECT partial.company_id, partial.max_date - paid.date_maturity AS days
               FROM account_partial_reconcile partial
         CROSS JOIN LATERAL (
                    SELECT item.date_maturity
                      FROM account_move_line item JOIN account_move_line paying ON paying.id = partial.credit_move_id
                     WHERE item.id = partial.debit_move_id AND %(is_payment)s LIMIT 1) paid
              WHERE %(recent)s
           ORDER BY partial.max_date DESC LIMIT %(last)s)
            """,
            recent=self._recent_sql(company),
            is_payment=self._is_payment_sql(),
            last=USUAL_LAST,
        )

    @api.model
    def _recent_sql(self, company):
        since = company._paylink_today() - timedelta(days=USUAL_DAYS)
        return SQL("partial.company_id = %s AND partial.max_date >= %s", company.id, since)

    @api.model
    def _is_payment_sql(self):
        """Whether a customer's payment, or the bank's line itself, has settled an ``item`` that was due: not money that
        went back to the customer.
        """
        return SQL(
            """(item.date_maturity IS NOT NULL AND item.account_id IN %s
                AND item.payment_id IS NULL AND item.statement_line_id IS NULL
                AND (paying.payment_id IS NOT NULL OR paying.statement_line_id IS NOT NULL))""",
            self._accounts(),
        )

    @api.model
    def _usual_delays(self, customers):
        """How late these customers usually pay in the current company: ``{id: (days, number of payments)}``; of who has
        paid too seldom nothing. For who may read the customers.
        """
        self.env["account.partial.reconcile"].flush_model()
        self.env["account.move.line"].flush_model()
        query = self.with_context(allowed_company_ids=self.env.company.ids)._delays_sql(customers.ids)
        return {row["partner_id"]: (row["days"], row["payments"]) for row in self.env.execute_query_dict(query)}


def _customer_sql(table):
    return SQL(CUSTOMER, table=SQL.identifier(table))
