"""A customer who presses a button of a lasting page twice, or in two tabs, on a server of two workers."""

import contextlib
import unittest
from functools import partial

from support import TIMEOUT, Ledger, Payer, at_once, meet_at, server

ROUNDS = 3
SCRIPT = f"""
def account_case(name):
    partner = customer(name)
    moves = invoice(partner) + invoice(partner, amount=50.0)
    statement = env["paylink.statement"]._for_customers(partner)
    statement._activate()
    return {{
        "partner": partner.id, "statement": statement.id, "token": statement.access_token,
        "items": [move._paylink_open_items().id for move in moves],
    }}

def autopay_case():
    partner = customer("Ends")
    partner.paylink_autopay = True
    page = env["paylink.autopay.page"]._for_customers(partner, company, env.ref("base.user_admin"))
    return {{"page": page.id, "token": page.access_token}}

def ended_link():
    made = env["paylink.link"].browse(link(invoice(customer("Asks")))["id"])
    made.action_cancel()
    return {{"id": made.id, "token": made.access_token}}

done({{
    "ended": ended_link(),
    "autopay": autopay_case(),
    "same": [account_case(f"Same{{n}}") for n in range({ROUNDS})],
    "overlapping": [account_case(f"Overlapping{{n}}") for n in range({ROUNDS})],
}})
"""


class TestStatements(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.odoo, cls.data = stack.enter_context(server("statements", SCRIPT))
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)

    def press(self, case, *choices):
        """Press the button in as many tabs as there are ``choices`` of items; the tokens of the links it leads to."""
        session = Payer(self.odoo, self.data, "").session
        url = f"{self.odoo.url}/account/{case['token']}/pay"
        answers = meet_at(
            self.odoo,
            "paylink_statement",
            case["statement"],
            *[
                partial(session.post, url, data={"item": items}, allow_redirects=False, timeout=TIMEOUT)
                for items in choices
            ],
        )
        self.assertEqual([answer.status_code for answer in answers], [303] * len(choices))
        return [answer.headers["Location"].rpartition("/")[2].partition("?")[0] for answer in answers]

    def links(self, case):
        """The links of the customer, as ``(token, amount)``."""
        return self.ledger.rows(
            "SELECT access_token, amount::float FROM paylink_link WHERE partner_id = %s ORDER BY amount",
            case["partner"],
        )

    def test_automatic_payments_end_once(self):
        """The second click sees that they have ended: people are told once, and the customer sees no error."""
        case = self.data["autopay"]
        url, session = f"{self.odoo.url}/autopay/{case['token']}/off", Payer(self.odoo, self.data, "").session
        click = partial(session.post, url, data={"sure": "1"}, timeout=TIMEOUT)
        answers = meet_at(self.odoo, "paylink_autopay_page", case["page"], click, click)
        self.assertEqual([answer.status_code for answer in answers], [200, 200])
        self.assertEqual(len({answer.text for answer in answers}), 1)
        tasks = "SELECT count(*) FROM mail_activity WHERE res_model = 'paylink.autopay.page' AND res_id = %s"
        self.assertEqual(self.ledger.value(tasks, case["page"]), 1)

    def test_new_link_is_asked_for_once(self):
        case = self.data["ended"]
        payer = Payer(self.odoo, self.data, case["token"])
        click = partial(payer.session.post, f"{payer.page}/renew", timeout=TIMEOUT)
        answers = meet_at(self.odoo, "paylink_link", case["id"], click, click)
        self.assertEqual([answer.status_code for answer in answers], [200, 200])
        self.assertEqual(self.ledger.activities({"links": [case]}), 1)

    def test_two_clicks_make_one_link(self):
        """The second one waits, then finds what the first one made."""
        for case in self.data["same"]:
            with self.subTest(statement=case["statement"]):
                first, second = self.press(case, case["items"], case["items"])
                self.assertEqual(first, second)
                self.assertEqual(self.links(case), [(first, 150.0)])

    def test_two_tabs_that_share_an_item(self):
        """Each leads to a link of its own; what both ask for is paid once, whichever is paid first."""
        for case in self.data["overlapping"]:
            with self.subTest(statement=case["statement"]):
                whole, part = self.press(case, case["items"], case["items"][:1])
                self.assertEqual(self.links(case), [(part, 100.0), (whole, 150.0)])
                payers = [Payer(self.odoo, self.data, token) for token in (whole, part)]
                references = at_once(partial(payers[0].start, 150), partial(payers[1].start, 100))
                drafts = self.transactions(case, "draft")
                self.assertEqual(len(drafts), 1)
                self.assertIn(drafts[0][0], references)
                payers[0].confirm(drafts[0][0])
                for payer in payers:
                    payer.status()
                self.assertEqual(self.transactions(case, "done"), drafts)
                # Nothing is paid twice: what is open is what was not paid, and the customer has no credit.
                self.assertEqual(self.ledger.open_credit(case), drafts[0][1] - 150)

    def transactions(self, case, state):
        """The transactions of the customer in that state, as ``(reference, amount)``."""
        query = "SELECT reference, amount::float FROM payment_transaction WHERE partner_id = %s AND state = %s"
        return self.ledger.rows(query, case["partner"], state)
