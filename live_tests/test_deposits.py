"""Deposits of one order, asked for and paid by several at the same moment, on a server of two workers."""

import contextlib
import unittest
from functools import partial

from support import Ledger, Payer, at_once, log_in, meet_at, server

from dev.live import run_script

ROUNDS = 4
REFUSED = [r"could not serialize access", r"deadlock detected", r"You can ask for at most"]
SCRIPT = f'''
env["ir.config_parameter"].set_param("sale.automatic_invoice", "True")
env["ir.config_parameter"].set_param("sale.async_emails", "True")  # no PDFs here
product = env["product.product"].create({{"name": "Kitchen", "type": "service", "invoice_policy": "order"}})

def order_case(name, deposits, total=1000.0):
    partner = customer(name)
    order = env["sale.order"].create({{
        "partner_id": partner.id, "require_signature": False, "require_payment": True, "prepayment_percent": 0.1,
        "order_line": [Command.create({{"product_id": product.id, "price_unit": total, "tax_ids": []}})],
    }})
    links = [
        env["paylink.link"]._create_deposits([{{"sale_order_id": order.id, "amount": amount}}]) for amount in deposits
    ]
    for made in links:
        made._issue()
    return {{
        "order": order.id, "name": order.name, "partner": partner.id,
        "links": [{{"id": made.id, "token": made.access_token, "amount": made.amount}} for made in links],
    }}

def booked_case(name):
    """A confirmed order with an open credit of 300 that is not invoiced, and two payments to book."""
    case = order_case(name, [300, 200, 250])
    order = env["sale.order"].browse(case["order"])
    order.prepayment_percent = 0.5
    first, *others = env["paylink.link"].browse([made["id"] for made in case["links"]])
    paid(first)._post_process()
    order.action_confirm()
    return case | {{"actions": [book(paid(made)) for made in others]}}

def posted_case(name):
    """A confirmed order with a payment of 300 to book, and a draft of its invoice."""
    case = order_case(name, [300])
    order = env["sale.order"].browse(case["order"])
    order.action_confirm()
    draft = order._create_invoices(final=True)
    made = env["paylink.link"].browse(case["links"][0]["id"])
    return case | {{"invoice": draft.id, "action": book(paid(made))}}

done({{
    "posted": [posted_case(f"Posted{{n}}") for n in range({ROUNDS})],
    "booked": [booked_case(f"Booked{{n}}") for n in range({ROUNDS})],
    "tabs": [order_case(f"Tabs{{n}}", [400]) for n in range({ROUNDS})],
    "links": [order_case(f"Links{{n}}", [300, 400]) for n in range({ROUNDS})],
    "sellers": [order_case(f"Sellers{{n}}", []) for n in range({ROUNDS})],
}})
'''


class TestDeposits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.odoo, cls.data = stack.enter_context(server("deposits", SCRIPT, expected=REFUSED))
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)

    def invoices(self, case):
        """The posted invoices of the order, as ``(total, residual)``."""
        query = """
            SELECT DISTINCT move.id, move.amount_total::float, move.amount_residual::float
              FROM account_move move JOIN account_move_line item ON item.move_id = move.id
              JOIN sale_order_line_invoice_rel rel ON rel.invoice_line_id = item.id
              JOIN sale_order_line line ON line.id = rel.order_line_id
             WHERE line.order_id = %s AND move.state = 'posted' ORDER BY move.id
        """
        return [(total, residual) for _id, total, residual in self.ledger.rows(query, case["order"])]

    def check_books(self, case, received):
        """What was received is invoiced once, and paid; too much is an open credit."""
        done = [id_ for id_, state, _payment in self.ledger.transactions(case) if state == "done"]
        for transaction in done:
            self.assertEqual(len(self.ledger.payments(transaction)), 1)
        invoices = self.invoices(case)
        self.assertEqual(sum(residual for _total, residual in invoices), 0)
        self.assertEqual(sum(total for total, _residual in invoices) + self.ledger.open_credit(case), received)

    def follow(self, payers):
        """Let the pages ask until all that was paid is booked; what conflicts is left to the job."""
        for _turn in range(10):
            at_once(*[payer.status for payer in payers])
        run_script(self.odoo.database, "env['payment.transaction']._cron_paylink_book(); env.cr.commit()")

    def test_two_payers_of_one_deposit(self):
        """One attempt survives; who pays both all the same has an open credit, and somebody knows."""
        for case in self.data["tabs"]:
            with self.subTest(order=case["name"]):
                payers = [Payer(self.odoo, self.data, case["links"][0]["token"]) for _n in range(2)]
                references = [found for found in at_once(*[partial(payer.start, 400) for payer in payers]) if found]
                states = [state for _id, state, _payment in self.ledger.transactions(case)]
                self.assertEqual(states.count("draft"), 1)
                at_once(*[partial(payers[0].confirm, reference) for reference in references])
                self.follow(payers)
                done = [state for _id, state, _payment in self.ledger.transactions(case) if state == "done"]
                self.check_books(case, 400.0 * len(done))

    def test_two_deposits_of_one_order(self):
        """Both are booked, one after the other: each is invoiced once."""
        for case in self.data["links"]:
            with self.subTest(order=case["name"]):
                payers = [Payer(self.odoo, self.data, link["token"]) for link in case["links"]]
                amounts = [link["amount"] for link in case["links"]]
                references = at_once(
                    *[partial(payer.start, amount) for payer, amount in zip(payers, amounts, strict=True)]
                )
                self.assertTrue(all(references), references)
                at_once(*[partial(payers[0].confirm, reference) for reference in references])
                at_once(*[payer.status for payer in payers])
                self.follow(payers)
                self.check_books(case, 700.0)
                self.assertEqual(self.ledger.open_credit(case), 0)
                state = self.ledger.value("SELECT state FROM sale_order WHERE id = %s", case["order"])
                self.assertEqual(state, "sale")

    def test_two_bookings_of_one_order(self):
        """The second one waits for the first one, before it does anything: no credit is invoiced twice."""
        users = [log_in(self.odoo) for _n in range(2)]
        for case in self.data["booked"]:
            with self.subTest(order=case["name"]):
                meet_at(
                    self.odoo,
                    "sale_order",
                    case["order"],
                    *[
                        partial(user.call, "ir.actions.server", "run", [[action]])
                        for user, action in zip(users, case["actions"], strict=True)
                    ],
                )
                self.check_books(case, 750.0)
                self.assertEqual(self.ledger.open_credit(case), 0)
                self.assertIn(sorted(total for total, _left in self.invoices(case)), ([200, 550], [250, 500]))

    def test_invoice_is_posted_while_the_deposit_is_booked(self):
        """The one that comes second sees the other: the deposit is deducted from the invoice."""
        users = [log_in(self.odoo) for _n in range(2)]
        users[0].call("ir.config_parameter", "set_param", ["sale.automatic_invoice", "False"])
        self.addCleanup(users[0].call, "ir.config_parameter", "set_param", ["sale.automatic_invoice", "True"])
        for case in self.data["posted"]:
            with self.subTest(order=case["name"]):
                meet_at(
                    self.odoo,
                    "sale_order",
                    case["order"],
                    partial(users[0].call, "account.move", "action_post", [[case["invoice"]]]),
                    partial(users[1].call, "ir.actions.server", "run", [[case["action"]]]),
                )
                self.assertEqual(self.ledger.residual(case), 700)

    def test_two_sellers_ask_at_the_same_moment(self):
        """Each of them alone may ask for 600 of 1000, not both."""
        users = [log_in(self.odoo) for _n in range(2)]
        for case in self.data["sellers"]:
            with self.subTest(order=case["name"]):
                context = {"active_model": "sale.order", "active_ids": [case["order"]]}
                values = [{"amount_type": "fixed", "amount": 600}]
                wizards = [user.call("paylink.send", "create", [values], context=context)[0] for user in users]

                def send(user, wizard):
                    with contextlib.suppress(AssertionError):
                        return user.call("paylink.send", "action_send", [[wizard]])

                at_once(*[partial(send, *pair) for pair in zip(users, wizards, strict=True)])
                asked = self.ledger.rows(
                    "SELECT amount::float FROM paylink_link WHERE sale_order_id = %s", case["order"]
                )
                self.assertEqual(asked, [(600.0,)])
