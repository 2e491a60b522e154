"""What those get who guess, pry, or bring too much: nothing, and no trace of a token in the log."""

import contextlib
import http.client
import re
import secrets
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlsplit

import requests
from support import TIMEOUT, Ledger, Payer, call, log_in, server

GUESSES = 200
KIBIBYTE = 1024
PATHS = ("", "/help", "/status", "/qr", "/receipt")
# What the forms of a page are sent to, and how a body of each kind begins.
KINDS = ("promise", "transfer", "objection", "forward", "plan")
FORMS = (
    *("/opened", "/renew", "/pay", "/saved", "/saved/code", "/plan", "/plan/stop"),
    *(f"/answer/{kind}{action}" for kind in KINDS for action in ("", "/undo")),
)
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-1.7'
BODIES = {"application/x-www-form-urlencoded": b"x=" + b"a" * KIBIBYTE, "multipart/form-data; boundary=x": FILE}
# Who has locked lines of links.
HELD = """
    SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
     WHERE relname = 'paylink_link_line' AND mode IN ('RowShareLock', 'RowExclusiveLock')
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
SCRIPT = """
other = env["res.company"].create({
    "name": "Brasserie Peeters SA", "currency_id": company.currency_id.id,  # a country would install modules
})
other.write({"email": "office@peeters.example.com", "phone": "+33 4 65 71 00 99"})
env.user.company_ids |= other
env.ref("base.user_admin").company_ids |= other
env["account.chart.template"].try_loading("fr", other)
other_env = env(context=dict(env.context, allowed_company_ids=other.ids))
other.partner_id.bank_ids = [
    Command.create({"acc_number": "FR1420041010050500013M02606", "acc_holder_name": "Peeters"}),
]
other_provider = provider.copy({
    "name": "Demo of Peeters", "company_id": other.id, "state": "test", "is_published": True,
})
other_provider.journal_id = env["account.journal"].search(
    [("type", "=", "bank"), ("company_id", "=", other.id)], limit=1)
partner = customer("Abroad")
move = invoice(partner.with_env(other_env), company=other)
done({
    "cases": [case("Anna"), case("Bert"), case("Carl"), case("Dora")],
    "readers": [case(f"Reader{number}") for number in range(4)],
    "other_provider": other_provider.id,
    "other": {"links": [link(move.with_env(other_env))], "amount": move.amount_residual},
    "companies": [company.name, other.name],
    "ibans": [bank.sanitized_acc_number for bank in (company | other).partner_id.bank_ids],
    "emails": [company.email, other.email],
})
"""


class TestStrangers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.odoo, cls.data = stack.enter_context(server("strangers", SCRIPT))
        cls.ledger = Ledger(cls.odoo)
        cls.addClassCleanup(cls.ledger.connection.close)
        cls.anna, cls.bert, cls.carl, cls.dora = cls.data["cases"]

    def payer(self, case):
        return Payer(self.odoo, self.data, case["links"][0]["token"])

    # === TOKENS === #

    def test_guessing_finds_nothing(self):
        """Whatever is asked with a token that nobody was given, the answer is 404 and the same."""
        real = self.anna["links"][0]["token"]
        guesses = [secrets.token_urlsafe(18) for _n in range(GUESSES - 4)]
        guesses += [real[:-1], real + "A", real.swapcase(), real[::-1]]

        def codes(position, guess):
            path = PATHS[position % len(PATHS)]
            return requests.get(f"{self.odoo.url}/pay/{guess}{path}", timeout=TIMEOUT).status_code

        with ThreadPoolExecutor(4) as pool:
            self.assertEqual(set(pool.map(codes, range(GUESSES), guesses)), {404})
        for path in ("/opened", "/renew"):
            answer = requests.post(f"{self.odoo.url}/pay/{guesses[0]}{path}", timeout=TIMEOUT)
            self.assertEqual(answer.status_code, 404)
        stranger = Payer(self.odoo, self.data, guesses[0])
        self.assertIsNone(stranger.start(self.anna["amount"]))

    def test_token_opens_its_own_documents_only(self):
        (mine,), (theirs,) = self.anna["links"][0]["lines"], self.bert["links"][0]["lines"]
        anna, bert = self.payer(self.anna), self.payer(self.bert)
        self.assertEqual(anna.get(f"/document/{mine}").status_code, 200)
        for line in (theirs, 0, -1, 10**12, *self.data["other"]["links"][0]["lines"]):
            self.assertEqual(anna.get(f"/document/{line}").status_code, 404, line)
        self.assertEqual(bert.get(f"/document/{theirs}").status_code, 200)
        for text in (self.bert["number"], "Bert", self.bert["links"][0]["name"]):
            self.assertNotIn(text, anna.get().text)

    def test_no_token_in_the_log(self):
        """However the address is written, paid, refused or broken, the log does not tell how to open it."""
        payer, token = self.payer(self.carl), self.carl["links"][0]["token"]
        for path in (*PATHS, "?lang=fr_FR", "/document/x", "/nothing", "/../" + token, "?next=/pay/" + token):
            payer.get(path)
        for address in (
            f"//pay/{token}",
            f"/pay//{token}",
            f"/PAY/{token}",
            f"/fr/pay/{token}",
            f"/web/login?redirect={quote('/pay/' + token, safe='')}",
        ):
            requests.get(self.odoo.url + address, headers={"Referer": payer.page}, timeout=TIMEOUT)
        payer.session.post(f"{payer.page}/opened", timeout=TIMEOUT)
        payer.session.post(f"{payer.page}/transaction", data=b"{", timeout=TIMEOUT)
        payer.start("much")
        payer.start(-1)
        payer.confirm(payer.start(self.carl["amount"]))
        payer.status()
        payer.get()
        user = log_in(self.odoo)
        user.call("paylink.link", "action_replace_token", [[self.dora["links"][0]["id"]]])
        log = self.odoo.log_text()
        self.assertIn("/status", log)
        for secret in (token, self.dora["links"][0]["token"]):
            with self.subTest(secret[:6]):
                self.assertEqual([line for line in log.splitlines() if secret in line], [])

    # === TOO MUCH === #

    def announce(self, url, kind):
        """Announce 128 MiB and send no more than how they begin: who waits for the rest waits in vain.

        :return: the status of the answer
        """
        address = urlsplit(url)
        connection = http.client.HTTPConnection(address.netloc, timeout=TIMEOUT)
        with contextlib.closing(connection):
            headers = {"Content-Type": kind, "Content-Length": str(128 * KIBIBYTE**2)}
            connection.request("POST", address.path, BODIES[kind], headers)
            return connection.getresponse().status

    def test_large_bodies_are_refused(self):
        """More than 64 KiB is not read; nothing of it is logged as an error (see ``dev.log.complaints``)."""
        payer = self.payer(self.bert)
        large = "a" * 70 * KIBIBYTE
        for path in ("/opened", "/renew", "/answer/promise", "/answer/forward"):
            with self.subTest(path):
                answer = payer.session.post(payer.page + path, data={"x": large}, timeout=TIMEOUT)
                self.assertEqual(answer.status_code, 413)
        # The one form that takes a file takes no film.
        film = {"file": ("a.pdf", b"%PDF-1.7".ljust(7 * KIBIBYTE**2))}
        answer = payer.session.post(f"{payer.page}/answer/objection", files=film, timeout=TIMEOUT)
        self.assertEqual(answer.status_code, 413)
        self.assertIn(f'{payer.page.removeprefix(payer.url)}/answer"', answer.text)
        for path in FORMS:
            for kind in BODIES:
                with self.subTest(path, kind=kind):
                    self.assertEqual(self.announce(payer.page + path, kind), 413)
        # Odoo answers errors of JSON routes with 200.
        answer = call(payer.session, f"{payer.page}/transaction", amount=self.bert["amount"], x=large)
        self.assertEqual(answer["name"], "werkzeug.exceptions.RequestEntityTooLarge")
        self.assertEqual(self.ledger.transactions(self.bert), [])
        self.assertEqual(self.ledger.activities(self.bert), 0)

    def test_documents_are_made_one_at_a_time(self):
        """A PDF keeps a worker busy, and needs another one: of two, one is left; and no row is held meanwhile."""
        log_in(self.odoo)  # Odoo notes its address, where the PDF gets its style from
        readers = [(self.payer(case), case["links"][0]["lines"][0]) for case in self.data["readers"]]
        for payer, _line in readers:
            payer.get("/help")
        with ThreadPoolExecutor(len(readers)) as pool:
            visits = [pool.submit(payer.get, f"/document/{line}") for payer, line in readers]
            held = []
            while not all(visit.done() for visit in visits):
                held.append(bool(self.ledger.value(HELD)))
                time.sleep(0.02)
        self.assertEqual(sorted(visit.result().status_code for visit in visits), [200, 202, 202, 202])
        self.assertLess(sum(held), len(held) / 4)  # but for the moment in which what was made is stored
        for payer, line in readers:
            self.assertEqual(payer.get(f"/document/{line}").status_code, 200)

    # === COMPANIES === #

    def test_companies_do_not_mix(self):
        """The page names its own company, and offers its provider and account; no other can be chosen."""
        page, foreign = self.payer(self.data["other"]), self.data["provider"]
        text = page.get().text
        (ours, theirs), ibans, emails = self.data["companies"], self.data["ibans"], self.data["emails"]
        for own, others in ((theirs, ours), (emails[1], emails[0]), (ibans[1], ibans[0])):
            self.assertIn(own, text.replace(" ", "") if own in ibans else text)
            self.assertNotIn(others, text.replace(" ", "") if others in ibans else text)
        offered = set(re.findall(r'name="option" value="(\d+)-', text))
        self.assertEqual(offered, {str(self.data["other_provider"])})
        self.assertNotIn(ours, page.get("/help").text)
        self.assertIsNone(page.start(self.data["other"]["amount"]))
        page.data = {**self.data, "provider": self.data["other_provider"]}
        reference = page.start(self.data["other"]["amount"])
        page.confirm(reference)
        self.assertEqual(page.status()["state"], "paid")
        companies = self.ledger.rows(
            """
            SELECT DISTINCT payment.company_id, provider.id FROM account_payment payment
              JOIN payment_transaction tx ON tx.id = payment.payment_transaction_id
              JOIN payment_provider provider ON provider.company_id = payment.company_id
             WHERE tx.reference = %s
            """,
            reference,
        )
        self.assertNotIn(foreign, [provider for _company, provider in companies])
        self.assertIn(self.data["other_provider"], [provider for _company, provider in companies])
        self.assertNotIn(ours, page.get().text)
