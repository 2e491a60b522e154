from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

METHODS = st.sampled_from(["card", "card", "sepa_debit"])
# How a customer's try ends; a debit that succeeds is only under way.
OUTCOMES = st.sampled_from(["succeed", "succeed", "generic_decline", "3ds_succeed", "3ds_fail", "authenticate"])
CHARGES = st.sampled_from(["succeed", "succeed", "insufficient_funds", "authentication_required"])
ORDERS = st.sampled_from(["fifo", "reverse", "shuffle"])
# What goes wrong with the API. A time-out is the same to us as a closed connection, but Odoo's tests let it take 10 s;
# `stall` needs a second thread: see unit_tests and live_tests.
FAULTS = st.sampled_from(["500", "500_done", "429", "503", "disconnect_before", "disconnect_after", "garbled"])
ANSWERABLE = ("needs_response", "warning_needs_response")
PICK = st.integers(0, 99)

DELAY = 600  # seconds by which a message is late


def exists(kind, *statuses):
    """A precondition: there is such an object at Stripe."""
    return precondition(lambda self: self._objects(kind, *statuses))


class Ledgers(RuleBasedStateMachine):
    """Customers, banks, users, the network and Stripe do what they can do to payments, in any order.

    What they do is done at the fake, over HTTP, or by a job: Odoo learns of it as it would from Stripe.

    :cvar test: the running :class:`.test_ledgers.TestLedgers`
    """

    test = None

    def __init__(self):
        super().__init__()
        self.fake, self.started, self.undone, self.registered = self.test.fake, [], 0, 0
        self.test.new_run()

    # === CUSTOMERS === #

    @initialize(method=METHODS, known=st.booleans())
    def begin(self, method, known):
        """A customer who has stored a card is charged by rule from now on; another one has paid, which Odoo knows, or
        does not know yet.
        """
        self.test.begin_autopay()
        self._try(self.test.open_page(self.test.new_link()), method, "succeed")
        if known:
            self.test.deliver_and_handle()

    @rule(method=METHODS, outcome=OUTCOMES, save=st.booleans())
    def pay_new_invoice(self, method, outcome, save):
        link = self.test.new_link()
        self._try(self.test.open_page(link, tokenize=save), method, outcome)

    @rule(method=METHODS, outcome=OUTCOMES, pick=PICK)
    def try_again(self, method, outcome, pick):
        """On a page that is still open."""
        self._try(self._one(pick), method, outcome)

    @rule(pick=PICK, succeed=st.booleans())
    def answer_the_bank(self, pick, succeed):
        if session := self._one(pick).paylink_stripe_session:
            self._at_stripe(self.fake.authenticate, session, succeed)

    @rule(pick=PICK, method=METHODS)
    def pay_in_second_tab(self, pick, method):
        """The link is opened once more, if anything seems to be due: two pages for the same money."""
        link = self._one(pick).paylink_id
        if link and self.test.is_payable(link):
            self._try(self.test.open_page(link), method, "succeed")

    @rule(pick=PICK)
    def come_back(self, pick):
        tx = self._one(pick)
        if tx.paylink_stripe_session:
            self.test.come_back(tx)

    @rule(pick=PICK, method=METHODS)
    def pay_by_second_link(self, pick, method):
        """Somebody has asked for the same invoice once more: the page of the first link is left open."""
        first = self._one(pick)
        if first.paylink_id and self.test.is_payable(first.paylink_id) and first.state == "draft":
            self._try(self.test.open_page(self.test.same_again(first.paylink_id)), method, "succeed")

    @rule(pick=PICK, outcome=CHARGES, unheard=st.booleans())
    @precondition(lambda self: self._stored())
    def charge_saved_method(self, pick, outcome, unheard):
        """A customer who has saved a method pays another invoice with it, with one click; Stripe may not be heard."""
        token = self._pick(pick, self._stored())
        self.fake.set_outcome(token.provider_ref, outcome)
        if unheard:
            self.fake.fault("disconnect_after", "POST", times=1)
        self.test.pay_with_token(self.test.new_link(token.partner_id), token)

    @rule(pick=PICK, method=METHODS, outcome=OUTCOMES)
    def pay_in_portal(self, pick, method, outcome):
        """The invoice of a link is paid in Odoo's portal, while the link's page may be open."""
        link = self._one(pick).paylink_id
        if not link or not self.test.is_payable(link):
            link = self.test.new_link()
        self._try(self.test.open_portal_page(link), method, outcome)

    # === BANKS AND THE DASHBOARD === #

    @rule(pick=PICK, succeed=st.booleans())
    @exists("payment_intent", "processing")
    def settle_debit(self, pick, succeed):
        intent = self._pick(pick, self._objects("payment_intent", "processing"))
        self._at_stripe(self.fake.settle, intent["id"], succeed)

    @rule(pick=PICK, amount=st.sampled_from([None, 1000, 2500]), fails=st.booleans())
    @exists("payment_intent", "succeeded")
    def refund_in_dashboard(self, pick, amount, fails):
        intent = self._pick(pick, self._objects("payment_intent", "succeeded"))
        refund = self._at_stripe(self.fake.refund, intent["latest_charge"], amount)
        if refund and fails:
            self._at_stripe(self.fake.fail_refund, refund["id"])

    @rule(pick=PICK)
    @exists("payment_intent", "succeeded")
    @precondition(lambda self: self.undone < 2)
    def booked_refund_fails(self, pick):
        """Its money comes back when it has been in the books for a while.

        Twice in a run: everything has to be booked for it, which took half of the time that all other rules have.
        """
        self.undone += 1
        intent = self._pick(pick, self._objects("payment_intent", "succeeded"))
        if refund := self._at_stripe(self.fake.refund, intent["latest_charge"], 1000):
            self.test.deliver_and_handle()
            self._at_stripe(self.fake.fail_refund, refund["id"])

    @rule(pick=PICK, succeed=st.booleans())
    @exists("refund", "pending", "succeeded")
    def refund_ends(self, pick, succeed):
        """Also one that has succeeded may still fail."""
        refund = self._pick(pick, self._objects("refund", "pending", "succeeded"))
        self._at_stripe(self.fake.settle_refund if succeed else self.fake.fail_refund, refund["id"])

    @rule(pick=PICK, amount=st.sampled_from([None, 4000]), inquiry=st.booleans(), won=st.sampled_from([None, 0, 1]))
    @precondition(lambda self: self._disputable())
    def dispute(self, pick, amount, inquiry, won):
        """By a bank that takes each payment back once, and may decide before we have heard of it."""
        intent = self._pick(pick, self._disputable())
        dispute = self._at_stripe(self.fake.dispute, intent["id"], amount=amount, inquiry=inquiry)
        if dispute and won is not None:
            self._at_stripe(self.fake.close_dispute, dispute["id"], bool(won))

    @rule(pick=PICK, won=st.booleans(), fee_back=st.booleans())
    @exists("dispute", *ANSWERABLE)
    def close_dispute(self, pick, won, fee_back):
        dispute = self._pick(pick, self._objects("dispute", *ANSWERABLE))
        self._at_stripe(self.fake.close_dispute, dispute["id"], won, fee_back)

    # === USERS === #

    @rule(pick=PICK, outcome=CHARGES, paid=st.booleans())
    @precondition(lambda self: not self.registered and self._stored())
    def register_payment(self, pick, outcome, paid):
        """In Accounting, with a method that the customer has saved, perhaps for what is being paid already.

        Once in a run: Odoo's dialog takes as long as ten other things.
        """
        self.registered += 1
        token = self._pick(pick, self._stored())
        self.fake.set_outcome(token.provider_ref, outcome)
        link = self._one(pick).paylink_id
        if not paid or not link or link.partner_id != token.partner_id:
            link = self.test.new_link(token.partner_id)
        self.test.register(link, token)

    @rule(pick=PICK, amount=st.sampled_from([10, 25, 100]))
    @precondition(lambda self: self.test.refundable())
    def refund_in_odoo(self, pick, amount):
        self.test.refund(self._pick(pick, self.test.refundable()), amount)

    @rule(pick=PICK, expires=st.booleans())
    def end_link(self, pick, expires):
        link = self._one(pick).paylink_id
        if link and expires:
            self.test.expire(link)
        elif link.state in ("open", "failed"):
            link.action_cancel()

    # === STRIPE, THE NETWORK AND THE JOBS === #

    @rule(kind=st.sampled_from(["drop", "duplicate", "delay"]), times=st.integers(1, 6))
    def disturb_messages(self, kind, times):
        self.fake.disturb(kind, times=times, seconds=DELAY)

    @rule(kind=FAULTS, times=st.integers(1, 3), method=st.sampled_from(["GET", "POST", "*"]))
    def disturb_api(self, kind, times, method):
        self.fake.fault(kind, method, times=times)

    @rule(pick=PICK)
    def page_expires(self, pick):
        """The customer has left it open for too long."""
        if session := self._one(pick).paylink_stripe_session:
            self._at_stripe(self.fake.expire, session)

    @rule(limit=st.sampled_from([2, None]), order=ORDERS, late=st.booleans(), handle=st.booleans())
    def deliver(self, limit, order, late, handle):
        """Some messages or all of them, those that were delayed too; and they are handled, or wait."""
        self.fake.advance(DELAY if late else 0)
        self.test.deliver(limit=limit, order=order)
        if handle:
            self.test.run_job()
            self.test.send_waiting()

    @rule(job=st.sampled_from(["handle_events", "send", "book", "sweep_events"]))
    def run_job(self, job):
        self.test.run_job(f"ir_cron_paylink_{job}")

    # === WHAT MUST HOLD AT ANY TIME === #

    @invariant()
    def one_payment_per_intent(self):
        self.test.check_payments()

    @invariant()
    def nothing_is_charged_twice_for_one_click(self):
        self.test.check_intents()

    @invariant()
    def what_is_paid_can_not_be_paid_again(self):
        self.test.check_pages()

    def teardown(self):
        self.test.drain()
        self.test.compare()
        self.test.count()
        self.test.end_run()

    # === HELPERS === #

    def _try(self, tx, method, outcome):
        if tx not in self.started:
            self.started.append(tx)
        if tx.paylink_stripe_session:
            self._at_stripe(self.fake.pay, tx.paylink_stripe_session, method, outcome)

    def _at_stripe(self, act, *args, **kwargs):
        """What Stripe itself refuses (a paid page, too much refunded) does not happen."""
        try:
            return act(*args, **kwargs)
        except Exception as error:
            refused = type(error).__module__.endswith("fake_stripe.errors")
            if not refused and not isinstance(error, ValueError | KeyError):
                raise
        return None

    def _one(self, pick):
        return self._pick(pick, self.started)

    def _stored(self):
        return self.test.tokens()

    def _disputable(self):
        known = {one["payment_intent"] for one in self.fake.realm().all("dispute")}
        return [one for one in self._objects("payment_intent", "succeeded") if one["id"] not in known]

    def _pick(self, pick, found):
        return found[pick % len(found)]

    def _objects(self, kind, *statuses):
        """This run's objects at Stripe of a kind and with one of these statuses."""
        mine = self.test.intent_ids()
        return [
            one
            for one in self.fake.realm().all(kind)
            if one["status"] in statuses and (one["id"] in mine or one.get("payment_intent") in mine)
        ]
