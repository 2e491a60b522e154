from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

PICK = st.integers(0, 99)
# Parts of what there is, of which the last one is all.
PART = st.sampled_from([0.2, 0.37, 0.5, 1, 1, 1])
CENTS = st.integers(1, 99999)
TERMS = st.sampled_from(["at once", "at once", "in parts", "discount"])
BEGINNING = st.sampled_from(["discount", "deposit", "in parts", "without entry", "write-off"])
FOREIGN = st.sampled_from([0, 0, 1])


class Sums(RuleBasedStateMachine):
    """A customer pays and gets money back, and an accountant does what accountants do, in any order.

    :cvar test: the running :class:`.test_sums.TestSums`
    """

    test = None

    def __init__(self):
        super().__init__()
        self.test.new_run()

    @initialize(beginning=BEGINNING, cents=CENTS, part=PART, foreign=FOREIGN)
    def begin(self, beginning, cents, part, foreign):
        self.test.begin(beginning, cents / 100, part, foreign)

    # === THE CUSTOMER AND THE BANK === #

    @rule(cents=CENTS, terms=TERMS, foreign=FOREIGN)
    def invoice(self, cents, terms, foreign):
        self.test.new_invoice(cents / 100, terms, foreign)

    @rule(pick=PICK, part=PART)
    @precondition(lambda self: self.test.payable_invoices())
    def pay_by_link(self, pick, part):
        self.test.pay(self._one(pick, self.test.payable_invoices()), part)

    @rule(cents=CENTS, foreign=FOREIGN)
    def pay_free_amount(self, cents, foreign):
        self.test.pay_free(cents / 100, foreign)

    @rule(cents=CENTS, part=PART)
    def pay_deposit(self, cents, part):
        self.test.pay_deposit(cents / 100, part)

    @rule(pick=PICK)
    @precondition(lambda self: self.test.open_orders())
    def invoice_order(self, pick):
        self.test.invoice_order(self._one(pick, self.test.open_orders()))

    @rule(pick=PICK, part=PART)
    @precondition(lambda self: self.test.disputable())
    def chargeback(self, pick, part):
        self.test.charge_back(self._one(pick, self.test.disputable()), part)

    @rule(pick=PICK)
    @precondition(lambda self: self.test.standing())
    def chargeback_is_won(self, pick):
        self.test.win(self._one(pick, self.test.standing()))

    # === WHO LOOKS AFTER PAYMENTS === #

    @rule(pick=PICK, part=PART)
    @precondition(lambda self: self.test.refundable())
    def refund(self, pick, part):
        self.test.refund(self._one(pick, self.test.refundable()), part)

    @rule(pick=PICK)
    @precondition(lambda self: self.test.refunds)
    def refund_fails(self, pick):
        self.test.undo(self._one(pick, self.test.refunds))

    # === THE ACCOUNTANT === #

    @rule(pick=PICK, part=PART, by_hand=st.sampled_from([False, False, True]))
    def credit_note(self, pick, part, by_hand):
        self.test.credit_note(self._one(pick, self.test.invoices), part, by_hand)

    @rule(cents=CENTS, sign=st.sampled_from([-1, 1]))
    def entry(self, cents, sign):
        self.test.entry(sign * cents / 100)

    @rule(pick=PICK, part=PART, write_off=st.booleans())
    @precondition(lambda self: self.test.open_invoices())
    def register_payment(self, pick, part, write_off):
        self.test.register(self._one(pick, self.test.open_invoices()), part, write_off)

    @rule(pick=PICK, part=PART)
    @precondition(lambda self: self.test.registrable_invoices())
    def register_without_entry(self, pick, part):
        self.test.register_without_entry(self._one(pick, self.test.registrable_invoices()), part)

    @rule(pick=PICK)
    @precondition(lambda self: self.test.without_entry)
    def reject_what_is_registered(self, pick):
        self.test.reject(self._one(pick, self.test.without_entry))

    @rule(cents=CENTS)
    def give_back_by_hand(self, cents):
        self.test.give_back(cents / 100)

    @rule(pick=PICK, cents=st.sampled_from([0, 1, 20000]))
    def change_document(self, pick, cents):
        """Reset to draft, changed perhaps, and posted again."""
        self.test.change(self._one(pick, self.test.documents()), cents / 100)

    @rule(pick=PICK)
    @precondition(lambda self: self.test.payments())
    def post_payment_again(self, pick):
        self.test.post_again(self._one(pick, self.test.payments()))

    @rule(pick=PICK)
    @precondition(lambda self: self.test.lettered())
    def unreconcile(self, pick):
        self.test.unreconcile(self._one(pick, self.test.lettered()))

    @rule(pick=PICK)
    @precondition(lambda self: self.test.pairs())
    def reconcile(self, pick):
        self.test.reconcile(*self._one(pick, self.test.pairs()))

    # === WHAT MUST HOLD AT ANY TIME === #

    @invariant()
    def nothing_is_lost_in_the_books(self):
        self.test.check_books()

    @invariant()
    def what_is_asked_is_what_the_account_says(self):
        self.test.check_asked()

    def teardown(self):
        self.test.check_everywhere()

    def _one(self, pick, found):
        return found[pick % len(found)]
