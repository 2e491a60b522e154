import json
import logging
from collections import Counter, defaultdict
from datetime import timedelta
from unittest.mock import patch
from urllib.parse import urlsplit

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import SQL

from ..const import LIVE_STATES
from ..models.stripe.const import STRIPE_EVENTS
from ..tools.stripe_client import PATIENCE, verify_event
from .ledger_stored import StoredLedgers, StoredMixin
from .ledger_walk import WALK
from .random_runs import analyze, run_machine

_logger = logging.getLogger(__name__)

IMPATIENT = {"timeout": 10.0, "retries": 0}
RUNS, STEPS = 3, 40
# Customers and their invoices, which are there at the beginning of each run.
CUSTOMERS, EACH = 9, 3
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
    "setup_intent.setup_failed",
    "request open",
    "request stored",
    "request expired",
    "request cancelled",
    "linked",
    "unlinked",
    "method replaced",
    "method removed",
    "payment_method.detached",
    "announced",
    "charged by rule",
    "declined by rule",
    "tried again by rule",
    "asked to confirm",
    "paid on the page",
    "withdrawn",
    "refund of a charge by rule",
    "chargeback of a charge by rule",
    "charged by hand",
    "objection",
    "skipped",
    "automatic payment ended",
)
AMOUNT = 10000  # minor units of each invoice
DAY = 86400  # seconds after which every page has expired, and every message is there
ROUNDS = 5


@tagged("post_install", "-at_install")
class TestLedgers(StoredMixin):
    """Stripe's ledger and Odoo's agree, whatever happened."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.sudo().paylink_fee_account_id = cls.company_data["default_account_expense"]
        cls.env["ir.config_parameter"].set_param("paylink_addon.max_attempts_per_hour", "1000")
        cls._prepare_stored()
        values = [
            {"name": f"Customer {number}", "email": "customer@example.com", "country_id": cls.env.ref("base.fr").id}
            for number in range(CUSTOMERS)
        ]
        cls.customers = cls.env["res.partner"].create(values)
        cls._create_new_portal_user(login="payer", partner_id=cls.customers[-1].id)
        cls.invoices = cls._invoices([customer for customer in cls.customers for _number in range(EACH)])
        analyze(cls.env)

    @classmethod
    def _invoices(cls, customers):
        """An invoice of 100 € of each."""
        line = Command.create({"name": "Work", "price_unit": AMOUNT / 100, "tax_ids": []})
        values = {"move_type": "out_invoice", "invoice_date": fields.Date.today(), "invoice_line_ids": [line]}
        values["currency_id"] = cls.currency_euro.id
        invoices = cls.env["account.move"].create([{**values, "partner_id": customer.id} for customer in customers])
        invoices.action_post()
        return invoices

    def setUp(self):
        super().setUp()
        self.enterContext(patch.dict(PATIENCE, {"job": IMPATIENT, "click": IMPATIENT}))
        self.runs, self.happened, self.begin, self.day = 0, Counter(), None, 0
        self.enterContext(self.now_is_the_runs())

    def listen(self, provider=None, events=tuple(STRIPE_EVENTS)):
        """To what *Create webhook* does: the rest would only be stored."""
        return super().listen(provider, events)

    def _post_event(self, url, body, signature):
        """To what the route does, which has tests of its own."""
        provider_id = int(urlsplit(url).path.rpartition("/")[2])
        secrets = self.env["payment.provider"].sudo()._paylink_webhook_secrets(provider_id)
        self.env["paylink.event"].sudo()._receive(provider_id, [verify_event(body, signature, secrets)])
        return 200

    # === WHAT THE MACHINE DOES === #

    def new_run(self):
        """Each run begins with the same books, at a Stripe that knows nobody: nothing grows from run to run."""
        if self.begin:
            self.end_run()  # it has failed, and is run again to be shown
        self.runs += 1
        self.begin = self.env.cr.savepoint()
        self.links, self.run_invoices = self.env["paylink.link"], self.invoices
        self.unused = {customer: list(invoices) for customer, invoices in self.invoices.grouped("partner_id").items()}
        self.new_stored()

    def end_run(self):
        """Undo all of it."""
        self.begin.close(rollback=True)
        self.begin = None
        self.env.invalidate_all()
        self.fake.reset()
        self.fake.world.outbox.post = self._post_event
        self._connect(self.provider, self.fake.account)
        self.listen()

    def new_invoice(self, customer):
        """An invoice of 100 € that nobody has asked for yet."""
        while self.unused.get(customer):
            invoice = self.unused[customer].pop()
            if not self.env["paylink.link.line"].sudo().search_count([("move_line_id", "in", invoice.line_ids.ids)]):
                return invoice
        invoice = self._invoices([customer])
        self.run_invoices |= invoice
        return invoice

    def new_customer(self):
        """One without a payment."""
        return next((one for one in self.customers if len(self.unused[one]) == EACH), None) or self._customer(
            f"Customer {self.runs}.{len(self.links)}", email="customer@example.com"
        )

    def new_link(self, customer=None):
        """A link for an invoice, of a new customer unless said otherwise."""
        link = self._link(self.new_invoice(customer or self.new_customer()))
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

    def intents(self):
        """The PaymentIntents of this run."""
        return self.fake.realm().all("payment_intent")

    def intent_ids(self):
        return {intent["id"] for intent in self.intents()}

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
        self.env.flush_all()
        query = """SELECT move_id FROM account_move_line WHERE parent_state = 'posted' AND company_id = %s
                 GROUP BY move_id HAVING round(sum(balance), 2) != 0"""
        self.assertFalse(self.env.execute_query(SQL(query, self.company.id)))

    def rows(self):
        """Stripe's ledger of this run."""
        return self.fake.ledger()

    def tx_of(self, row):
        return self.env["payment.transaction"].browse(int(row.metadata["paylink_tx"]))

    # === AT THE END === #

    def drain(self):
        """Everything arrives: late messages, repetitions, what must be asked for; what takes days ends."""
        self.fake.abandon_faults()
        for number in range(ROUNDS):  # the first expires pages; what is answered to one is heard in the next
            self.send_waiting()
            self.settle()
            self.fake.advance(DAY)
            self.deliver(order="shuffle")
            self.run_job("ir_cron_paylink_sweep_events")
            self.waiting().sudo().write({"next_try_at": fields.Datetime.now()})
            self.run_job()
            self.run_job("ir_cron_paylink_book")
            if number and not self.waiting() and not self.unfinished():
                break

    def unfinished(self):
        """Transactions that wait for something; a draft without a page is a click that Stripe never heard of."""
        found = self.transactions() | self.requests_made.sudo().transaction_ids
        return found.filtered(
            lambda tx: (
                tx.paylink_todo
                or tx.state in ("pending", "authorized")
                or (tx.state == "draft" and tx.paylink_stripe_session)
            )
        )

    def settle(self):
        """What takes days at banks succeeds."""
        for intent in self.intents():
            if intent["status"] == "processing":
                self.fake.settle(intent["id"], True)
        for refund in self.fake.realm().all("refund"):
            if refund["status"] == "pending":
                self.fake.settle_refund(refund["id"])

    def waiting(self):
        return self.stored().filtered(lambda event: event.state == "waiting")

    def compare(self):
        """Each customer owes what Stripe's ledger says, fees are equal, and nothing is left or hidden."""
        self.check_payments()
        self.check_intents()
        self.check_charges()
        self.check_entries()
        self.compare_transactions()
        self.compare_customers()
        self.compare_links()
        self.compare_stored()
        left = self.stored().filtered(lambda event: event.state not in ("done", "ignored"))
        self.assertFalse(left, left.mapped(lambda event: (event.type, event.state, event.error)))
        left = self.unfinished()
        self.assertFalse(left, left.mapped(lambda tx: (tx.reference, tx.state, tx.operation, tx.paylink_todo)))

    def compare_transactions(self):
        """What was received is booked once, refunds too, with the fees that Stripe took."""
        for row in self.rows():
            tx = self.tx_of(row)
            payments = self.payments(tx).filtered(lambda one: one.state != "canceled")
            self.assertEqual(payments.mapped("amount"), [tx.amount] if row.received else [], tx.reference)
            self.assertIn(row.received, (0, round(tx.amount * 100)), tx.reference)
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
        for invoice in self.run_invoices:
            owed[invoice.partner_id] += AMOUNT
        for row in self.rows():
            owed[self.tx_of(row).partner_id] += row.refunded + row.disputed - row.received
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
            link = self.tx_of(row).paylink_id
            if not link:
                continue
            received[link] += row.received
            returned[link] += row.refunded or row.disputed or bool(self.disputes_of(row))
            lost[link] += "lost" in self.disputes_of(row)
        for link in self.links:
            due = AMOUNT * len(link.line_ids)
            if received[link] > due and not returned[link]:  # else the second may have paid what was open again
                tasks = link.sudo().activity_ids.mapped("summary")
                self.assertTrue([task for task in tasks if "overpaid" in task], link.name)
            if received[link] and lost[link] and link.state != "paid":
                self.assertIn(link.status, ("lost", "in_progress"))
            # Of several documents one may be open again that was paid otherwise.
            elif received[link] >= due or (received[link] and all(link.line_ids.move_line_id.mapped("reconciled"))):
                self.assertEqual(link.state, "paid", link.name)
                pages = link.sudo().transaction_ids.filtered("paylink_stripe_session").mapped("paylink_stripe_session")
                self.assertNotIn("open", [self.fake.get(page)["status"] for page in pages])

    def disputes_of(self, row):
        """The statuses of all chargebacks that there ever were of a payment."""
        return [one["status"] for one in self.fake.realm().all("dispute") if one["payment_intent"] == row.id]

    # === THE TEST === #

    def count(self):
        """Add what has happened in the run."""
        realm = self.fake.realm()
        happened = Counter(f"{kind} {one['status']}" for kind in KINDS for one in realm.all(kind))
        happened += Counter(event["type"] for event in realm.all("event"))
        happened += Counter(f"fault {entry.fault}" for entry in self.fake.journal() if entry.fault)
        happened["found by the sweep"] = self.stored().search_count([("is_swept", "=", True)])
        transactions = self.transactions()
        refunds = transactions.filtered(lambda tx: tx.operation == "refund" and tx.state == "error").payment_id
        happened["booked refund undone"] = len(refunds.filtered(lambda one: one.state in ("canceled", "rejected")))
        happened["refund in Odoo"] = len(self.requests("POST", "/v1/refunds"))
        happened["charge"] = len(self.requests("POST", "/v1/payment_intents"))
        done = transactions.filtered(lambda tx: tx.state == "done")
        happened["charge in Accounting"] = len(
            done.filtered(lambda tx: tx.operation == "offline" and not tx.paylink_id and tx.payment_id.state == "paid")
        )
        happened["paid in the portal"] = len(
            done.filtered(lambda tx: not tx.paylink_id and tx.operation == "online_redirect")
        )
        self.happened += happened + self.count_stored()

    def check_coverage(self):
        """Random as it is, each thing that matters has happened."""
        _logger.info("In %s runs: %s", self.runs, dict(self.happened))
        self.assertFalse([name for name in EXPECTED if not self.happened[name]])

    def walk(self):
        """A run in which nothing is left to chance."""
        StoredLedgers.test = self
        machine = StoredLedgers()
        for name, values in WALK:
            _logger.info("Next: %s(%s)", name, values)
            getattr(machine, name)(**values)
            for invariant in machine.invariants():
                invariant.function(machine)
        machine.teardown()

    def test_ledgers_agree(self):
        self.walk()
        run_machine(StoredLedgers, self, "LEDGER", RUNS, STEPS)
        self.check_coverage()
