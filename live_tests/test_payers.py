"""Customers who pay the same thing at the same moment, on a server of two workers."""

import contextlib
import threading
import time
import unittest
from functools import partial

import requests
from support import Ledger, Payer, at_once, log_in, server

from dev.live import run_script

ROUNDS, TRANSFERS = 5, 40
# What a booking writes early and late: the worker is killed when it has come that far.
CRASHES = ["account_partial_reconcile", "mail_mail"]
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
WAITING = f"{CONNECTIONS} AND wait_event_type = 'Lock'"
WRITING = f"{CONNECTIONS} AND backend_xid IS NOT NULL"
UNBOOKED = "SELECT count(*) FROM payment_transaction WHERE state = 'done' AND NOT is_post_processed"
SCRIPT = f"""
from unittest.mock import patch

cases = {{
    "links": [case(f"Links{{n}}", links=2) for n in range({ROUNDS})],
    "tabs": [case(f"Tabs{{n}}") for n in range({ROUNDS})],
    "saved_links": [case(f"SavedLinks{{n}}", links=2, saved=True) for n in range({ROUNDS})],
    "saved_tabs": [case(f"SavedTabs{{n}}", saved=True) for n in range({ROUNDS})],
    "polls": [case(f"Polls{{n}}") for n in range({ROUNDS})],
    "crash": [case(f"Crash{{n}}") for n in range({len(CRASHES)})],
    "clicks": [case(f"Clicks{{n}}", links=0) for n in range({ROUNDS})],
    "transfers": [case(f"Transfers{{n}}") for n in range({TRANSFERS})],
}}
Line = env["account.bank.statement.line"]
with patch.object(type(Line), "_paylink_match_new"):
    cases["lines"] = Line.create([
        {{
            "journal_id": demo_data.bank_journal(env, company).id, "date": fields.Date.today(), "amount": own["amount"],
            "payment_ref": env["paylink.link"].browse(own["links"][0]["id"]).transfer_reference,
        }}
        for own in cases["transfers"]
    ]).ids
done(cases)
"""


class TestPayers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.odoo, cls.data = stack.enter_context(server("payers", SCRIPT))
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)

    def payers(self, case):
        """Two customers: with a link each, or with the same one in two tabs."""
        tokens = [link["token"] for link in case["links"]]
        return [Payer(self.odoo, self.data, token) for token in (tokens * 2)[:2]]

    def check_books(self, case):
        """The invoice is settled once, each confirmed payment is booked once; what is too much is somebody's task."""
        done = [id_ for id_, state, _payment in self.ledger.transactions(case) if state == "done"]
        self.assertTrue(done)
        for transaction in done:
            self.assertEqual(len(self.ledger.payments(transaction)), 1)
        self.assertEqual(self.ledger.residual(case), 0)
        excess = case["amount"] * (len(done) - 1)
        self.assertEqual(self.ledger.open_credit(case), excess)
        self.assertEqual(self.ledger.activities(case), len(done) - 1)

    def follow(self, *payers):
        """Let the pages ask until all that was paid is booked."""
        for _turn in range(10):
            answers = at_once(*[payer.status for payer in payers])
            if not self.ledger.value(UNBOOKED) and all(answer["state"] == "paid" for answer in answers):
                break
        self.assertEqual({answer["state"] for answer in answers}, {"paid"})

    # === ANOTHER PAGE OF THE PROVIDER === #

    def test_two_at_the_providers_page(self):
        """The newer attempt survives; who pays both all the same has an open credit, and somebody knows."""
        for case in self.data["links"] + self.data["tabs"]:
            with self.subTest(links=len(case["links"]), number=case["number"]):
                payers = self.payers(case)
                references = at_once(*[partial(payer.start, case["amount"]) for payer in payers])
                states = [state for _id, state, _payment in self.ledger.transactions(case)]
                self.assertEqual(states.count("draft"), 1)
                self.assertLessEqual(set(states), {"draft", "cancel"})
                at_once(*[partial(payers[0].confirm, reference) for reference in references if reference])
                self.follow(*payers)
                self.check_books(case)

    # === A SAVED METHOD === #

    def test_two_with_a_saved_method(self):
        """It is charged in the request itself: of two at the same moment one is refused."""
        for case in self.data["saved_links"] + self.data["saved_tabs"]:
            with self.subTest(links=len(case["links"]), number=case["number"]):
                payers = self.payers(case)
                at_once(*[partial(payer.start, case["amount"], case["saved"]) for payer in payers])
                states = [state for _id, state, _payment in self.ledger.transactions(case)]
                self.assertEqual(states.count("done"), 1, states)
                self.follow(*payers)
                self.check_books(case)

    # === BOOKING === #

    def test_eight_pages_ask_for_one_payment(self):
        """Whoever asks first books it; there is one payment, one receipt, one notification."""
        for case in self.data["polls"]:
            with self.subTest(number=case["number"]):
                pages = [Payer(self.odoo, self.data, case["links"][0]["token"]) for _n in range(8)]
                pages[0].confirm(pages[0].start(case["amount"]))
                at_once(*[page.status for page in pages])
                self.follow(pages[0])
                self.check_books(case)
                for subtype in ("mt_link_receipt", "mt_link_paid"):
                    self.assertEqual(self.ledger.messages(case["links"][0], subtype), 1)

    def test_worker_is_killed_while_it_books(self):
        """What it had done is undone; the job books it, once."""
        for table, case in zip(CRASHES, self.data["crash"], strict=True):
            with self.subTest(table):
                page = Payer(self.odoo, self.data, case["links"][0]["token"])
                page.confirm(page.start(case["amount"]))
                self.kill_while_writing(table, page)
                ((transaction, state, payment),) = self.ledger.transactions(case)
                self.assertEqual((state, payment), ("done", None))
                self.assertEqual(self.ledger.payments(transaction), [])
                self.assertEqual(self.ledger.residual(case), case["amount"])
        run_script(self.odoo.database, "env['payment.transaction']._cron_paylink_book(); env.cr.commit()")
        for case in self.data["crash"]:
            self.check_books(case)
            self.assertEqual(self.ledger.messages(case["links"][0], "mt_link_receipt"), 1)
            self.assertEqual(Payer(self.odoo, self.data, case["links"][0]["token"]).status()["state"], "paid")

    def kill_while_writing(self, table, page):
        """Let two pages ask for the state; kill the workers that answer, when one is about to write into ``table``."""
        with self.odoo.connect() as blocker, blocker.cursor() as cursor:
            blocker.autocommit = False
            cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")

            def ask():
                with contextlib.suppress(requests.ConnectionError):
                    page.get("/status")

            threads = [threading.Thread(target=ask) for _n in range(2)]
            for thread in threads:
                thread.start()
            self.until(lambda: self.ledger.value(WAITING) == 2)
            for worker in self.odoo.workers():
                self.odoo.kill(worker)
            for thread in threads:
                thread.join()
            blocker.rollback()
        self.until(lambda: self.ledger.value(WRITING) == 0)

    def until(self, is_so):
        """Return as soon as it is so."""
        end = time.monotonic() + 20
        while not is_so():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    # === TRANSFERS === #

    def test_two_match_the_same_lines(self):
        """Two people click at the same moment: each line is matched once, each link has its money once."""
        lines, cases = self.data["lines"], self.data["transfers"]
        users = [log_in(self.odoo) for _n in range(2)]
        at_once(
            partial(users[0].call, "account.bank.statement.line", "action_paylink_match", [lines]),
            partial(users[1].call, "paylink.bank.match", "action_match_all", [[]]),
        )
        matched = self.ledger.rows(
            "SELECT line_id, count(*) FROM paylink_bank_match WHERE state = 'accepted' GROUP BY line_id"
        )
        self.assertEqual(sorted(matched), [(line, 1) for line in sorted(lines)])
        for case in cases:
            states = [state for _id, state, _payment in self.ledger.transactions(case)]
            self.assertEqual((states, self.ledger.residual(case), self.ledger.open_credit(case)), (["done"], 0, 0))

    # === SENDING === #

    def test_two_clicks_send_once(self):
        """Two calls of the wizard at the same moment make one link and one e-mail."""
        users = [log_in(self.odoo) for _n in range(2)]
        for case in self.data["clicks"]:
            with self.subTest(number=case["number"]):
                context = {"active_model": "account.move", "active_ids": [case["invoice"]]}
                wizard = users[0].call("paylink.send", "create", [{}], context=context)
                actions = at_once(*[partial(user.call, "paylink.send", "action_send", [wizard]) for user in users])
                links = {action["params"]["show"]["res_id"] for action in actions}
                self.assertEqual(len(links), 1, actions)
                ((link,),) = self.ledger.rows(
                    "SELECT link_id FROM paylink_link_line WHERE move_id = %s", case["invoice"]
                )
                self.assertEqual(links, {link})
                mails = self.ledger.value(
                    "SELECT count(*) FROM mail_message WHERE model = 'paylink.link' AND res_id = %s"
                    " AND message_type = 'email_outgoing'",
                    link,
                )
                self.assertEqual(mails, 1)
