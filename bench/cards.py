"""Charging a hundred thousand open invoices by rule, beside the raw SQL that finds them."""

import os

from dev.live import fresh_database

from .common import Table, environment, measure
from .reminders import TODAY, make_items, prepare

CUSTOMERS, ITEMS_EACH = int(os.environ.get("BC", "10000")), 10
SMALL = 500  # customers, to see whether the number of queries grows with them

# What finds the items to charge at all, as one would write it by hand.
FLOOR = """
    SELECT item.id, contact.commercial_partner_id, item.currency_id, item.amount_residual_currency, token.id
      FROM account_move_line item
      JOIN account_account account ON account.id = item.account_id AND account.account_type = 'asset_receivable'
      JOIN account_move move ON move.id = item.move_id
      JOIN res_partner contact ON contact.id = item.partner_id
      JOIN res_partner customer ON customer.id = contact.commercial_partner_id
      JOIN payment_token token ON token.id = (customer.paylink_token_id->>%(key)s)::integer AND token.active
     WHERE item.company_id = %(company)s AND item.reconciled IS NOT TRUE AND item.parent_state = 'posted'
       AND item.amount_residual_currency > 0 AND item.no_followup IS NOT TRUE
       AND (customer.paylink_autopay->>%(key)s)::boolean AND item.date_maturity <= %(today)s
       AND NOT EXISTS (SELECT FROM paylink_autopay_item done WHERE done.move_line_id = item.id AND done.is_ended)
  ORDER BY contact.commercial_partner_id, item.id
"""


def main():
    """Measure the choice; bounds are on the ratio to the floor, and on the number of queries."""
    table = Table(f"Automatic payments of {CUSTOMERS * ITEMS_EACH:,} items of {CUSTOMERS:,} customers, per item (ms)")
    with fresh_database("bench_cards") as database, environment(database) as env:
        prepare(env)
        make_rule(env)
        queries = {}
        for customers in (SMALL, CUSTOMERS):
            make_items(env, customers, ITEMS_EACH)
            store_methods(env)
            queries[customers] = choose(env, table if customers == CUSTOMERS else None, customers * ITEMS_EACH)
            env.cr.execute("UPDATE account_move_line SET reconciled = TRUE")
        table.add(
            "queries, beside a twentieth of it",
            queries[CUSTOMERS],
            queries[SMALL],
            ratio=queries[CUSTOMERS] / queries[SMALL],
            at_most=1.1,
        )
    return table.show()


def make_rule(env):
    """A rule that charges all that is due."""
    env.company.paylink_autopay = True
    env["paylink.autopay.rule"].create({"name": "All", "notice_days": 0, "ignore_before": False})


def store_methods(env):
    """A stored method of each customer, and the switch: by SQL."""
    env.cr.execute("SELECT id FROM payment_provider WHERE code = 'demo' ORDER BY id LIMIT 1")
    (provider_id,) = env.cr.fetchone()
    provider = env["payment.provider"].browse(provider_id)
    provider.write({"company_id": env.company.id, "state": "test"})
    env.flush_all()
    env.cr.execute(
        """INSERT INTO payment_token (provider_id, payment_method_id, partner_id, company_id, provider_ref, active,
                                      payment_details)
           SELECT %s, %s, id, %s, 'demo', TRUE, '4242' FROM res_partner WHERE name LIKE 'Customer %%'""",
        [provider.id, env["payment.method"].search([], limit=1).id, env.company.id],
    )
    env.cr.execute(
        """UPDATE res_partner partner
              SET paylink_autopay = jsonb_build_object(%(key)s, TRUE),
                  paylink_token_id = jsonb_build_object(%(key)s, token.id)
             FROM payment_token token WHERE token.partner_id = partner.id""",
        {"key": str(env.company.id)},
    )
    env.cr.execute("ANALYZE payment_token, res_partner")
    env.cr.commit()
    env.invalidate_all()


def choose(env, table, total):
    """Choose what is charged; return how many queries that took."""
    chosen = measure(env, lambda: env["paylink.autopay.rule"].search([])._pick(TODAY), repeat=3)
    assert len(chosen.result) == total, len(chosen.result)
    if table:
        floor = measure(env, lambda: env.execute_query(floor_sql(env)), repeat=3)
        assert len(floor.result) == total, len(floor.result)
        table.add(
            "choosing, beside raw SQL",
            chosen.seconds / total * 1e3,
            floor.seconds / total * 1e3,
            ratio=chosen.seconds / floor.seconds,
            at_most=3,
        )
    return chosen.queries


def floor_sql(env):
    """The query that any way of choosing has to make at least."""
    from odoo.tools import SQL  # noqa: PLC0415  Odoo is imported where `make bench` has put it on the path

    return SQL(FLOOR, company=env.company.id, key=str(env.company.id), today=TODAY)
