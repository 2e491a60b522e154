"""Wallet and opportunities on a live server: two who book at once; uninstalled and installed again with data."""

import contextlib
import json
import unittest
from functools import partial

from support import COMPANY, Ledger, at_once, log_in, server

from dev.live import fresh_database, run_script

ROUNDS = 3
# One of two is told so, and run again: see odoo.service.model.retrying.
CONFLICTS = [r"could not serialize access", r"deadlock detected"]
SIBLINGS = ["paylink_addon_loyalty", "paylink_addon_crm"]
TOP_UP = """
company._paylink_set_up_wallet()

def top_up(partner, amount=50.0):
    made = env["paylink.link"]._create_for_user([{"partner_id": partner.id, "amount": amount, "kind": "wallet"}])
    made._issue()
    return made
"""
CONCURRENT = f"""
{TOP_UP}
same, two = [], []
for n in range({ROUNDS}):
    partner = customer(f"Same{{n}}")
    same.append({{"partner": partner.id, "actions": [book(paid(top_up(partner)))] * 2, "total": 50}})
    partner = customer(f"Two{{n}}")
    two.append({{
        "partner": partner.id,
        "actions": [book(paid(top_up(partner))), book(paid(top_up(partner, 30.0)))],
        "total": 80,
    }})
done({{"same": same, "two": two}})
"""
DATA = f"""
{TOP_UP}
marie = customer("Marie")
lead = env["crm.lead"].create({{"name": "Stairs", "type": "opportunity", "partner_id": marie.id}})
asked = env["paylink.link"].create({{"partner_id": marie.id, "amount": 20, "lead_id": lead.id}})
asked._issue()
waiting, tx = top_up(marie), paid(top_up(marie, 80.0))
tx._post_process()
env.cr.commit()
print(json.dumps({{"links": (asked + waiting + tx.paylink_id).ids, "payment": tx.payment_id.id}}))
"""
MODULES = f"""
env["ir.module.module"].search([("name", "in", {SIBLINGS!r})]).button_immediate_%s()
env.cr.commit()
"""
# What employees and customers do with the links, without the add-ons that made them.
READ = """
import json
links = env["paylink.link"].browse(%s)
kinds = links.mapped("kind")
values = links.read() and links.web_search_read([("id", "in", links.ids)], {"name": {}, "kind": {}})
waiting = links[1]
tx = env["payment.transaction"].create({
    **(lambda v: v | v.pop("custom_create_values"))(
        waiting._start_attempt(waiting.amount_due, *env["payment.provider"].search(
            [("code", "=", "demo"), ("state", "=", "test")], limit=1).mapped(
                lambda p: (p.id, p.payment_method_ids[:1].id))[0], None)),
    "operation": "online_redirect", "reference": f"{waiting.name}-later",
})
tx._set_done()
tx._post_process()
env.cr.commit()
print(json.dumps({"kinds": kinds, "states": links.mapped("state"), "read": len(values["records"]),
    "account": tx.payment_id.destination_account_id.account_type}))
"""
AGAIN = """
import json
links = env["paylink.link"].browse(%s)
program = env.company._paylink_wallet_program()
print(json.dumps({"programs": len(env.company._paylink_ewallets()), "kinds": links.mapped("kind"),
    "numbers": [program.paylink_wallet_total, program.paylink_account_balance, program.paylink_difference]}))
"""


class TestWalletAtOnce(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.odoo, cls.data = stack.enter_context(server("wallet", CONCURRENT, expected=CONFLICTS))
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)
        cls.users = [log_in(cls.odoo) for _n in range(2)]

    def check(self, cases, payments):
        for case in cases:
            with self.subTest(partner=case["partner"]):
                at_once(
                    *[
                        partial(user.call, "ir.actions.server", "run", [[action]])
                        for user, action in zip(self.users, case["actions"], strict=True)
                    ]
                )
                query = "SELECT points FROM loyalty_card WHERE partner_id = %s"
                self.assertEqual(self.ledger.rows(query, case["partner"]), [(case["total"],)])
                query = """
                    SELECT count(*), sum(issued) FROM loyalty_history history
                      JOIN loyalty_card card ON card.id = history.card_id WHERE card.partner_id = %s
                """
                self.assertEqual(self.ledger.rows(query, case["partner"]), [(payments, case["total"])])
                query = """
                    SELECT count(*), -sum(line.balance) FROM account_move_line line
                      JOIN loyalty_program program ON program.paylink_account_id = line.account_id
                     WHERE line.partner_id = %s AND line.parent_state = 'posted'
                """
                ((count, balance),) = self.ledger.rows(query, case["partner"])
                self.assertEqual((count, float(balance)), (payments, case["total"]))

    def test_same_payment_processed_twice_at_once(self):
        self.check(self.data["same"], 1)

    def test_two_payments_of_a_customer_without_a_wallet(self):
        self.check(self.data["two"], 2)


class TestWithoutSiblings(unittest.TestCase):
    def test_links_stay_when_the_add_ons_go_and_come_back(self):
        """Uninstalled, a top-up is a free amount that can be paid; installed again, the books are found again."""
        with fresh_database("siblings") as database:
            data = self.run_in(database, COMPANY + DATA + MODULES % "uninstall")
            found = self.run_in(database, READ % data["links"] + MODULES % "install")
            self.assertEqual(found["kinds"], ["free"] * 3)
            self.assertEqual(found["states"], ["open", "paid", "paid"])
            self.assertEqual((found["read"], found["account"]), (3, "asset_receivable"))
            again = self.run_in(database, AGAIN % data["links"])
            self.assertEqual(again, {"programs": 1, "kinds": ["free"] * 3, "numbers": [80.0, 80.0, 0.0]})

    def run_in(self, database, script):
        """Run ``script`` in a process of its own, as after a restart; return what it printed."""
        return json.loads(run_script(database, script).splitlines()[-1])
