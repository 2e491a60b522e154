"""Saved methods that take a second to be charged: what else happens in that second."""

import contextlib
import re
import time
import unittest
from functools import partial

from support import CONFLICTS, Ledger, Payer, at_once, log_in, server, slow_provider

ROUNDS = 3
# For how long the attempt is waited for, in seconds.
PATIENCE = 60
# What the owner is told who cancels too late, and the accountant who registers a payment then.
EXPECTED = [*CONFLICTS, r"is paid: refund it instead", r"has paid already"]
SCRIPT = f"""
cases = {{
    "links": [case(f"Links{{n}}", links=2, saved=True) for n in range({ROUNDS})],
    "tabs": [case(f"Tabs{{n}}", saved=True) for n in range({ROUNDS})],
    "cancelled": case("Cancelled", saved=True),
    "registered": case("Registered", saved=True),
    "after": case("After", saved=True),
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

    def charge(self, case, meanwhile=None, after=None):
        """Charge the saved method of ``case``, do something meanwhile or right after, then let the page ask.

        :return: what came of what was done: ``None`` where it was refused
        """
        payer, done = Payer(self.odoo, self.data, case["links"][0]["token"]), []

        def begun():
            end = time.monotonic() + PATIENCE
            while not self.ledger.transactions(case) and time.monotonic() < end:  # it is committed, then charged
                time.sleep(0.05)
            return meanwhile()

        def attempt(do):
            with contextlib.suppress(AssertionError):  # it may be refused
                done.append(do())

        start = partial(payer.start, case["amount"], case["saved"])
        at_once(start, partial(attempt, begun)) if meanwhile else start()
        if after:
            attempt(after)
        payer.status()
        self.assertEqual(len(self.charges(case)), 1)
        ((transaction, state, _payment),) = self.ledger.transactions(case)
        self.assertEqual(state, "done")
        self.assertEqual(len(self.ledger.payments(transaction)), 1)
        self.assertEqual(self.ledger.residual(case), 0)
        return done[0] if done else None

    def register(self, case):
        """The accountant registers a payment of the invoice of ``case`` by hand."""
        user, context = log_in(self.odoo), {"active_model": "account.move", "active_ids": [case["invoice"]]}
        wizard = user.call("account.payment.register", "create", [{}], context=context)
        return user.call("account.payment.register", "action_create_payments", [wizard], context=context)

    def test_owner_cancels_meanwhile(self):
        """The money has come: it is booked all the same."""
        case, user = self.data["cancelled"], log_in(self.odoo)
        self.charge(case, meanwhile=lambda: user.call("paylink.link", "action_cancel", [[case["links"][0]["id"]]]))
        self.assertEqual(self.ledger.open_credit(case), 0)

    def test_accountant_registers_a_payment_meanwhile(self):
        """Who is warned that money is on its way, and goes on, has a credit of the customer and a task; who comes when
        it is there is refused. Which of both it is, is a matter of how fast the accountant is.
        """
        case = self.data["registered"]
        has_registered = self.charge(case, meanwhile=lambda: self.register(case)) is not None
        self.assertEqual(self.ledger.open_credit(case), case["amount"] if has_registered else 0)
        self.assertEqual(self.ledger.activities(case), 1 if has_registered else 0)

    def test_accountant_registers_a_payment_after(self):
        """The customer has paid, though nothing is booked yet: nothing comes twice."""
        case = self.data["after"]
        self.assertIsNone(self.charge(case, after=lambda: self.register(case)))
        self.assertEqual(self.ledger.open_credit(case), 0)
        self.assertEqual(self.ledger.activities(case), 0)
