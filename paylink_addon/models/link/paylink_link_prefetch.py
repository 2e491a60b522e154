"""Stage of ``paylink.link``: what its page reads, in as few queries as it takes (bench/page.py)."""

from odoo import api, models
from odoo.tools import SQL, ormcache

from .account_move_line import ITEM_FIELDS

LINE_FIELDS = ("name", "date", "date_due", "amount", "move_line_id", "move_id", "is_invoice", "is_whole", "link_id")
MOVE_FIELDS = ("name", "payment_reference", "payment_state", "move_type", "partner_id")


class PaylinkLinkPrefetch(models.Model):
    """Rows that a page needs are read together, and only what it shows of them; those that hardly ever change are
    remembered. Nothing else depends on it: what is missing here, the ORM reads by itself.
    """

    _inherit = "paylink.link"

    @api.model
    def _page_fields(self):
        return (
            *("name", "access_token", "kind", "company_id", "partner_id", "lang", "currency_id", "reference", "amount"),
            *("is_limited", "in_installments", "allow_partial", "bank_account_id", "state", "status", "issued_at"),
            *("expires_at", "amount_paid", "amount_refunded", "amount_taken_back", "attempt_count", "cancelled_at"),
            *("settled_elsewhere", "user_id", "email", "phone", "send_sms", "cancel_requested_at", "widened_from_id"),
        )

    def _prefetch_page(self):
        """Read only what the page shows: whole rows of customers and items take longer than all the rest."""
        self._recall_rows()
        self._read_lines()
        partners = self.partner_id | self.line_ids.move_line_id.partner_id
        partners.fetch(["name", "email", "lang", "tz", "country_id", "commercial_partner_id"])

    def _read_lines(self):
        """Have the lines, their items and the documents of these in the cache, from one query."""
        Line = self.env["paylink.link.line"]
        query = Line._search([("link_id", "=", self.id)], order=Line._order)
        Item, item = Line._fields["move_line_id"].join(Line, Line._table, query)
        Move, move = Item._fields["move_id"].join(Item, item, query)
        tables = ((Line, Line._table, LINE_FIELDS), (Item, item, ITEM_FIELDS), (Move, move, MOVE_FIELDS))
        terms = [model._field_to_sql(alias, name, query) for model, alias, names in tables for name in ("id", *names)]
        rows = self.env.execute_query(query.select(*terms))
        self._fields["line_ids"]._insert_cache(self, [tuple(row[0] for row in rows)])
        for model, _alias, names in tables:
            width = 1 + len(names)
            found = [row[:width] for row in rows if row[0]]  # an item may be gone
            rows = [row[width:] for row in rows]
            ids, *columns = zip(*found, strict=True) if found else [()] * width
            for name, values in zip(names, columns, strict=True):
                model._fields[name]._insert_cache(model.browse(ids), values)

    # === REMEMBERED === #
    # Who asks, in which currency and to which account is the same on page after page: four queries less.
    # As with what can be paid with (payment.provider), nothing has to be forgotten: what is remembered bears the
    # version of the rows, which is asked for each time, so another worker's change is seen at once. Money never is.

    def _recall_rows(self):
        """Have the rows of the company, the currency and the account in the cache."""
        self.ensure_one()
        keys = self.company_id.id, self.currency_id.id, self.bank_account_id.id
        for model, row_id, values in self._remembered_rows(self._rows_version(*keys), *keys):
            row = self.env[model].browse(row_id)
            for name, value in values:
                row._fields[name]._insert_cache(row, [value])

    @api.model
    def _rows_version(self, company_id, currency_id, account_id):
        """What changes whenever one of the rows does, also in the transaction that does it."""
        self.env.flush_all()
        query = SQL(
            """
            SELECT md5(concat(
                   (SELECT (xmin, ctid) FROM res_company WHERE id = %(company_id)s),
                   (SELECT (xmin, ctid) FROM res_currency WHERE id = %(currency_id)s),
                   (SELECT (account.xmin, account.ctid, bank.xmin, bank.ctid, holder.xmin, holder.ctid)
                      FROM res_partner_bank account
                      JOIN res_partner holder ON holder.id = account.partner_id
                 LEFT JOIN res_bank bank ON bank.id = account.bank_id
                     WHERE account.id = %(account_id)s)))
            """,
            company_id=company_id,
            currency_id=currency_id,
            account_id=account_id or None,
        )
        return self.env.execute_query(query)[0][0]

    @api.model
    @ormcache("version", "company_id", "currency_id", "account_id")
    def _remembered_rows(self, version, company_id, currency_id, account_id):
        """The rows, as the cache of the ORM holds them: ``(model, id, ((field, value), …))``."""
        account = self.env["res.partner.bank"].browse(account_id)
        whole = [
            self.env["res.company"].browse(company_id),
            self.env["res.currency"].browse(currency_id),
            account,
            account.bank_id,
        ]
        rows = [(row, self._plain_fields(row)) for row in whole]
        rows.append((account.partner_id, ["name"]))
        return tuple((row._name, row.id, self._cached_values(row, names)) for row, names in rows if row)

    @api.model
    def _plain_fields(self, row):
        """The names of the fields that the ORM reads with the row, and that are the same for every reader."""
        return [
            field.name
            for field in row._fields.values()
            if field.column_type and field.prefetch is True and not field.translate and not field.company_dependent
        ]

    @api.model
    def _cached_values(self, row, names):
        row.fetch(names)
        return tuple((name, row._fields[name].convert_to_cache(row[name], row, validate=False)) for name in names)
