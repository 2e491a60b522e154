"""Saved methods that take a second to be charged: what else happens in that second."""

import contextlib
import re
import time
import unittest
from functools import partial

from support import CONFLICTS, Ledger, Payer, at_once, log_in, server, slow_provider

ROUNDS = 3
# For how long the attempt is waited for, in seconds.
PATIENCE = 20
# What the owner is told who cancels too late, and the accountant who registers a payment then.
EXPECTED = [*CONFLICTS, r"is paid: refund it instead", r"has paid already"]
SCRIPT = f"""
cases = {{
    "links": [case(f"Links{{n}}", links=2, saved=True) for n in range({ROUNDS})],
    "tabs": [case(f"Tabs{{n}}", saved=True) for n in range({ROUNDS})],
    "cancelled": case("Cancelled", saved=True),
    "registered": case("Registered", saved=True),
}}
done(cases)
"""


class TestSlowProvider(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.odoo, cls.data = stack.enter_context(server("slow", SCRIPT, EXPECTED, options=slow_provider()))
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)

    def charges(self, case):
        """How often the provider has taken the money."""
        references = [
            reference
            for (reference,) in self.ledger.rows(
                "SELECT reference FROM payment_transaction WHERE paylink_id IN %s",
                tuple(link["id"] for link in case["links"]),
            )
        ]
        charged = re.findall(r"charged (\S+)", self.odoo.log_text())
        return [reference for reference in charged if reference in references]

    def test_nobody_is_charged_twice(self):
        for case in self.data["links"] + self.data["tabs"]:
            with self.subTest(links=len(case["links"]), number=case["number"]):
                tokens = [link["token"] for link in case["links"]] * 2
                payers = [Payer(self.odoo, self.data, token) for token in tokens[:2]]
                for payer in payers:
                    payer.log_in(case["saved"])
                at_once(*[partial(payer.start, case["amount"], case["saved"]) for payer in payers])
                self.assertEqual(len(self.charges(case)), 1, self.ledger.transactions(case))
                self.assertEqual([state for _id, state, _payment in self.ledger.transactions(case)].count("done"), 1)

    # === MONEY THAT HAS BEEN TAKEN IS NOT LOST === #

    def charge_while(self, case, do):
        """Charge the saved method of ``case`` and, meanwhile, ``do``; then let the page ask."""
        payer = Payer(self.odoo, self.data, case["links"][0]["token"])

        def meanwhile():
            end = time.monotonic() + PATIENCE
            while not self.ledger.transactions(case) and time.monotonic() < end:  # it is committed, then charged
                time.sleep(0.05)
            with contextlib.suppress(AssertionError):  # it may be refused
                do()

        at_once(lambda: payer.start(case["amount"], case["saved"]), meanwhile)
        payer.status()
        self.assertEqual(len(self.charges(case)), 1)
        ((transaction, state, _payment),) = self.ledger.transactions(case)
        self.assertEqual(state, "done")
        self.assertEqual(len(self.ledger.payments(transaction)), 1)
        self.assertEqual(self.ledger.residual(case), 0)

    def test_owner_cancels_meanwhile(self):
        """The money has come: it is booked all the same."""
        case, user = self.data["cancelled"], log_in(self.odoo)
        self.charge_while(case, lambda: user.call("paylink.link", "action_cancel", [[case["links"][0]["id"]]]))
        self.assertEqual(self.ledger.open_credit(case), 0)

    def test_accountant_registers_a_payment_meanwhile(self):
        """The dialog says that the customer has paid: nothing comes twice."""
        case, user = self.data["registered"], log_in(self.odoo)
        context = {"active_model": "account.move", "active_ids": [case["invoice"]]}

        def register():
            wizard = user.call("account.payment.register", "create", [{}], context=context)
            user.call("account.payment.register", "action_create_payments", [wizard], context=context)

        self.charge_while(case, register)
        self.assertEqual(self.ledger.open_credit(case), 0)
        self.assertEqual(self.ledger.activities(case), 0)
