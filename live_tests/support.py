"""What the live tests share: the data they start from, customers with a browser each, questions to the ledger."""

import contextlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from dev.live import fresh_database, run_script, running_server
from dev.odoo import the_odoo
from dev.system import ROOT

# Two who want the same row: one of them is told so, and its request is run again (see odoo.service.model.retrying).
CONFLICTS = [r"could not serialize access"]
TIMEOUT = 60
# How long two requests may take to reach the same row.
WAIT = 20
ONE_LOGIN = threading.Lock()

COMPANY = '''
import json
from dev import demo_data
from odoo import Command, fields

demo_data.keep_messages_here(env)
company = demo_data.make_company(env)
demo_data.enable_payments(env, company)
provider = env.ref("payment.payment_provider_demo")
env = env(context=dict(env.context, lang="en_US"))

def customer(name):
    return env["res.partner"].create({"name": name, "email": f"{name.lower()}@example.com", "lang": "en_US"})

def invoice(partner, company=company, amount=100.0):
    move = env["account.move"].with_company(company).create({
        "move_type": "out_invoice", "partner_id": partner.id, "invoice_date": fields.Date.today(),
        "invoice_line_ids": [Command.create({"name": "Work", "price_unit": amount, "tax_ids": []})],
    })
    move.action_post()
    return move

def link(moves, **values):
    made = env["paylink.link"].with_company(moves.company_id)._create_for_items(
        [({}, moves._paylink_open_items())], partner_id=moves.partner_id[:1].id, **values)
    made._issue()
    return {"id": made.id, "token": made.access_token, "name": made.name, "lines": made.line_ids.ids}

def saved_method(partner, **values):
    """A method, and its owner's access to the portal: login and password are made of its id."""
    token = env["payment.token"].sudo().create({
        "provider_id": provider.id, "payment_method_id": provider.payment_method_ids[:1].id, "partner_id": partner.id,
        "payment_details": "4242", **values,
    })
    login = f"payer{token.id}"
    env["res.users"].with_context(no_reset_password=True).create({
        "login": login, "password": login, "partner_id": partner.id,
        "group_ids": [Command.set(env.ref("base.group_portal").ids)],
    })
    return token.id

def case(name, links=1, saved=False):
    partner = customer(name)
    move = invoice(partner)
    return {
        "invoice": move.id, "number": move.name, "partner": partner.id, "amount": move.amount_residual,
        "links": [link(move) for _n in range(links)],
        "saved": saved and saved_method(partner, provider_ref="demo", demo_simulated_state="done"),
    }

def paid(made):
    """A confirmed payment of a link, not in the books yet."""
    values = made._start_attempt(made.amount_due, provider.id, provider.payment_method_ids[:1].id, None)
    values |= values.pop("custom_create_values")
    values |= {"operation": "online_redirect", "reference": f"{made.name}-paid"}
    tx = env["payment.transaction"].create(values)
    tx._set_done()
    return tx

def book(*transactions):
    """What asks the server to book payments, as its jobs do: the id of a server action."""
    return env["ir.actions.server"].create({
        "name": "Book", "model_id": env.ref("payment.model_payment_transaction").id, "state": "code",
        "code": f"env['payment.transaction'].browse({[tx.id for tx in transactions]})._post_process()",
    }).id

def done(result):
    env.cr.commit()
    print(json.dumps({"provider": provider.id, "method": provider.payment_method_ids[:1].id, **result}))
'''


@contextlib.contextmanager
def server(name, script, expected=CONFLICTS, modules=(), **options):
    """Yield a running server of two workers and what ``script`` (after :data:`COMPANY`) gave to ``done``.

    :param modules: of Odoo's, which it needs besides ours
    """
    with fresh_database(name) as database:
        if modules:
            the_odoo().install(database, modules)
        data = json.loads(run_script(database, COMPANY + script).splitlines()[-1])
        with running_server(database, expected=expected, **options) as odoo:
            yield odoo, data


def with_addon(name):
    """Options of a server that loads one of ``live_tests/addons``."""
    paths = [*the_odoo().tree.addons_path, ROOT, ROOT / "live_tests/addons"]
    return [f"--addons-path={','.join(map(str, paths))}", f"--load=base,web,{name}"]


def slow_provider():
    """Options of a server whose demo provider takes a second to charge a saved method, and logs that it did."""
    return with_addon("live_slow_demo")


class Stops:
    """Steps at which a server's processes stop: see ``addons/live_stops``."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.env = {"PAYLINK_STOPS": str(folder)}
        self.options = with_addon("live_stops")

    def stop_at(self, step):
        """Have the next process that comes to the step stop there."""
        (self.folder / step).touch()

    def go_on(self, step):
        """Let it, and others, go on."""
        (self.folder / step).unlink()

    def stopped_at(self, step):
        """The process that has come to the step, or None."""
        return int((self.folder / step).read_text() or 0) or None


def at_once(*functions):
    """Call the functions in a thread each, all at the same moment; return what they return.

    :raises: the first exception of one of them
    """
    barrier = threading.Barrier(len(functions))
    results, errors = [None] * len(functions), []

    def run(position, function):
        try:
            barrier.wait(TIMEOUT)
            results[position] = function()
        except Exception as error:  # noqa: BLE001  it is raised again, in the thread of the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


@contextlib.contextmanager
def holding(odoo, table, row_id):
    """Hold a row as ``hold`` in ``paylink_addon/tools/locks.py`` does, in a transaction that changes nothing."""
    with contextlib.closing(odoo.connect()) as connection:
        connection.autocommit = False
        connection.cursor().execute(f"SELECT FROM {table} WHERE id = %s FOR NO KEY UPDATE", [row_id])
        yield
        connection.rollback()


def meet_at(odoo, table, row_id, *functions, meanwhile=None):
    """Call the functions in a thread each, and let them go on when all of them wait for the same row.

    They ask for it as ``hold`` in ``paylink_addon/tools/locks.py`` does.

    :param str meanwhile: SQL that is executed, and committed, before they go on
    :return: what they return
    :raises AssertionError: one of them does not ask for it
    """
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
    with ThreadPoolExecutor(1) as pool, contextlib.closing(odoo.connect()) as watcher, watcher.cursor() as cursor:
        with holding(odoo, table, row_id):
            calls = pool.submit(at_once, *functions)
            end, waiting = time.monotonic() + WAIT, 0
            while waiting < len(functions) and not calls.done() and time.monotonic() < end:
                time.sleep(0.05)
                cursor.execute(query, [f'SELECT FROM "{table}" WHERE id%'])
                waiting = cursor.fetchone()[0]
            if meanwhile:
                cursor.execute(meanwhile)
        results = calls.result()
    if waiting < len(functions):
        raise AssertionError(f"{waiting} of {len(functions)} waited for the row of {table}")
    return results


def call(session, url, **params):
    """Call a JSON-RPC route.

    :return: its result, or the error's data (a dict with ``message``)
    """
    answer = session.post(url, json={"jsonrpc": "2.0", "method": "call", "params": params}, timeout=TIMEOUT)
    answer.raise_for_status()
    body = answer.json()
    return body["error"]["data"] if "error" in body else body.get("result")


class Payer:
    """A customer with the link ``token`` open in a browser."""

    def __init__(self, odoo, data, token):
        self.odoo, self.url, self.data, self.page = odoo, odoo.url, data, f"{odoo.url}/pay/{token}"
        self.session, self.owner = requests.Session(), None

    def get(self, path="", **options):
        """Fetch the page, or what is below it."""
        return self.session.get(self.page + path, timeout=TIMEOUT, **options)

    def log_in(self, saved):
        """Log in as the owner of the saved method ``saved``, one after the other: Odoo fails to make settings twice."""
        self.owner = f"payer{saved}"
        with ONE_LOGIN:
            self.session = log_in(self.odoo, self.owner, self.owner).session

    def start(self, amount, saved=None):
        """Choose a way to pay.

        :param saved: the id of a saved method, whose owner logs in first
        :return: the reference of the transaction, or ``None`` if it was refused with a text for the customer
        """
        if saved and not self.owner:
            self.log_in(saved)
        answer = call(
            self.session,
            f"{self.page}/transaction",
            provider_id=self.data["provider"],
            payment_method_id=None if saved else self.data["method"],
            token_id=saved or None,
            amount=amount,
            flow="token" if saved else "direct",
            tokenization_requested=False,
            landing_route="/payment/status",
            is_validation=False,
            csrf_token="",
        )
        if "reference" in answer:
            return answer["reference"]
        if answer.get("state") != "error":
            raise AssertionError(answer.get("debug") or answer)
        return None

    def confirm(self, reference):
        """Say at the provider's that the payment succeeds."""
        url = f"{self.url}/payment/demo/simulate_payment"
        return call(self.session, url, reference=reference, payment_details="4242", simulated_state="done")

    def status(self):
        """What the page's script asks again and again."""
        answer = self.get("/status")
        answer.raise_for_status()
        return answer.json()


class User:
    """An employee at work in the browser."""

    def __init__(self, odoo, session):
        self.url, self.session = odoo.url, session

    def call(self, model, method, args, **kwargs):
        """Call a method as the web client does; return its result."""
        url = f"{self.url}/web/dataset/call_kw/{model}/{method}"
        answer = call(self.session, url, model=model, method=method, args=args, kwargs=kwargs)
        if isinstance(answer, dict) and "debug" in answer:
            raise AssertionError(answer["debug"])
        return answer


def log_in(odoo, login="admin", password="admin"):
    """A :class:`User` in a session of its own."""
    session = requests.Session()
    call(session, f"{odoo.url}/web/session/authenticate", db=odoo.database, login=login, password=password)
    return User(odoo, session)


class Ledger:
    """Questions to the database of a running server."""

    def __init__(self, odoo):
        self.connection = odoo.connect()

    def rows(self, query, *args):
        """All rows of ``query``."""
        with self.connection.cursor() as cursor:
            cursor.execute(query, args)
            return cursor.fetchall()

    def value(self, query, *args):
        """The only value of ``query``."""
        ((value,),) = self.rows(query, *args)
        return value

    def transactions(self, case):
        """The transactions of the links of ``case``, as ``(id, state, payment)``."""
        ids = tuple(link["id"] for link in case["links"])
        return self.rows(
            "SELECT id, state, payment_id FROM payment_transaction WHERE paylink_id IN %s ORDER BY id", ids
        )

    def payments(self, transaction_id):
        """The states of the payments made of a transaction."""
        query = "SELECT state FROM account_payment WHERE payment_transaction_id = %s"
        return [state for (state,) in self.rows(query, transaction_id)]

    def residual(self, case):
        """What is still open of the invoice of ``case``."""
        return float(self.value("SELECT amount_residual FROM account_move WHERE id = %s", case["invoice"]))

    def open_credit(self, case):
        """What the customer has paid too much."""
        query = """
            SELECT COALESCE(SUM(line.amount_residual), 0)
              FROM account_move_line line JOIN account_account account ON account.id = line.account_id
             WHERE line.partner_id = %s AND account.account_type = 'asset_receivable' AND line.parent_state = 'posted'
        """
        return -float(self.value(query, case["partner"]))

    def activities(self, case):
        """How many tasks the links of ``case`` have."""
        ids = tuple(link["id"] for link in case["links"])
        return self.value(
            "SELECT count(*) FROM mail_activity WHERE res_model = 'paylink.link' AND active AND res_id IN %s", ids
        )

    def messages(self, link, subtype):
        """How many lines of the subtype (``mt_link_receipt``, ``mt_link_paid`` …) the timeline of ``link`` has."""
        query = """
            SELECT count(*) FROM mail_message message JOIN ir_model_data data ON data.res_id = message.subtype_id
             WHERE data.module = 'paylink_addon' AND data.name = %s AND data.model = 'mail.message.subtype'
               AND message.model = 'paylink.link' AND message.res_id = %s
        """
        return self.value(query, subtype, link["id"])
