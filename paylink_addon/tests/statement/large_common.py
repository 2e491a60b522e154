"""Accounts of thousands of open items, made by SQL from one invoice: Odoo would take minutes."""

from ..common import PaylinkCommon

COLUMNS = """
SELECT column_name FROM information_schema.columns
 WHERE table_name = %s AND column_name != 'id' AND is_generated = 'NEVER'
"""
CLONES = """
  WITH made AS (
       INSERT INTO account_move ({move_columns})
       SELECT {move_values} FROM account_move move, generate_series(1, %(count)s) number WHERE move.id = %(move)s
    RETURNING id)
INSERT INTO account_move_line ({line_columns})
SELECT {line_values} FROM made, account_move_line line WHERE line.move_id = %(move)s
"""


class LargeAccountCommon(PaylinkCommon):
    @classmethod
    def _account_of(cls, partner, count, amount=10.0):
        """Give the customer ``count`` open invoices of this amount; return its statement page and the open items."""
        move = cls._invoice(partner, amount=amount)
        cls.env.flush_all()
        number = "left(move.name, -5) || lpad((move.sequence_number + number)::text, 5, '0')"
        values = {
            "account_move": {
                "name": number,
                "payment_reference": number,
                "sequence_number": "move.sequence_number + number",
                "access_token": "NULL",
            },
            "account_move_line": {"move_id": "made.id"},
        }
        parts = {}
        for table, alias in (("account_move", "move"), ("account_move_line", "line")):
            cls.env.cr.execute(COLUMNS, [table])
            columns = [name for (name,) in cls.env.cr.fetchall()]
            parts[f"{alias}_columns"] = ", ".join(f'"{name}"' for name in columns)
            parts[f"{alias}_values"] = ", ".join(values[table].get(name, f'{alias}."{name}"') for name in columns)
        cls.env.cr.execute(CLONES.format(**parts), {"move": move.id, "count": count - 1})
        cls.env.invalidate_all()
        statement = cls.env["paylink.statement"]._for_customers(partner)
        statement._activate()
        return statement, statement.sudo()._open_items()[statement.id]
