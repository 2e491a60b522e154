"""Rows that are added in one go. As records, with all that Odoo computes, checks and remembers of each, hundreds of
lines take longer than all else. It is for lines whose values are all known: nothing is computed, nothing checked.
"""

from odoo.models import MAGIC_COLUMNS
from odoo.tools import SQL


def insert_rows(model, vals_list):
    """Add rows to the table of ``model``; what has no value gets none: no default either.

    :param list vals_list: as ``create`` takes them, of stored fields (others are left aside); amounts are in the
        currency of ``currency_id``
    :return: the records, in this order
    """
    if not vals_list:
        return model.browse()
    fields = [field for field in model._fields.values() if field.store and field.column_type]
    fields = [field for field in fields if field.name not in MAGIC_COLUMNS]
    env = model.env
    stamps = {"create_uid": env.uid, "write_uid": env.uid, "create_date": env.cr.now(), "write_date": env.cr.now()}
    rows = [(*_row(model, fields, vals), *stamps.values()) for vals in vals_list]
    query = SQL(
        "INSERT INTO %s (%s) VALUES %s RETURNING id",
        SQL.identifier(model._table),
        SQL(", ").join(map(SQL.identifier, [*(field.name for field in fields), *stamps])),
        SQL(", ").join(rows),
    )
    return model.browse(row_id for (row_id,) in env.execute_query(query))


def _row(model, fields, vals):
    """``vals`` as the table has them."""
    currency = model.env["res.currency"].browse(vals.get("currency_id") or ())
    return [
        currency.round(vals.get(field.name) or 0.0)
        if field.type == "monetary" and currency
        else field.convert_to_column_insert(vals.get(field.name), model)
        for field in fields
    ]
