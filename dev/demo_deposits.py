"""Quotations and orders of the demo company, with deposits in several states."""

from odoo import Command

from .demo_links import attempt

# customer, product, quantity, deposit asked (share), what the customer did
ORDERS = [
    (1, 0, 1, None, None),
    (2, 1, 6, 0.3, None),
    (4, 0, 2, 0.4, "done"),
    (6, 1, 3, 0.5, "error"),
]


def make_deposits(env, customers):
    """Make the orders and send links for their deposits, as a seller does."""
    env = env(user=env.ref("base.user_admin"))
    products = customers.invoice_ids.invoice_line_ids.product_id.sorted("id")
    for customer, product, quantity, share, outcome in ORDERS:
        order = env["sale.order"].create(
            {
                "partner_id": customers[customer].id,
                "require_signature": False,
                "require_payment": True,
                "prepayment_percent": 0.3,
                "order_line": [Command.create({"product_id": products[product].id, "product_uom_qty": quantity})],
            }
        )
        if share:
            link = ask(env, order, share)
        if outcome:
            attempt(link, outcome)


def ask(env, order, share):
    """Send a link for a share of ``order`` by the wizard."""
    wizard = (
        env["paylink.send"]
        .with_context(active_model="sale.order", active_ids=order.ids)
        .create({"amount_type": "percentage", "percent": 100 * share})
    )
    wizard.action_send()
    return wizard.link_ids
