from odoo import fields, models
from odoo.tools import SQL

from ...tools import days

# Moments whose day is that of the books: the company's clock shows them, the reader's all others.
OF_MONEY = ("paid_at",)
# What is written for each type of field; all else is a text.
KINDS = {"integer": "number", "monetary": "money", "date": "date", "datetime": "datetime"}


class PaylinkExportColumn(models.Model):
    """A column of the Excel file of collection links: a stored field of theirs, or an SQL expression.

    What stands in a column is told by a method named after its code (``_column_documents``, which returns SQL, or
    ``_computed_amount_due``, which returns values), where there is one, else by the field of this name. Siblings add a
    record, and a method where they need one.
    """

    _name = "paylink.export.column"
    _description = "Column of an Excel File"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True)
    sequence = fields.Integer()
    width = fields.Integer(default=14, help="In characters.")
    is_default = fields.Boolean(string="Chosen at first", default=True)

    _code_unique = models.UniqueIndex("(code)")

    def _readable(self):
        """Those of the columns whose field the user may read."""
        links = self.env["paylink.link"]
        return self.filtered(
            lambda column: (
                column.code not in links._fields or links._has_field_access(links._fields[column.code], "read")
            )
        )

    def _field(self):
        """The field of links that the column shows; ``None`` of what has an expression of its own."""
        return None if hasattr(self, f"_column_{self.code}") else self.env["paylink.link"]._fields.get(self.code)

    def _is_computed(self):
        """Whether no query tells it, but a method (``_computed_amount_due``), of some links at a time."""
        return hasattr(self, f"_computed_{self.code}")

    def _computed(self, links):
        """What stands in the column, by id of link."""
        return getattr(self, f"_computed_{self.code}")(links)

    def _weight(self):
        """How much longer it takes than most columns."""
        return 20 if self._is_computed() else 1

    def _kind(self):
        """What its cells are: see ``Column`` of ``tools/spreadsheet.py``."""
        field = self._field()
        return KINDS.get(field.type, "text") if field else "text"

    def _is_added_up(self):
        """Whether there is a total of its amounts: not where links ask for the same amount more than once."""
        field = self.env["paylink.link"]._fields.get(self.code)
        return self._kind() == "money" and bool(field and field.aggregator)

    def _labels(self):
        """What people read, by what is stored: of selections, in the user's language."""
        field = self._field()
        if field and field.type == "boolean":
            return {True: self.env._("Yes"), False: self.env._("No"), None: self.env._("No")}
        return dict(field._description_selection(self.env)) if field and field.type == "selection" else {}

    def _sql(self, query, timezone):
        """What is selected.

        :param query: a ``Query`` on links
        :param str timezone: of moments, as the database knows it
        """
        if self._is_computed():
            return SQL("NULL")
        field = self._field()
        if field is None:
            return getattr(self, f"_column_{self.code}")(query.table)
        value = self.env["paylink.link"]._field_to_sql(query.table, field.name, query)
        if field.type == "datetime":
            zone = self._company_zone_sql(query) if field.name in OF_MONEY else timezone
            return SQL("(%s AT TIME ZONE 'UTC') AT TIME ZONE %s", value, zone)
        if field.type == "many2one":
            return self._name_sql(field, query)
        return value

    def _company_zone_sql(self, query):
        """The time zone of the company of each link, as the database knows it."""
        zones = {company: days.in_database(self.env.cr, company.paylink_tz) for company in self.env.companies.sudo()}
        if len(set(zones.values())) == 1:
            return SQL("%s", next(iter(zones.values())))
        cases = SQL(" ").join(SQL("WHEN %s THEN %s", company.id, zone) for company, zone in zones.items())
        return SQL("CASE %s %s END", SQL.identifier(query.table, "company_id"), cases)

    def _name_sql(self, field, query):
        """The name of a record, which whoever may read the link may know: lists show it, too."""
        model = self.env[field.comodel_name]
        alias = query.make_alias(query.table, field.name)
        condition = SQL("%s = %s", SQL.identifier(alias, "id"), SQL.identifier(query.table, field.name))
        query.add_join("LEFT JOIN", alias, model._table, condition)
        return SQL.identifier(alias, "complete_name" if "complete_name" in model._fields else model._rec_name)

    # === EXPRESSIONS === #

    def _column_user_id(self, link):
        return self._user_sql(SQL.identifier(link, "user_id"))

    def _column_consolidated_by_id(self, link):
        """Who has said so, as long as it holds; the bank has no name."""
        return self._user_sql(
            SQL(
                "CASE WHEN %s THEN %s END",
                *(SQL.identifier(link, name) for name in ("consolidated", "consolidated_by_id")),
            )
        )

    def _user_sql(self, user_id):
        return SQL(
            """(SELECT partner.name FROM res_users owner JOIN res_partner partner ON partner.id = owner.partner_id
                 WHERE owner.id = %s)""",
            user_id,
        )

    def _column_documents(self, link):
        """What is asked for, by the names that it had when it was, or what else the link is for."""
        return SQL(
            """COALESCE(
                (SELECT string_agg(line.name, ', ' ORDER BY line.date_due, line.id)
                   FROM paylink_link_line line WHERE line.link_id = %(id)s),
                (SELECT sale.name FROM sale_order sale WHERE sale.id = %(order)s),
                %(reference)s)""",
            id=SQL.identifier(link, "id"),
            order=SQL.identifier(link, "sale_order_id"),
            reference=SQL.identifier(link, "reference"),
        )

    def _column_method(self, link):
        """As lists show it: of the payment, or else of the last attempt."""
        return self._translated_sql("payment_method", SQL.identifier(link, "last_method_id"))

    def _column_provider(self, link):
        return self._translated_sql("payment_provider", SQL.identifier(link, "last_provider_id"))

    def _translated_sql(self, table, record_id):
        """The name of a record in the user's language."""
        return SQL(
            "(SELECT COALESCE(named.name->>%s, named.name->>'en_US') FROM %s named WHERE named.id = %s)",
            self.env.lang or "en_US",
            SQL.identifier(table),
            record_id,
        )

    # === WHAT IS COMPUTED === #

    def _computed_amount_due(self, links):
        """What is due at this moment."""
        return {link.id: link.amount_due for link in links}

    def _computed_reasons(self, links):
        """Why attempts came to nothing, in their order."""
        return {link.id: "; ".join(reason for *_try, reason in link.attempt_ids._tries() if reason) for link in links}
