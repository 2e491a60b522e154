"""Which link or invoice a bank line pays: the decision alone, over what :mod:`..models.bank` has read.

**Proof** is a reference of ours with the right check digits, or the whole number of a link, and exactly what is due;
numbers of invoices with exactly their amount, from a payer who is known; or an amount that, of all that the owner of
the paying account owes, only one thing has. Of a link that may be paid in parts, its reference is proof of any part.
What comes from the account of another customer is never proof, nor is anything where a payment that was registered by
hand may be the same money. All else is a **proposal**: it has a score, and says why. Amounts are whole numbers of the
smallest unit of the line's currency.
"""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import date
from functools import cached_property, lru_cache
from typing import NamedTuple

from .creditor_reference import plain

# A piece of a number, such as those of FAC/2026/00012; and what joins two pieces for which it is one number.
_PIECE = re.compile(r"[A-Z0-9]+")
_JOINED = re.compile(r"[-/._]")
_LONGEST_NUMBER, _LEAST_DIGITS, _MOST_PIECES = 24, 4, 5
# What people and companies are called beside their names.
_TITLES = frozenset(
    [
        "M",
        "MR",
        "MME",
        "MLLE",
        "MRS",
        "MS",
        "MONSIEUR",
        "MADAME",
        "OU",
        "ET",
        "SARL",
        "SAS",
        "SASU",
        "SA",
        "EURL",
        "SCI",
        "INC",
        "LTD",
        "LTEE",
        "LIMITED",
    ]
)
# So many proposals are shown of a line at most, and so many looked at of what is named, or announced, alike.
MOST_PROPOSALS, MOST_NAMES = 5, 50
# How many days after the day that a customer has named a transfer arrives.
CLAIM_EARLY, CLAIM_LATE = -5, 21

SCORES = {
    "reference": 60,
    "bare_reference": 50,
    "link_number": 50,
    "invoice_number": 45,
    "iban": 40,
    "partner": 30,
    "name": 25,
    "claimed": 15,
    "claimed_account": 10,
    "amount": 38,
    "several": -3,
    "fees": 25,
    "over": 5,
    "part": 5,
    "ambiguous": -15,
    "contested": -15,
    "other_payer": -25,
    "paid_already": -15,
    "cancelled": -25,
    "payment": 20,
}


class Target(NamedTuple):
    """What may be paid: a link, or open items of one customer.

    ``due``: what is open; ``asked``: what the page asks for at first, of invoices in installments; ``discounted``:
    what is enough until ``discount_until``; ``claimed``: what the customer has announced, to have been sent on
    ``claimed_on``, from the account that ends with ``claimed_from``; ``state``: a link's, else ``open``.
    """

    link_id: int | None
    items: frozenset
    due: int
    customer: int
    name: str = ""
    discounted: int = 0
    discount_until: date | None = None
    allows_part: bool = False
    state: str = "open"
    claimed: int | None = None
    claimed_on: date | None = None
    asked: int | None = None
    claimed_from: str | None = None

    @property
    def key(self):
        """What tells whether two are the same thing."""
        return self.items or self.link_id

    def fits(self, line):
        """Whether the amount of ``line`` is exactly what is due, with or without a discount, or asked for."""
        amount = line.amount
        return self.due > 0 < amount and (amount == self.due or amount in (self.due_on(line.date), self.asked))

    def due_on(self, day):
        """What is due on a day: less the early payment discount while it lasts."""
        return self.discounted if self.discount_until is not None and day <= self.discount_until else self.due

    def is_claimed(self, line):
        """Whether the customer has announced a transfer of this amount, about this day."""
        if self.claimed != line.amount or self.claimed_on is None:
            return False
        return CLAIM_EARLY <= (line.date - self.claimed_on).days <= CLAIM_LATE

    def claim_reasons(self, line):
        """What an announcement tells: that it was this transfer, from the account that paid. Never a proof."""
        if not self.is_claimed(line):
            return ()
        is_from = self.claimed_from and line.account.endswith(self.claimed_from)
        return ("claimed", "claimed_account") if is_from else ("claimed",)


class Line(NamedTuple):
    """A line of a bank: money that came. Its texts are :func:`~.creditor_reference.plain`.

    ``references``: what ``text`` holds of ours; ``account``: that which paid, in letters and digits; ``customers``:
    those who own it; ``partner``: whom somebody has named on the line; ``refused``: the keys of what was undone or
    rejected.
    """

    id: int
    place: tuple
    amount: int
    date: date
    text: str
    references: tuple
    payer: str
    customers: frozenset = frozenset()
    partner: int | None = None
    refused: frozenset = frozenset()
    fee_limit: int = 0
    journal: int | None = None
    account: str = ""


class Decision(NamedTuple):
    """What a line pays: all of ``targets`` together. With a ``proof`` nobody has to be asked."""

    line: Line
    targets: tuple
    reasons: tuple
    proof: bool = False

    @property
    def score(self):
        """Between 1 and 99; 100 for what is proven."""
        return 100 if self.proof else max(1, min(99, sum(SCORES[reason] for reason in self.reasons)))

    @property
    def keys(self):
        """What it takes, for others to see that they want the same."""
        return {key for target in self.targets for key in (target.items or [("link", target.link_id)])}


class World:
    """What the lines are compared with. Each place is a company and a currency.

    - ``links``: :class:`Target` by ``(place, number)``: the id that a reference holds
    - ``numbers``: lists of targets by ``(place, number as text without signs)``
    - ``owed``: lists of targets by ``(place, customer)``: each open item, each live link, and all of it
    - ``named``: lists of targets by ``(place, amount)``: open items and links of anybody with this amount
    - ``claims``: lists of targets by ``(place, announced amount)``
    - ``payments``: lists of targets by ``(place, journal, amount)``: what somebody has registered by hand, of which the
      bank has not shown the money yet

    Thousands may owe the same amount: what a line is compared with is looked up, never gone through line by line.
    """

    def __init__(self):
        self.links, self.numbers, self.owed, self.named, self.claims, self.payments = {}, {}, {}, {}, {}, {}
        self._views = {}

    def _view(self, which, key):
        if not (targets := getattr(self, which).get(key)):
            return _NOTHING
        return self._views.setdefault((which, key), _View(targets))

    def registered(self, line, customers):
        """What was registered by hand of ``customers`` with the amount of ``line``."""
        view = self._view("payments", (line.place, line.journal, line.amount))
        return [target for customer in sorted(customers) for target in view.by_customer.get(customer, ())]

    def owed_by(self, line, customers):
        """What ``customers`` owe, as one view for each."""
        return [self._view("owed", (line.place, customer)) for customer in sorted(customers)]

    def called(self, line, words):
        """What has the amount of ``line``, of customers whose names are among ``words``."""
        views = (
            self._view("named", (line.place, line.amount)),
            self._view("payments", (line.place, line.journal, line.amount)),
        )
        found = [target for view in views for target in view.called(words)]
        return {target.key: target for target in found}


class _View:
    """Ways to find some of many targets."""

    def __init__(self, targets):
        self._targets = targets

    @cached_property
    def by_customer(self):
        found = defaultdict(list)
        for target in self._targets:
            found[target.customer].append(target)
        return found

    @cached_property
    def by_amount(self):
        """By what is enough for them, on some day at least."""
        found = defaultdict(list)
        for target in {(target.key, target.due): target for target in self._targets}.values():
            for amount in {target.due, target.discounted if target.discount_until else target.due}:
                found[amount].append(target)
        return found

    @cached_property
    def by_due(self):
        """Each thing once, what is least first."""
        return sorted({target.key: target for target in self._targets}.values(), key=lambda target: target.due)

    def short(self, line):
        """What is due by a little more than ``line`` brings: a bank may have kept as much."""
        start = bisect_right(self.by_due, line.amount, key=lambda target: target.due)
        end = bisect_right(self.by_due, line.amount + line.fee_limit, key=lambda target: target.due)
        return self.by_due[start:end]

    @cached_property
    def _by_word(self):
        """Names with what they owe, by the word that the fewest of these names have."""
        names = defaultdict(list)
        for target in self._targets:
            if words := _customer_words(target.name):
                names[words].append(target)
        often = Counter(word for words in names for word in words)
        found = defaultdict(list)
        for words, targets in names.items():
            if _is_name(words):
                found[min(words, key=lambda word: (often[word], word))].append((words, targets[:MOST_NAMES]))
        return found

    def called(self, words):
        """Of those whose names are among ``words``, some of each name."""
        return [
            target
            for word in sorted(words)
            for name, targets in self._by_word.get(word, ())
            if name <= words
            for target in targets
        ]


_NOTHING = _View(())


def numbers(text):
    """What may be numbers of documents in ``text``: pieces that stand together, without the signs between them."""
    pieces = list(_PIECE.finditer(text))
    found = set()
    for start, first in enumerate(pieces):
        if not _begins(text, first):
            continue
        whole = ""
        for index in range(start, min(start + _MOST_PIECES, len(pieces))):
            piece = pieces[index]
            if index > start and piece.start() - pieces[index - 1].end() > 3:
                break
            whole += piece.group()
            if len(whole) > _LONGEST_NUMBER:
                break
            if sum(map(str.isdigit, whole)) >= _LEAST_DIGITS and _ends(text, piece):
                found.add(whole)
    return found


def _begins(text, piece):
    """Whether no number goes on with it."""
    before = text[max(piece.start() - 2, 0) : piece.start()]
    return not (_JOINED.match(before[-1:]) and before[:1].isdigit())


def _ends(text, piece):
    """Whether it does not go on after it."""
    after = text[piece.end() : piece.end() + 2]
    return not (_JOINED.match(after[:1]) and after[1:].isdigit())


@lru_cache(maxsize=10_000)
def name_words(name):
    """The words of a name, without titles and forms of companies."""
    return frozenset(_PIECE.findall(name)) - _TITLES


@lru_cache(maxsize=100_000)
def _customer_words(name):
    """The same of a name as it is written in Odoo."""
    return name_words(plain(name))


def _is_name(words):
    """Whether these words tell anything: two, of more than initials."""
    return len("".join(words)) > 3 and len(words) > 1


def decide(lines, world):
    """What each of ``lines`` pays: a list of :class:`Decision`, several for a line where it is not clear.

    What two lines want for the same amount alone, neither gets without being asked.
    """
    decisions = [decision for line in lines for decision in _decide_one(line, world)]
    return _uncontested(decisions)


def _decide_one(line, world):
    for look in (_by_reference, _by_number, _by_payer, _by_name, _by_claim):
        found = look(line, world)
        if found and line.refused:
            found = [_without_proof(decision) for decision in found if not _is_refused(decision)]
        if found:
            break
    else:
        return []
    for decision in found:
        if decision.proof:
            return [decision]
    return sorted(found, key=lambda decision: -decision.score)[:MOST_PROPOSALS]


def _is_refused(decision):
    return not decision.line.refused.isdisjoint(target.key for target in decision.targets)


def _without_proof(decision, *reasons):
    return decision._replace(proof=False, reasons=(*decision.reasons, *reasons))


def _uncontested(decisions):
    """A reference says what is meant, an amount does not: what several lines want for that is only proposed."""
    if not any(decision.proof and "reference" not in decision.reasons for decision in decisions):
        return decisions
    wanted = {}
    for decision in decisions:
        if decision.proof:
            for key in decision.keys:
                wanted.setdefault(key, []).append(decision)
    contested = {key for key, found in wanted.items() if len({decision.line.id for decision in found}) > 1}
    return [
        _without_proof(decision, "contested")
        if decision.proof and "reference" not in decision.reasons and decision.keys & contested
        else decision
        for decision in decisions
    ]


# === BY A REFERENCE OF OURS === #


def _by_reference(line, world):
    found = {number: is_sure for number, is_sure in line.references if (line.place, number) in world.links}
    if not found:
        return []
    is_sure, targets = all(found.values()), [world.links[line.place, number] for number in found]
    reasons = ("reference" if is_sure else "bare_reference",)
    if len(targets) > 1:
        decision = _of_several(line, tuple(targets), reasons, is_sure=is_sure)
    else:
        decision = _of_one(line, targets[0], reasons, may_be_part=True)
    return _or_registered(line, [decision], reasons, world)


def _or_registered(line, decisions, reasons, world):
    """Somebody may have noted the transfer before the bank has shown it: then the line is the money of that payment.

    Where the amount is that of a payment and what is due as well, nobody can tell.
    """
    if not world.payments:
        return decisions
    customers = {target.customer for decision in decisions for target in decision.targets}
    if not (registered := world.registered(line, customers)):
        return decisions
    known = {reason for target in registered for reason in _payer_reasons(line, target)}
    paid = _by_registered(line, registered, (*reasons, *sorted(known)))
    fitting = [decision for decision in decisions if decision.proof or "amount" in decision.reasons]
    return [_without_proof(decision, "ambiguous") for decision in (*fitting, *paid)] if fitting else paid


def _by_registered(line, registered, reasons):
    """The line is the money of a payment that was registered by hand; of several, nobody can tell which."""
    unclear = ("ambiguous",) if len(registered) > 1 else ()
    sure = {"reference", "iban"} & set(reasons) and "other_payer" not in reasons and not unclear
    return [Decision(line, (target,), (*reasons, "payment", "amount", *unclear), bool(sure)) for target in registered]


def _of_one(line, target, reasons, *, may_be_part=False):
    """The decision for one target that the line names.

    :param bool may_be_part: whether a part may be proven, too, where the link allows it
    """
    known = _payer_reasons(line, target, by_name=reasons[0] != "reference")
    sure = reasons[0] != "bare_reference" and "other_payer" not in known
    reasons = (*reasons, *known)
    if target.state in ("draft", "cancelled"):
        return Decision(line, (target,), (*reasons, "cancelled"))
    if target.fits(line):
        return Decision(line, (target,), (*reasons, "amount"), sure or bool({"iban", "name"} & set(known)))
    if target.due <= 0:
        return Decision(line, (target,), (*reasons, "paid_already"))
    if line.amount > target.due:
        return Decision(line, (target,), (*reasons, "over"))
    if target.due - line.amount <= line.fee_limit:
        return Decision(line, (target,), (*reasons, "fees"))
    return Decision(line, (target,), (*reasons, "part"), sure and may_be_part and target.allows_part)


def _of_several(line, targets, reasons, *, is_sure):
    """All that a line names: together, if that is what came."""
    fits = sum(target.due for target in targets) == line.amount and all(target.due > 0 for target in targets)
    apart = len({key for target in targets for key in (target.items or [target.link_id])}) == sum(
        len(target.items) or 1 for target in targets
    )
    usable = all(target.state not in ("draft", "cancelled") for target in targets)
    foreign = any("other_payer" in _payer_reasons(line, target) for target in targets)
    reasons = (*reasons, "several", "amount" if fits else "ambiguous", *(["other_payer"] if foreign else []))
    return Decision(line, targets, reasons, is_sure and fits and apart and usable and not foreign)


def _payer_reasons(line, target, *, by_name=True):
    """What the payer tells of a target: the account is the customer's, or somebody else's; or the name is.

    An account that the customer shares with others tells nothing of its own.
    """
    if line.customers == {target.customer}:
        return ("iban",)
    if line.customers and target.customer not in line.customers:
        return ("other_payer",)
    if line.partner and not line.customers:
        return ("partner",) if line.partner == target.customer else ("other_payer",)
    return ("name",) if by_name and _has_name(line, target) else ()


def _has_name(line, target):
    words = _customer_words(target.name)
    return _is_name(words) and words <= name_words(line.payer or line.text)


# === BY A NUMBER === #


def _by_number(line, world):
    links, documents = {}, {}
    for number in numbers(line.text):
        for target in world.numbers.get((line.place, number), ()):
            (links if target.link_id else documents)[target.key] = target
    asked = frozenset(item for target in links.values() for item in target.items)
    documents = {key: target for key, target in documents.items() if not (asked and key <= asked)}
    found = _by_documents(line, tuple(documents.values())) if not links else _by_links(line, links, documents)
    return _or_registered(line, found, ("link_number" if links else "invoice_number",), world)


def _by_links(line, links, documents):
    if documents:
        return [
            _without_proof(_of_one(line, target, ("link_number",)), "ambiguous")
            for target in (*links.values(), *documents.values())
        ]
    if len(links) == 1:
        return [_of_one(line, *links.values(), ("link_number",))]
    return [_of_several(line, tuple(links.values()), ("link_number",), is_sure=False)]


def _by_documents(line, documents):
    """Numbers of invoices may be anybody's: they are proof from a payer who is known."""
    if len(documents) == 1:
        decision = _of_one(line, documents[0], ("invoice_number",))
        return [decision if {"iban", "name"} & set(decision.reasons) else _without_proof(decision)]
    if not documents:
        return []
    known = [_payer_reasons(line, target) for target in documents]
    is_known = all({"iban", "name"} & set(reasons) for reasons in known)
    together = _of_several(line, documents, ("invoice_number",), is_sure=is_known)
    if "amount" in together.reasons:
        return [together]
    fitting = [_of_one(line, target, ("invoice_number",)) for target in documents if target.fits(line)]
    return [_without_proof(decision, "ambiguous") for decision in fitting] or [together]


# === BY THE PAYER === #


def _by_payer(line, world):
    """Of what the owner of the account owes, what has exactly this amount; if one thing only, that is proof."""
    if line.customers:
        customers, reason = line.customers, "iban"
    elif line.partner:
        customers, reason = {line.partner}, "partner"
    else:
        return []
    views, registered = world.owed_by(line, customers), world.registered(line, customers)
    same = {target.key: target for view in views for target in view.by_amount.get(line.amount, ())}
    fitting = [target for target in same.values() if target.fits(line)]
    if registered and not fitting and len(customers) == 1:
        return _by_registered(line, registered, (reason,))
    fitting += registered
    reasons = (reason, "amount")
    if len(fitting) == 1:
        proof = reason == "iban" and len(customers) == 1
        return [_with_claim(line, Decision(line, (fitting[0],), reasons, proof))]
    if fitting:
        return [_with_claim(line, Decision(line, (target,), (*reasons, "ambiguous"))) for target in fitting]
    return _by_payer_nearly(line, views, reason)


def _by_payer_nearly(line, views, reason):
    """Nothing has this amount: what is short by fees, or the only thing that is owed."""
    short = [target for view in views for target in view.short(line)]
    if short:
        reasons = (reason, "fees", *(["ambiguous"] if len(short) > 1 else []))
        return [Decision(line, (target,), reasons) for target in short]
    owed = [target for view in views for target in view.by_due[:2]]
    if len(owed) == 1 and owed[0].due > 0:
        return [Decision(line, (owed[0],), (reason, "over" if line.amount > owed[0].due else "part"))]
    return []


def _by_name(line, world):
    """Names are no proof: two customers may be called alike."""
    found = world.called(line, name_words(line.payer or line.text))
    unclear = ("ambiguous",) if len(found) > 1 else ()
    return [_with_claim(line, Decision(line, (target,), ("name", "amount", *unclear))) for target in found.values()]


def _by_claim(line, world):
    found = [target for target in world.claims.get((line.place, line.amount), ()) if target.is_claimed(line)]
    unclear = ("ambiguous",) if len(found) > 1 else ()
    return [
        Decision(line, (target,), (*target.claim_reasons(line), "amount" if target.fits(line) else "part", *unclear))
        for target in found
    ]


def _with_claim(line, decision):
    """What the customer has announced is likelier."""
    told = {reason: None for target in decision.targets for reason in target.claim_reasons(line)}
    return decision._replace(reasons=(*decision.reasons, *told))
