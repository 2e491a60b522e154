from collections import Counter
from datetime import timedelta
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from odoo import fields
from odoo.exceptions import UserError

from .autopay.autopay_common import AutopayMixin
from .card.card_stripe_common import CardStripeCommon
from .ledger_machine import CHARGES, PICK, Ledgers

# How a customer's try to store a method ends.
STORING = st.sampled_from(["succeed", "succeed", "generic_decline", "3ds_succeed", "authenticate"])
NOTICE = 2  # days
CAP = 50  # per charge, which is less than any invoice


class StoredMixin(AutopayMixin, CardStripeCommon):
    """What is stored without a payment, and charged by rule: what can be done with it, and what must hold."""

    @classmethod
    def _prepare_stored(cls):
        cls._prepare_autopay()
        cls.rule = cls._rule(retry_funds="1, 2", retry_technical="1", retry_other="1", at_end="link")
        cls.company._paylink_newcomer()

    def new_stored(self):
        """At the beginning of each run. Our days pass faster than Stripe's."""
        self.requests_made = self.env["paylink.card.request"]
        self.day, self.done = 0, Counter()
        self.sent = self.rule_charges()

    def now_is_the_runs(self):
        """Have the company's day be that of the run."""
        return patch.object(self.registry["res.company"], "_paylink_today", lambda _company: self.run_day())

    def run_day(self):
        return self.today + timedelta(days=self.day)

    # === CARD REQUESTS === #

    def ask(self, token=None, customer=None):
        """A request: to replace ``token``, to ``customer``, or to somebody who is none yet."""
        values = {"template_id": self.update_template.id, "replaces_id": token.id} if token else {}
        partner = token.partner_id if token else customer
        request = self._card_request(partner, **values) if partner else self._new_request()
        self.requests_made |= request
        return request

    def storable(self):
        """Requests whose customers may try."""
        return self.requests_made.filtered(lambda request: request.sudo()._awaits_customer())

    def start_storing(self, request):
        """Lead the customer to Stripe's page, if Stripe answers; its id."""
        person = {"given_name": "Ada Martin", "given_email": "ada@example.com"} if request.is_new else None
        return self._setup(request, person)[0].paylink_stripe_session

    def end_request(self, request, expires):
        """By its owner, or by the job."""
        if expires:
            request.sudo().expires_at = fields.Datetime.now() - timedelta(days=1)
            self.run_job("ir_cron_paylink_card_expire")
        else:
            request.action_cancel()

    def link_or_undo(self, request, customer):
        """Say whose it is, or that this was wrong."""
        is_new = request.linking == "to_link"
        if is_new:
            request._link_to(customer)
        else:
            request.action_undo_link()
        self.done["linked" if is_new else "unlinked"] += 1

    # === STORED METHODS === #

    def store_card(self, customer):
        """A card that a customer has stored before; the token."""
        known = self.provider._paylink_stripe().customer_create(key=f"customer-{customer.id}", name=customer.name)
        values = {
            "provider_id": self.provider.id,
            "payment_method_id": self.payment_method_id,
            "partner_id": customer.id,
            "payment_details": "4242",
            "provider_ref": self.fake.save_method(known["id"])["id"],
            "paylink_stripe_customer": known["id"],
        }
        return self.env["payment.token"].sudo().create(values)

    def all_tokens(self):
        """Those that are not used anymore, too."""
        Token = self.env["payment.token"].sudo().with_context(active_test=False)
        return Token.search([("provider_id", "=", self.provider.id)])

    def tokens(self):
        """Methods that a customer has, and that can be charged."""
        return self.all_tokens().filtered(lambda token: token.paylink_profile_status == "usable")

    def remove(self, token):
        """By a user."""
        with self._request(token) as own:
            own.action_paylink_remove()
        self.done["method removed"] += 1

    # === AUTOMATIC PAYMENT === #

    def begin_autopay(self):
        """A customer is charged by rule from now on, for two invoices."""
        token = self.store_card(self.customers[-1])
        self.switch_on(token)
        for _number in range(2):
            self.new_invoice(token.partner_id)

    def autopay_customers(self):
        return self.customers.filtered("paylink_autopay")

    def autopay_items(self, is_open=True):
        """What customers owe, or have owed, who have automatic payment: of invoices that nobody has kept for others."""
        items = self.run_items(self.autopay_customers())
        return items.filtered(lambda item: not item.reconciled) if is_open else items

    def run_items(self, customers):
        """All that these have ever owed in this run."""
        moves = self.run_invoices.filtered(lambda move: move.partner_id in customers)
        return moves.sudo().line_ids.filtered(lambda line: line.account_type == "asset_receivable")

    def rule_charges(self):
        return self.env["payment.transaction"].sudo().search([("paylink_autopay", "=", True)])

    def switch_on(self, token):
        """The owner of a method has agreed to it."""
        token.partner_id.write({"paylink_autopay": True, "paylink_token_id": token.id})

    def autopay_page(self, customer):
        return self.env["paylink.autopay.page"]._for_customers(customer, self.company, self.manager)

    def switch_off(self, customer):
        """By the customer, on the page."""
        self.autopay_page(customer)._page_switch_off()
        self.done["automatic payment ended"] += 1

    def object(self, item):
        """By the customer, on the page, to what it shows."""
        page = self.autopay_page(item.partner_id)
        if row := page._row_of(str(item.id)):
            page._page_object(row)
            self.done["objection"] += 1

    def skip_or_resume(self, item):
        """By a user."""
        if self._row(item.move_id).is_skipped:
            item.move_id.action_paylink_autopay_resume()
        else:
            item.move_id.action_paylink_autopay_skip()
            self.done["skipped"] += 1

    def limit(self, customer):
        """No charge of anything, or of all again."""
        customer.write({"paylink_autopay_has_cap": not customer.paylink_autopay_has_cap, "paylink_autopay_cap": CAP})

    def charge_now(self, invoice):
        """By a user, whatever the rules say."""
        self.links |= self.env["paylink.link"].browse(self._charge_by_hand(invoice)["res_id"])
        self.done["charged by hand"] += 1

    def run_rule(self, days):
        """The job, some days later; it stores the wishes to charge.

        :return: the charges
        """
        self.day += days
        before, items = self.rule_charges(), self._items(self.run_invoices)
        in_flight, barred = items._paylink_in_flight(), items._paylink_charged_back() | self.unwanted()
        rows = self.env["paylink.autopay.item"].sudo().search([])
        announced = {row.move_line_id: row.announced_amount for row in rows if row.noticed_on}
        self.run_job("ir_cron_paylink_autopay")
        self.done["announced"] += len(rows.search([("noticed_on", "=", self.run_day())]))
        self._deliver_notices()
        made = self.rule_charges() - before
        for tx in made:
            charged = tx.paylink_id.line_ids.move_line_id
            self.assertLessEqual(charged, items.sudo(), "it was paid")
            self.assertFalse(charged & (in_flight.sudo() | barred), "it is on its way, or nobody wants it")
            if self.rule.notice_days:
                self.assertLessEqual(set(charged), set(announced), "it was not announced")
                self.assertLessEqual(tx.amount, sum(announced[item] for item in charged))
        self.links |= made.paylink_id.sudo(False)
        return made

    # === WHAT MUST HOLD === #

    def unwanted(self):
        """What may not be charged by rule: of others than the customers who want it, above their limits, skipped,
        objected to.
        """
        wanting = self.autopay_customers().filtered(lambda one: not one.paylink_autopay_has_cap)
        rows = self.env["paylink.autopay.item"].sudo().search([])
        skipped = rows.filtered(lambda row: row.is_skipped or row.partner_id not in wanting)
        return skipped.move_line_id

    def check_charges(self):
        """Nothing is sent that nobody wants to be charged by rule; what was received for an item by rule, was received
        once.
        """
        charges = self.rule_charges()
        sent = charges.filtered("paylink_sent_at")
        if new := sent - self.sent:
            wrong = new.paylink_id.line_ids.move_line_id & self.unwanted()
            self.assertFalse(wrong, wrong.move_id.mapped("name"))
        self.sent = sent
        received = {int(row.metadata["paylink_tx"]) for row in self.rows() if row.received}
        items = Counter(item for tx in charges if tx.id in received for item in tx.paylink_id.line_ids.move_line_id)
        self.assertFalse([item.move_id.name for item, count in items.items() if count > 1])

    def compare_stored(self):
        """What Stripe has stored is one profile here, of one customer, and can be charged here as long as it can be
        there; nobody relies on a method of somebody else.
        """
        tokens, requests = self.all_tokens(), self.requests_made.sudo()
        stored = [one for one in self.fake.realm().all("setup_intent") if one["status"] == "succeeded"]
        made = Counter(token.paylink_card_request_id for token in tokens)
        submitted = Counter(self.request_of(one) for one in stored)
        self.assertEqual({request: made[request] for request in requests}, {one: submitted[one] for one in requests})
        self.assertEqual(len(tokens), len(set(tokens.mapped("provider_ref"))))
        self.assertLessEqual({one["payment_method"] for one in stored}, set(tokens.mapped("provider_ref")))
        for token in tokens:
            attached = bool(self.fake.get(token.provider_ref)["customer"])
            self.assertEqual(token.active, attached, (token.display_name, token.paylink_profile_status))
        for request in requests:
            self.assertEqual(request.state == "stored", bool(request.token_id), request.name)
            self.assertFalse((request.replaces_id - request.token_id).active and request.token_id, request.name)
        for customer in self.customers.sudo():
            self.assertIn(customer.paylink_token_id.partner_id, (customer, customer.browse()), customer.name)

    def request_of(self, setup):
        """Whose submission a SetupIntent was."""
        return (
            self.env["payment.transaction"].sudo().browse(int(setup["metadata"]["paylink_tx"])).paylink_card_request_id
        )

    def count_stored(self):
        """What has happened, for the coverage."""
        requests = self.requests_made.sudo()
        for request in requests:
            self.done[f"request {request.state}"] += 1
        replaced = requests.filtered(lambda request: request.token_id and request.replaces_id - request.token_id)
        self.done["method replaced"] += len(replaced)
        rows, charges = self.env["paylink.autopay.item"].sudo().search([]), self.rule_charges()
        charged, links = charges.filtered(lambda tx: tx.state == "done"), charges.paylink_id
        refunds = charged.child_transaction_ids.filtered(lambda tx: tx.state == "done")
        self.done += Counter(
            {
                "charged by rule": len(charged),
                "declined by rule": len(charges.filtered(lambda tx: tx.state == "error")),
                "tried again by rule": sum(len(link.transaction_ids & charges) > 1 for link in links),
                "asked to confirm": len(rows.filtered(lambda row: row.decline == "authentication").link_id),
                "paid on the page": len((links.transaction_ids - charges).filtered(lambda tx: tx.state == "done")),
                "withdrawn": len(charges.filtered(lambda tx: tx.state == "cancel" and not tx.paylink_sent_at)),
                "refund of a charge by rule": len(refunds),
                "chargeback of a charge by rule": len(charges.paylink_dispute_ids),
            }
        )
        return self.done


class StoredLedgers(Ledgers):
    """Customers store methods without a payment, and rules charge them."""

    # === CARD REQUESTS === #

    @rule(pick=PICK, kind=st.sampled_from(["new", "existing", "update"]))
    def ask_for_method(self, pick, kind):
        stored = self.test.tokens()
        if kind == "update" and stored:
            self.test.ask(token=self._pick(pick, stored))
        else:
            self.test.ask(customer=None if kind == "new" else self._pick(pick, self.test.customers))

    @rule(pick=PICK, outcome=STORING, back=st.booleans())
    def store_method(self, pick, outcome, back):
        """On Stripe's page; Odoo learns of it as the customer comes back, or later."""
        request = self._pick(pick, self.test.storable() or self.test.ask(customer=self.test.customers[0]))
        if session := self.test.start_storing(request):
            self._at_stripe(self.fake.pay, session, "card", outcome)
            if back:
                self.test.come_back(request.transaction_ids.sorted("id")[-1:].sudo())

    @rule(pick=PICK, expires=st.booleans())
    @precondition(lambda self: self.test.storable())
    def end_request(self, pick, expires):
        """While the page at Stripe may be open."""
        self.test.end_request(self._pick(pick, self.test.storable()), expires)

    @rule(pick=PICK)
    @precondition(lambda self: self._linkable())
    def link_or_undo(self, pick):
        request = self._pick(pick, self._linkable())
        self._if_allowed(self.test.link_or_undo, request, self._pick(pick, self.test.customers))

    @rule(pick=PICK, by_user=st.booleans())
    @precondition(lambda self: self._stored())
    def remove_method(self, pick, by_user):
        """By a user, or in Stripe's dashboard, while it may be charged."""
        token = self._pick(pick, self._stored())
        if by_user:
            self._if_allowed(self.test.remove, token)
        else:
            self._at_stripe(self.fake.detach, token.provider_ref)

    # === AUTOMATIC PAYMENT === #

    @rule(pick=PICK, new=st.booleans())
    @precondition(lambda self: self.test.tokens())
    def switch_on(self, pick, new):
        """A customer who has stored a method agrees to it; perhaps another invoice is due."""
        token = self._pick(pick, self.test.tokens())
        if token.partner_id in self.test.customers:
            self.test.switch_on(token)
            if new:
                self.test.new_invoice(token.partner_id)

    @rule(notice=st.sampled_from([0, 0, NOTICE]), grouping=st.sampled_from(["customer", "document"]))
    def change_rule(self, notice, grouping):
        self.test.rule.write({"notice_days": notice, "grouping": grouping})

    @rule(days=st.integers(0, 2), outcome=CHARGES, unheard=st.booleans(), send=st.sampled_from([True, True, False]))
    @precondition(lambda self: self.test.autopay_customers())
    def run_rule(self, days, outcome, unheard, send):
        """Stripe may not be heard; what is not sent now is sent later, by a job."""
        if not self.test.autopay_items():
            self.test.new_invoice(self.test.autopay_customers()[0])
        self.started += self.test.run_rule(days)
        self._let_charges_end(self.test.autopay_customers(), outcome)
        if send:
            self.fake.fault("disconnect_after", "POST", times=int(unheard))
            self.test.send_waiting()

    @rule(days=st.integers(1, 2), outcome=CHARGES)
    @precondition(lambda self: self.test.autopay_customers())
    def pass_days(self, days, outcome):
        """Nothing else happens, and everybody is heard."""
        self.run_rule(days, outcome, unheard=False, send=True)
        self.test.deliver_and_handle()

    @rule(pick=PICK, outcome=CHARGES)
    @precondition(lambda self: self.test.autopay_items())
    def charge_now(self, pick, outcome):
        """By a user, at once, whatever the rules say."""
        item = self._pick(pick, self.test.autopay_items())
        self._let_charges_end(item.partner_id, outcome)
        self._if_allowed(self.test.charge_now, item.move_id.sudo(False))

    @rule(pick=PICK, act=st.sampled_from(["object", "skip_or_resume"]))
    @precondition(lambda self: self.test.autopay_items())
    def object_or_skip(self, pick, act):
        getattr(self.test, act)(self._pick(pick, self.test.autopay_items()).sudo(False))

    @rule(pick=PICK, act=st.sampled_from(["limit", "switch_off"]))
    @precondition(lambda self: self.test.autopay_customers())
    def limit_or_switch_off(self, pick, act):
        getattr(self.test, act)(self._pick(pick, self.test.autopay_customers()))

    # === WHAT MUST HOLD AT ANY TIME === #

    @invariant()
    def nothing_is_charged_by_rule_that_may_not_be(self):
        self.test.check_charges()

    # === HELPERS === #

    def _let_charges_end(self, customers, outcome):
        for token in customers.sudo().paylink_token_id:
            self._at_stripe(self.fake.set_outcome, token.provider_ref, outcome)

    def _linkable(self):
        return self.test.requests_made.filtered("linking")

    def _if_allowed(self, act, *args):
        """What is refused in words does not happen."""
        try:
            with self.test.env.cr.savepoint():
                act(*args)
        except UserError:
            self.test.env.invalidate_all()
