"""A page that anyone may open is attacked: what that makes, and whether it tells who is a customer.

``PAYLINK_TRIES=10000`` has as many tries as that; a few hundred are enough to see that nothing has changed.
"""

import contextlib
import itertools
import math
import os
import random
import re
import statistics
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import requests
from support import CONFLICTS, TIMEOUT, Ledger, log_in, server

TRIES = int(os.environ.get("PAYLINK_TRIES") or 240)
VISITORS = 4
CUSTOMERS = 50
# No try may take longer, in the mean, with two workers.
SECONDS_EACH = 0.5
# So many standard deviations are no chance anymore: once in 15,000 runs.
TOO_FAR = 4
CAPS = {"address": 3, "network": 10, "page": 100, "site": 30}
# What a stranger must not make.
THINGS = ("res_partner", "sms_sms", "paylink_card_request", "payment_token", "payment_transaction")
SCRIPT = f"""
page = company._paylink_open_template()
known = [customer(f"Known{{n}}") for n in range({CUSTOMERS})]
saved_method(known[0], provider_ref="demo", demo_simulated_state="done")
invoice(known[1])
known[2].active = False
env["mail.blacklist"]._add(known[3].email)
done({{"page": page.public_token, "known": [found.email for found in known] + ["admin@example.com"]}})
"""


class Visitor:
    """Somebody with a browser, who comes from another network each time."""

    def __init__(self, odoo, token, seed=0):
        self.page, self.host = f"{odoo.url}/card/open/{token}", odoo.url.partition("//")[2]
        self.session, self.random = requests.Session(), random.Random(seed)

    def _headers(self):
        address = ".".join(str(self.random.randrange(1, 255)) for _n in range(4))
        return {"X-Forwarded-For": address, "X-Forwarded-Host": self.host, "X-Forwarded-Proto": "http"}

    def send(self, path, **data):
        """Send a form of the page; return the answer."""
        return self.session.post(self.page + path, data=data, headers=self._headers(), timeout=TIMEOUT)

    def ask(self, email, **said):
        """Ask for a code; return the answer, without what was typed and what is drawn anew each time."""
        answer = self.send("/ask", given_name="Ada", given_email=email, **said)
        text = answer.text.replace(email, "EMAIL")
        return answer, re.sub(r'(name="ticket" value=")[^"]+', r"\1TICKET", text)


def too_far(known, unknown):
    """How many standard deviations the ranks of two lists of times are apart, if nothing told them apart.

    Mann and Whitney's test, with its normal approximation: it does not care for the few that take much longer, and a
    shift of less than the noise shows, if only there are enough.
    """
    ranks, ordered = {}, sorted(itertools.chain(known, unknown))
    for rank, value in enumerate(ordered, 1):
        ranks.setdefault(value, []).append(rank)
    sizes = len(known), len(unknown)
    above = sum(statistics.fmean(ranks[value]) for value in known) - sizes[0] * (sizes[0] + 1) / 2
    mean, deviation = math.prod(sizes) / 2, math.sqrt(math.prod(sizes) * (sum(sizes) + 1) / 12)
    return (above - mean) / deviation


def smallest_leak(known, unknown):
    """The shift, in seconds, that would be noticed among these times."""
    steps = (shift / 10_000 for shift in range(1, 10_000))
    return next(shift for shift in steps if too_far([each + shift for each in known], unknown) > TOO_FAR)


class TestOpenPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.odoo, cls.data = stack.enter_context(server("open_page", SCRIPT, CONFLICTS, options=["--proxy-mode"]))
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)
        cls.user = log_in(cls.odoo)

    def visitor(self, seed=0):
        return Visitor(self.odoo, self.data["page"], seed)

    def count(self, table, where="true"):
        return self.ledger.value(f"SELECT count(*) FROM {table} WHERE {where}")

    def set_caps(self, caps):
        for name, cap in caps.items():
            parameter = f"paylink_addon.max_card_codes_per_{name}"
            self.user.call("ir.config_parameter", "set_param", [parameter, str(cap)])

    def test_many_tries_make_nothing(self):
        """Neither customers nor text messages, and no more e-mails than the page may send."""
        self.set_caps(CAPS)
        self.ledger.rows("DELETE FROM paylink_card_code RETURNING id")
        before, mails = [self.count(table) for table in THINGS], self.count("mail_mail")
        start = time.monotonic()
        with ThreadPoolExecutor(VISITORS) as pool:
            codes = list(itertools.chain(*pool.map(self.attack, range(VISITORS))))
        duration = time.monotonic() - start
        statuses = {code: codes.count(code) for code in sorted(set(codes))}
        print(f"\n{len(codes)} tries in {duration:.0f} s: {statuses}; {self.count('mail_mail') - mails} e-mails")
        self.assertLessEqual(set(statuses), {200, 422, 429})
        again = self.odoo.log_text().count("tries left")
        self.assertLessEqual(again, VISITORS, "a request that is run again keeps a worker for seconds")
        self.assertLess(duration, len(codes) * SECONDS_EACH)
        self.assertEqual([self.count(table) for table in THINGS], before)
        sent = self.count("paylink_card_code")
        self.assertLessEqual(sent, CAPS["page"])
        self.assertGreater(sent, 0)
        self.assertEqual(self.count("mail_mail") - mails, sent)
        self.assertEqual(
            self.count("mail_activity", "starts_with(paylink_key, 'card_page_full')"), sent // CAPS["page"]
        )

    def attack(self, seed):
        """One visitor's share of the tries: customers' addresses and others, guessed codes, what is no form at all."""
        visitor, ticket, codes = self.visitor(seed), "x", []
        for number in range(TRIES // VISITORS):
            email = self.data["known"][number % CUSTOMERS] if number % 2 else f"n{seed}-{number}@example.com"
            kind = number % 10
            if kind < 6:
                answer, _text = visitor.ask(email, given_phone="+33 6 12 34 56 78", given_vat="FR40303265045")
                ticket = re.search(r'name="ticket" value="([^"]+)', answer.text)[1] if answer.ok else ticket
            elif kind < 8:
                answer = visitor.send("/code", ticket=ticket, code=f"{visitor.random.randrange(10**6):06}", email=email)
            elif kind < 9:
                answer = visitor.send("/ask", given_name="<script>", given_email="nobody", given_phone="\x00")
            else:
                answer = visitor.send("/opened", x="1")
            codes.append(answer.status_code)
        return codes

    def test_nothing_tells_who_is_a_customer(self):
        """Of each kind of answer the status, the words, and the time are the same."""
        for name, caps in {"a code is sent": dict.fromkeys(CAPS, 10**7), "too many": CAPS | {"page": 0}}.items():
            with self.subTest(name):
                self.set_caps(caps)
                times, texts = self.compare()
                self.assertEqual(len(texts), 1, f"{len(texts)} different answers")
                known, unknown = times[True], times[False]
                distance, leak = too_far(known, unknown), smallest_leak(known, unknown)
                print(
                    f"\n{name}: {len(known)} + {len(unknown)} tries, medians {statistics.median(known) * 1000:.2f} and "
                    f"{statistics.median(unknown) * 1000:.2f} ms, {distance:+.1f} standard deviations apart; "
                    f"{leak * 1000:.1f} ms would be noticed"
                )
                self.assertLess(abs(distance), TOO_FAR)
                self.assertLess(leak, statistics.median(unknown), "too much noise to notice anything")

    def compare(self):
        """Times by whether it is a customer's address, and the answers; one after the other, in no order."""
        visitor, times, texts = self.visitor(), {True: [], False: []}, set()
        known = itertools.cycle(self.data["known"])
        order = [True, False] * (TRIES // 4)
        visitor.random.shuffle(order)
        for number, is_known in enumerate(order):
            email = next(known) if is_known else f"unknown{number}@example.com"
            start = time.perf_counter()
            answer, text = visitor.ask(email)
            times[is_known].append(time.perf_counter() - start)
            texts.add((answer.status_code, text))
        return times, texts


class TestStatistic(unittest.TestCase):
    def test_a_leak_is_noticed(self):
        """One millisecond in twenty-five, below the noise: one look-up more."""
        times = random.Random(7)
        noise = lambda shift: [0.025 + shift + times.expovariate(300) for _n in range(2500)]  # noqa: E731
        self.assertLess(abs(too_far(noise(0), noise(0))), TOO_FAR)
        self.assertGreater(too_far(noise(0.001), noise(0)), TOO_FAR)
