"""Employees and customers at the same link at the same moment: documents that change, clicks that come twice."""

import contextlib
import shutil
import unittest
from functools import partial

from support import CONFLICTS, Ledger, Payer, at_once, holding, log_in, meet_at, server

ROUNDS = 4
REFUSALS = ["Nothing is left to refund on this payment", "is being canceled"]
SCRIPT = f"""
def transaction(case, state):
    made = env["paylink.link"].browse(case["links"][0]["id"])
    values = made._start_attempt(case["amount"], provider.id, provider.payment_method_ids[:1].id, None)
    values |= values.pop("custom_create_values")
    values |= {{"operation": "online_direct", "reference": f"{{made.name}}-{{state}}"}}
    tx = env["payment.transaction"].create(values)
    getattr(tx, f"_set_{{state}}")()
    tx._post_process()
    return case | {{"transaction": tx.id}}

terms = env["account.payment.term"].create({{"name": "Half now", "line_ids": [
    Command.create({{"value": "percent", "value_amount": 50, "nb_days": days}}) for days in (0, 30)]}})
done({{
    "documents": [case(f"Documents{{n}}", links=2) for n in range({ROUNDS})],
    "drafts": [case(f"Drafts{{n}}") for n in range({ROUNDS})],
    "posts": [case(f"Posts{{n}}") for n in range({ROUNDS})],
    "voids": [transaction(case(f"Voids{{n}}"), "authorized") for n in range({ROUNDS})],
    "refunds": [transaction(case(f"Refunds{{n}}"), "done") for n in range({ROUNDS})],
    "held": case("Held"),
    "touched": case("Touched"),
    "terms": terms.id,
    "job": env.ref("paylink_addon.ir_cron_paylink_expire").id,
}})
"""
PDFS = """
    SELECT id FROM ir_attachment
     WHERE res_model = 'account.move' AND res_field = 'invoice_pdf_report_file' AND res_id = %s
"""


class TestChanges(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.odoo, cls.data = stack.enter_context(server("changes", SCRIPT, expected=[*CONFLICTS, *REFUSALS]))
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)
        cls.users = [log_in(cls.odoo) for _n in range(2)]

    def payer(self, case, number=0):
        return Payer(self.odoo, self.data, case["links"][number]["token"])

    def children(self, case):
        return self.ledger.rows(
            "SELECT state, amount FROM payment_transaction WHERE source_transaction_id = %s", case["transaction"]
        )

    # === DOCUMENTS === #

    @unittest.skipUnless(shutil.which("wkhtmltopdf"), "PDFs are made by wkhtmltopdf")
    def test_pdf_is_made_once(self):
        """Four ask at once, by two links: one makes it, the others are told to ask again; all get the same."""
        for case in self.data["documents"]:
            with self.subTest(number=case["number"]):
                asks = [
                    partial(self.payer(case, number).get, f"/document/{case['links'][number]['lines'][0]}")
                    for number in (0, 1, 0, 1)
                ]
                answers = at_once(*asks)
                self.assertLessEqual({answer.status_code for answer in answers}, {200, 202})
                self.assertIn(200, {answer.status_code for answer in answers})
                answers = at_once(*asks)
                self.assertEqual({answer.status_code for answer in answers}, {200})
                self.assertEqual({answer.content[:4] for answer in answers}, {b"%PDF"})
                self.assertEqual(len(self.ledger.rows(PDFS, case["invoice"])), 1)
                self.assertEqual(len({answer.content for answer in answers}), 1)
                sent = self.ledger.value("SELECT is_move_sent FROM account_move WHERE id = %s", case["invoice"])
                self.assertFalse(sent)

    def test_paying_while_the_document_is_reset(self):
        """Whoever comes first: no attempt waits for money of a document that is a draft."""
        for case in self.data["drafts"]:
            with self.subTest(number=case["number"]):
                payer = self.payer(case)
                at_once(
                    partial(payer.start, case["amount"]),
                    partial(self.users[0].call, "account.move", "button_draft", [[case["invoice"]]]),
                )
                self.assertNotIn("draft", [state for _id, state, _payment in self.ledger.transactions(case)])
                self.assertIsNone(payer.start(case["amount"]))

    def test_paying_while_the_document_is_posted_again(self):
        """Whoever comes first: what is paid is the whole document, in all its installments, once."""
        for case in self.data["posts"]:
            with self.subTest(number=case["number"]):
                user, payer, ids = self.users[0], self.payer(case), [case["invoice"]]
                user.call("account.move", "button_draft", [ids])
                user.call("account.move", "write", [ids, {"invoice_payment_term_id": self.data["terms"]}])
                _done, reference = at_once(
                    partial(user.call, "account.move", "action_post", [ids]), partial(payer.start, case["amount"])
                )
                payer.confirm(reference or payer.start(case["amount"]))
                self.assertEqual(payer.status()["state"], "paid")
                self.assertEqual((self.ledger.residual(case), self.ledger.open_credit(case)), (0, 0))
                lines = "SELECT count(*) FROM paylink_link_line WHERE link_id = %s AND move_line_id IS NOT NULL"
                self.assertEqual(self.ledger.value(lines, case["links"][0]["id"]), 2)

    # === ATTEMPTS THAT OTHERS WORK ON === #
    # Whoever settles or changes a document neither waits for them nor fails: the job closes them.

    def _assert_the_job_closes_it(self, case, transaction):
        self.assertEqual(self.ledger.transactions(case), [(transaction, "draft", None)])
        self.users[0].call("ir.cron", "method_direct_trigger", [[self.data["job"]]])
        self.assertEqual(self.ledger.transactions(case), [(transaction, "cancel", None)])

    def _attempt(self, case):
        self.payer(case).start(case["amount"])
        ((transaction, _state, _payment),) = self.ledger.transactions(case)
        return transaction

    def test_attempt_that_somebody_holds(self):
        """A payment is registered by hand meanwhile."""
        case, user = self.data["held"], self.users[0]
        transaction = self._attempt(case)
        context = {"active_model": "account.move", "active_ids": [case["invoice"]]}
        (wizard,) = user.call("account.payment.register", "create", [[{}]], context=context)
        with holding(self.odoo, "payment_transaction", transaction):
            user.call("account.payment.register", "action_create_payments", [[wizard]])
        self.assertEqual(self.ledger.residual(case), 0)
        self._assert_the_job_closes_it(case, transaction)

    def test_attempt_that_somebody_has_changed(self):
        """Since the transaction began in which its document is reset: that sees it as it was, and can't touch it."""
        case, user = self.data["touched"], self.users[0]
        transaction = self._attempt(case)
        reset = partial(user.call, "account.move", "button_draft", [[case["invoice"]]])
        touch = f"UPDATE payment_transaction SET write_date = now() WHERE id = {transaction}"
        meet_at(self.odoo, "paylink_link", case["links"][0]["id"], reset, meanwhile=touch)
        state = self.ledger.value("SELECT state FROM account_move WHERE id = %s", case["invoice"])
        self.assertEqual(state, "draft")
        self._assert_the_job_closes_it(case, transaction)

    # === TWO CLICKS === #

    def test_two_cancel_what_is_authorized(self):
        """The provider is asked once; the second is told so, or finds the link cancelled."""
        for case in self.data["voids"]:
            with self.subTest(number=case["number"]):
                link = [case["links"][0]["id"]]
                with contextlib.suppress(AssertionError):  # the second may be told that the answer is awaited
                    at_once(*[partial(user.call, "paylink.link", "action_cancel", [link]) for user in self.users])
                self.assertEqual(self.children(case), [("cancel", case["amount"])])
                self.assertEqual(self.payer(case).status()["state"], "cancelled")
                self.assertEqual(self.ledger.messages(case["links"][0], "mt_link_cancelled"), 1)

    def test_two_refund_one_payment(self):
        """Two windows with the whole amount: it is given back once."""
        for case in self.data["refunds"]:
            with self.subTest(number=case["number"]):
                values = {"link_id": case["links"][0]["id"], "transaction_id": case["transaction"]}
                wizards = [user.call("paylink.refund", "create", [[values]]) for user in self.users]
                clicks = [
                    partial(user.call, "paylink.refund", "action_refund", [wizard])
                    for user, wizard in zip(self.users, wizards, strict=True)
                ]
                with self.assertRaisesRegex(AssertionError, REFUSALS[0]):
                    at_once(*clicks)
                self.assertEqual(self.children(case), [("done", -case["amount"])])
