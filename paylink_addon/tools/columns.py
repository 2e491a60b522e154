"""Columns of stored fields, made before Odoo makes them.

Odoo computes a new stored field for each record that there is, one by one: where another app has had a million of
them, installing takes minutes, and gigabytes. What can be said of all at once is said by the database.
"""

from odoo.tools.sql import column_exists, create_column


def add(cr, table, fill=None, **columns):
    """Make columns that are not there yet. What is computed afterwards, changes as usual.

    :param str table: of a model of Odoo's
    :param SQL fill: says what they are of the rows that there are; by default nothing
    :param columns: the database's type of each
    """
    new = [name for name in columns if not column_exists(cr, table, name)]
    for name in new:
        create_column(cr, table, name, columns[name])
    if new and fill:
        cr.execute(fill)
