import json
import logging
from collections import Counter, defaultdict
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ...const import LIVE_STATES
from ...tools.stripe_client import PATIENCE
from ..random_runs import analyze, run_machine
from .event_common import EventCommon
from .ledger_machine import DELAY, Ledgers

_logger = logging.getLogger(__name__)

IMPATIENT = {"timeout": 10.0, "retries": 0}
RUNS, STEPS = 8, 34
KINDS = ("checkout.session", "payment_intent", "refund", "dispute")
EXPECTED = (
    "payment_intent succeeded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "checkout.session.async_payment_failed",
    "refund succeeded",
    "refund failed",
    "booked refund undone",
    "dispute won",
    "dispute lost",
    "charge.dispute.funds_reinstated",
    "found by the sweep",
    "refund in Odoo",
    "charge",
    "charge in Accounting",
    "paid in the portal",
)
AMOUNT = 10000  # minor units of each invoice
DAY = 86400  # seconds after which every page has expired


@tagged("post_install", "-at_install")
class TestLedgers(EventCommon):
    """Stripe's ledger and Odoo's agree, whatever happened."""

    def setUp(self):
        super().setUp()
        self.enterContext(patch.dict(PATIENCE, {"job": IMPATIENT, "click": IMPATIENT}))
        self.company.sudo().paylink_fee_account_id = self.company_data["default_account_expense"]
        self.env["ir.config_parameter"].set_param("paylink_addon.max_attempts_per_hour", "1000")
        self.runs = 0

    # === WHAT THE MACHINE DOES === #

    def new_run(self):
        """Each run has customers of its own, and begins when Stripe's clock and ours agree."""
        self.runs += 1
        analyze(self.env)
        self.fake.world.clock.offset = 0
        self.links = self.env["paylink.link"]
        self.first_intent = len(self.fake.realm().all("payment_intent"))

    def new_link(self, customer=None):
        """A link for an invoice of 100 €, of a new customer unless said otherwise."""
        name = f"Customer {self.runs}.{len(self.links)}"
        customer = customer or self._customer(name, email="customer@example.com")
        link = self._link(self._invoice(customer, currency_id=self.currency_euro.id))
        self.links |= link
        return link

    def same_again(self, link):
        """Another link for the same invoice."""
        other = self._link(link.line_ids.move_id)
        self.links |= other
        return other

    def is_payable(self, link):
        return link.state in LIVE_STATES and not link._is_expired() and link._payable_amount()

    def open_page(self, link, **values):
        """Lead the customer to Stripe, who may not answer; the transaction."""
        tx = self._attempt(link, **values)
        self.checkout(tx)
        return tx

    def pay_with_token(self, link, token):
        self._log_in(token.partner_id)
        values = {
            "provider_id": self.provider.id,
            "payment_method_id": None,
            "token_id": token.id,
            "amount": link._payable_amount(),
            "flow": "token",
        }
        self.env.flush_all()
        response = self.url_open(
            f"/pay/{link.access_token}/transaction",
            data=json.dumps({"jsonrpc": "2.0", "method": "call", "params": values}),
            headers={"Content-Type": "application/json"},
        )
        self.env.invalidate_all()
        self.assertNotIn("error", response.json())

    def open_portal_page(self, link):
        """Lead a customer from Odoo's portal to Stripe, if it is still to be paid there; the transaction."""
        tx = self._portal_attempt(link.line_ids.move_id)
        self.checkout(tx)
        return tx

    def register(self, link, token):
        """Register the payment of the link's invoice in Accounting, if Odoo lets us."""
        invoice = link.line_ids.move_id
        if not invoice.amount_residual:
            return
        try:
            with self.env.cr.savepoint():
                self._registration(invoice, token)._create_payments()
        except UserError:
            self.assertTrue(self._items(invoice)._paylink_in_flight())
        self.send_waiting()

    def refundable(self):
        return self.transactions()._paylink_refundable()

    def refund(self, tx, amount):
        tx.action_refund(amount_to_refund=min(amount, tx._paylink_refundable_amount()))

    def expire(self, link):
        """Its last day was yesterday, and the job that looks for that has run."""
        if link.state in ("open", "failed", "pending"):
            link.sudo().expires_at = fields.Datetime.now() - timedelta(days=1)
            self.run_job("ir_cron_paylink_expire")

    # === WHAT THERE IS === #

    def transactions(self):
        """By links, in the portal, registered in Accounting; and their refunds."""
        found = self.links.sudo().transaction_ids | self.links.sudo().line_ids.move_id.transaction_ids
        return found | found.child_transaction_ids

    def tokens(self):
        return self.transactions().token_id.filtered("active")

    def intents(self):
        """The PaymentIntents of this run."""
        return self.fake.realm().all("payment_intent")[self.first_intent :]

    def intent_ids(self):
        return {intent["id"] for intent in self.intents()}

    def moves(self):
        lines = self.env["account.move.line"].search([("partner_id", "in", self.links.partner_id.ids)])
        return lines.move_id

    # === AT ANY TIME === #

    def check_payments(self):
        """A transaction has one payment in the books at most, and none without money at Stripe."""
        received = {int(row.metadata["paylink_tx"]) for row in self.rows() if row.received}
        payments = self.env["account.payment"].search(
            [("payment_transaction_id", "in", self.transactions().filtered(lambda tx: tx.operation != "refund").ids)]
        )
        booked = Counter(
            payment.payment_transaction_id.id
            for payment in payments
            if payment.state != "canceled" and payment.move_id.state == "posted"
        )
        self.assertLessEqual(set(booked), received)
        self.assertFalse([tx for tx, count in booked.items() if count > 1])

    def check_intents(self):
        """One click is one PaymentIntent, however often it was asked for."""
        clicks = Counter(row.metadata["paylink_tx"] for row in self.rows())
        self.assertFalse([tx for tx, count in clicks.items() if count > 1])

    def check_pages(self):
        """Once Odoo knows that something is paid, its other pages are closed, or about to be."""
        paid = self.links.filtered(lambda link: link.state == "paid")
        settled = paid.line_ids.move_id.filtered(lambda move: not move.amount_residual)
        rivals = self.links.filtered(lambda link: link.line_ids.move_id & settled)
        for tx in (paid | rivals).sudo().transaction_ids | settled.transaction_ids:
            self.assertNotEqual(tx.state, "draft", tx.reference)
            closing = tx.state == "cancel" and tx.paylink_todo != "expire" and tx.paylink_stripe_session
            self.assertFalse(closing and self.fake.get(closing)["status"] == "open", tx.reference)

    def check_entries(self):
        for move in self.moves().filtered(lambda move: move.state == "posted"):
            self.assertFalse(round(sum(move.line_ids.mapped("balance")), 2), move.name)

    def rows(self):
        """Stripe's ledger of this run."""
        return self.fake.ledger()[self.first_intent :]

    # === AT THE END === #

    def drain(self):
        """Everything arrives: late messages, repetitions, what must be asked for; what takes days ends."""
        self.fake.abandon_faults()
        self.send_waiting()  # what is asked for last takes days, too
        for intent in self.intents():
            if intent["status"] == "processing":
                self.fake.settle(intent["id"], True)
        for refund in self.fake.realm().all("refund"):
            if refund["status"] == "pending":
                self.fake.settle_refund(refund["id"])
        for pause in (DELAY, DAY, DAY):  # the second expires pages; what is answered to one is heard in the next
            self.fake.advance(pause)
            self.deliver(order="shuffle")
            self.run_job()
            self.run_job("ir_cron_paylink_sweep_events")
            self.run_job()
            self.stored().filtered(lambda event: event.state == "waiting").sudo().write(
                {"next_try_at": fields.Datetime.now()}
            )
            self.run_job()
            self.send_waiting()
            self.run_job("ir_cron_paylink_book")

    def compare(self):
        """Each customer owes what Stripe's ledger says, fees are equal, and nothing is left or hidden."""
        self.check_payments()
        self.check_intents()
        self.check_entries()
        self.compare_transactions()
        self.compare_customers()
        self.compare_links()
        left = self.stored().filtered(lambda event: event.state not in ("done", "ignored"))
        self.assertFalse(left, left.mapped(lambda event: (event.type, event.state, event.error)))
        self.assertFalse(self.transactions().filtered("paylink_todo"))
        # A draft without a page is a click that Stripe never heard of.
        ended = self.transactions().filtered(lambda tx: tx.state != "draft" or tx.paylink_stripe_session)
        self.assertLessEqual(set(ended.mapped("state")), {"done", "cancel", "error"})

    def compare_transactions(self):
        """What was received is booked once, refunds too, with the fees that Stripe took."""
        for row in self.rows():
            tx = self.env["payment.transaction"].browse(int(row.metadata["paylink_tx"]))
            payments = self.payments(tx).filtered(lambda one: one.state != "canceled")
            self.assertEqual(payments.mapped("amount"), [100] if row.received else [], tx.reference)
            refunds = tx.child_transaction_ids.filtered(lambda child: child.state == "done")
            self.assertEqual(-round(sum(refunds.mapped("amount")) * 100), row.refunded, tx.reference)
            booked = refunds.payment_id.filtered(lambda one: one.state in ("in_process", "paid"))
            self.assertEqual(round(sum(booked.mapped("amount")) * 100), row.refunded, tx.reference)
            disputes = self.env["paylink.dispute"].sudo().search([("transaction_id", "=", tx.id)])
            fees = tx.paylink_fee + sum(one.fee - one.fee_returned for one in disputes)
            self.assertEqual(round(fees * 100), row.fee, tx.reference)
            moves = disputes.fee_move_id | disputes.fee_returned_move_id
            expense = moves.line_ids.filtered(lambda line: line.account_id == self.company.paylink_fee_account_id)
            self.assertEqual(
                sum(expense.mapped("amount_currency")),
                sum(disputes.mapped("fee")) - sum(disputes.mapped("fee_returned")),
            )

    def compare_customers(self):
        """What a customer owes: the invoices, less what Stripe has of theirs."""
        owed = defaultdict(int)
        for invoice in self.links.line_ids.move_id:
            owed[invoice.partner_id] += AMOUNT
        for row in self.rows():
            partner = self.env["payment.transaction"].browse(int(row.metadata["paylink_tx"])).partner_id
            owed[partner] += row.refunded + row.disputed - row.received
        for partner, amount in owed.items():
            lines = self.env["account.move.line"].search(
                [
                    ("partner_id", "=", partner.id),
                    ("account_id.account_type", "=", "asset_receivable"),
                    ("parent_state", "=", "posted"),
                ]
            )
            self.assertEqual(round(sum(lines.mapped("amount_currency")) * 100), amount, partner.name)
            self.assertEqual(round(sum(lines.mapped("amount_residual_currency")) * 100), amount, partner.name)

    def compare_links(self):
        """What was paid by two pages is told; a link that is paid has no page on which it can be paid again.

        What a customer's bank has taken back for good is due again.
        """
        received, returned, lost = Counter(), Counter(), Counter()
        for row in self.rows():
            link = self.env["payment.transaction"].browse(int(row.metadata["paylink_tx"])).paylink_id
            if not link:
                continue
            received[link] += row.received
            returned[link] += row.refunded or row.disputed or bool(self.disputes_of(row))
            lost[link] += "lost" in self.disputes_of(row)
        for link in self.links:
            if received[link] > AMOUNT and not returned[link]:  # else the second may have paid what was open again
                tasks = link.sudo().activity_ids.mapped("summary")
                self.assertTrue([task for task in tasks if "overpaid" in task], link.name)
            if received[link] and lost[link] and link.state != "paid":
                self.assertIn(link.status, ("lost", "in_progress"))
            elif received[link]:
                self.assertEqual(link.state, "paid")
                pages = link.sudo().transaction_ids.filtered("paylink_stripe_session").mapped("paylink_stripe_session")
                self.assertNotIn("open", [self.fake.get(page)["status"] for page in pages])

    def disputes_of(self, row):
        """The statuses of all chargebacks that there ever were of a payment."""
        return [one["status"] for one in self.fake.realm().all("dispute") if one["payment_intent"] == row.id]

    # === THE TEST === #

    def check_coverage(self):
        """Random as it is, each thing that matters has happened."""
        realm = self.fake.realm()
        happened = Counter(f"{kind} {one['status']}" for kind in KINDS for one in realm.all(kind))
        happened += Counter(event["type"] for event in realm.all("event"))
        happened += Counter(f"fault {entry.fault}" for entry in self.fake.journal() if entry.fault)
        happened["found by the sweep"] = self.stored().search_count([("is_swept", "=", True)])
        undone = [
            ("operation", "=", "refund"),
            ("state", "=", "error"),
            ("payment_id.state", "in", ("canceled", "rejected")),
        ]
        happened["booked refund undone"] = self.env["payment.transaction"].search_count(undone)
        happened["refund in Odoo"] = len(self.requests("POST", "/v1/refunds"))
        happened["charge"] = len(self.requests("POST", "/v1/payment_intents"))
        happened["charge in Accounting"] = self.env["payment.transaction"].search_count(
            [("operation", "=", "offline"), ("state", "=", "done"), ("payment_id.state", "=", "paid")]
        )
        happened["paid in the portal"] = self.env["payment.transaction"].search_count(
            [("paylink_id", "=", False), ("operation", "=", "online_redirect"), ("state", "=", "done")]
        )
        _logger.info("In %s runs: %s", self.runs, dict(happened))
        self.assertFalse([name for name in EXPECTED if not happened[name]])

    def test_ledgers_agree(self):
        run_machine(Ledgers, self, "LEDGER", RUNS, STEPS)
        self.check_coverage()
