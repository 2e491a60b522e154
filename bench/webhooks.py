"""Messages of Stripe beside Odoo's own ``payment_stripe``: acknowledged, and then booked."""

import itertools
import json
import statistics
import time

import stripe

from dev.live import fresh_database, run_script, running_server
from dev.odoo import the_odoo
from dev.system import ROOT, say

from .common import Table, environment, measure, post_all

ROUNDS = 15
SECRET = "whsec_bench"  # noqa: S105  it opens nothing
# How many requests a round has: what is compared is sent within some seconds, while the machine is equally busy.
EMPTY, OURS, PEER, PEER_AGAIN = 200, 200, 30, 60
BURST, SINGLES = 50, 5
VERSION = "2026-10-28.endive"

SCRIPT = f"""
import json
from dev.demo_data import make_company
from bench.webhooks import make_ours, make_peers
company = make_company(env)
references = make_peers(env, company, {ROUNDS * PEER + 10})
print(json.dumps({{"provider": make_ours(env, company).id, "references": references}}))
env.cr.commit()
"""


def main():
    """Both on one database."""
    with fresh_database("bench_webhooks") as database:
        the_odoo().install(database, ["payment_stripe"])
        failed = measure_acknowledging(database)
        return measure_handling(database) or failed


def measure_acknowledging(database):
    """How many messages a second are stored and acknowledged; in turns, as other work of the machine hits all alike."""
    table = Table("Messages acknowledged a second, 8 clients on 2 workers")
    data = json.loads(run_script(database, SCRIPT).splitlines()[-1])
    paths = [*the_odoo().tree.addons_path, ROOT, ROOT / "bench/addons"]
    options = [f"--addons-path={','.join(map(str, paths))}", "--load=base,web,bench_routes"]
    with running_server(database, options=options) as odoo:
        found = measure_rounds(odoo, data)
    for name, loads in found.items():
        say(f"{name}: " + ", ".join(f"{one.rate:.0f}/s (p99 {one.p99 * 1e3:.0f} ms)" for one in loads))
    add(table, "new, beside an empty public route", found["new"], found["empty"], 0.7, 0.85)
    add(table, "new, beside payment_stripe", found["new"], found["peer"], 4, 5)
    add(table, "duplicates, beside payment_stripe", found["again"], found["peer_again"], 2, 2.5)
    p99 = {name: statistics.median(one.p99 for one in loads) * 1e3 for name, loads in found.items()}
    table.add("p99 of new ones (ms)", p99["new"], p99["peer"], ratio=p99["new"], at_most=500, goal=250)
    errors = sum(one.errors for loads in found.values() for one in loads)
    table.add("not acknowledged", errors, at_most=0)
    return table.show()


def add(table, what, ours, peer, bound, goal):
    """A row for rates; what counts is the median ratio within a round, when the machine was equally busy for both."""
    ratio = statistics.median(one.rate / other.rate for one, other in zip(ours, peer, strict=True))
    rates = [statistics.median(one.rate for one in loads) for loads in (ours, peer)]
    table.add(what, *rates, ratio=ratio, at_least=bound, goal=goal)


def measure_rounds(odoo, data):
    """Lists of :class:`Load` by what was sent."""
    ours = f"{odoo.url}/paylink/stripe/webhook/{data['provider']}"
    peer, empty = f"{odoo.url}/payment/stripe/webhook", f"{odoo.url}/bench/empty"
    serial, references = itertools.count(), iter(data["references"])
    found = {name: [] for name in ("empty", "new", "again", "peer", "peer_again")}

    def new(count):
        return [signed(f"evt_{next(serial)}") for _n in range(count)]

    def for_peer(count):
        return [signed(f"evt_{next(serial)}", description=next(references)) for _n in range(count)]

    for url, requests in ((empty, new(20)), (ours, new(20)), (peer, for_peer(10))):
        post_all(url, requests)
    for _round in range(ROUNDS):
        fresh, peers = new(OURS), for_peer(PEER)
        found["empty"].append(post_all(empty, new(EMPTY)))
        found["new"].append(post_all(ours, fresh))
        found["peer"].append(post_all(peer, peers))
        found["again"].append(post_all(ours, fresh))
        found["peer_again"].append(post_all(peer, (peers * 2)[:PEER_AGAIN]))
    return found


def measure_handling(database):
    """From a stored message to a reconciled invoice: queries and time, for one and for a burst."""
    table = Table("From the message to the reconciled invoice, for one (ms)")
    with environment(database) as admin_env:
        env = admin_env(user=1)  # as the job
        company = env.ref("base.main_company")
        links, peers = make_our_payments(env, company, 2 * BURST), make_peers(env, company, 2 * BURST, "handled")
        env.cr.commit()
        handle_ours(env, links[:3])()  # both start warm
        handle_peers(env, peers[:3])()
        tell(env)()
        singles = []
        for ours, peer in zip(links[3 : 3 + SINGLES], peers[3 : 3 + SINGLES], strict=True):
            steps = handle_ours(env, [ours]), tell(env), handle_peers(env, [peer])
            singles.append([measure(env, step) for step in steps])
        booked, told, peer = (median(costs) for costs in zip(*singles, strict=True))
        compare(table, "a single one", booked, peer, 0.85, 0.6)
        compare(table, "… telling of it", told, peer)
        burst = measure(env, handle_ours(env, links[-BURST:])).per(BURST)
        told = measure(env, tell(env)).per(BURST)
        peer_burst = measure(env, handle_peers(env, peers[-BURST:])).per(BURST)
        compare(table, f"in a burst of {BURST}", burst, peer_burst, 0.4, 0.25)
        compare(table, "… telling of it", told, peer_burst)
    return table.show()


def median(costs):
    """The cost that is in the middle."""
    return sorted(costs, key=lambda cost: cost.seconds)[len(costs) // 2]


def compare(table, what, ours, peer, bound=None, goal=None):
    """Two rows; the bound is on the part of the peer's cost."""
    table.add(what, ours.seconds * 1e3, peer.seconds * 1e3, ratio=ours.seconds / peer.seconds, at_most=bound, goal=goal)
    table.add("queries", ours.queries, peer.queries, ratio=ours.queries / peer.queries, at_most=bound, goal=goal)


def handle_ours(env, transactions):
    """Receive a message for each transaction and do what the job does, until all their invoices are paid."""
    uuid = env["ir.config_parameter"].get_param("database.uuid")

    def run():
        events = []
        for tx in env["payment.transaction"].concat(*transactions):
            metadata = {"paylink_tx": str(tx.id), "paylink_db": uuid, "paylink_reference": tx.reference}
            events.append(json.loads(signed(f"evt_tx_{tx.id}", metadata=metadata)[0]))
        env["paylink.event"]._receive(transactions[0].provider_id.id, events)
        env.cr.commit()
        while env["paylink.event"]._work_new():
            env.cr.commit()
        assert all(tx.invoice_ids.payment_state == "paid" for tx in transactions)

    return run


def tell(env):
    """Receipts, notices and timelines, which the peer does not have: what the job does after the books."""
    return env["payment.transaction"].sudo()._paylink_tell_booked


def handle_peers(env, references):
    """What the route of ``payment_stripe`` does with a message, then Odoo's job."""
    Transaction = env["payment.transaction"]

    def run():
        for reference in references:
            found = intent(f"evt_{reference}", description=reference)
            data = {"reference": reference, "payment_intent": found, "payment_method": found["payment_method"]}
            Transaction._search_by_reference("stripe", data)._process("stripe", data)
            env.cr.commit()
            env.invalidate_all()  # each message is a request of its own
        transactions = Transaction.search([("reference", "in", references)])
        transactions._cron_post_process()
        assert all(tx.invoice_ids.payment_state == "paid" for tx in transactions)

    return run


def signed(event_id, **values):
    """A signed message that a payment has succeeded: ``(body, headers)``."""
    body = json.dumps(
        {
            "id": event_id,
            "object": "event",
            "api_version": VERSION,
            "type": "payment_intent.succeeded",
            "created": int(time.time()),
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "data": {"object": intent(event_id, **values)},
        }
    )
    header = stripe.WebhookSignature.generate_signature_header(body, SECRET, int(time.time()))
    return body.encode(), {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": header}


def intent(event_id, **values):
    """A PaymentIntent with the fields that Stripe sends."""
    return {
        "id": f"pi_{event_id}",
        "object": "payment_intent",
        "amount": 10000,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 10000,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"pi_{event_id}_secret_abcdefghijklmnop",
        "confirmation_method": "automatic",
        "created": int(time.time()),
        "currency": "eur",
        "customer": "cus_bench",
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": f"ch_{event_id}",
        "livemode": False,
        "metadata": {"paylink_tx": "0", "paylink_reference": "bench"},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": "pm_bench",
        "payment_method_configuration_details": {"id": "pmc_bench", "parent": None},
        "payment_method_options": {"card": {"installments": None, "mandate_options": None, "network": None}},
        "payment_method_types": ["card", "link", "sepa_debit"],
        "processing": None,
        "receipt_email": "marie@example.com",
        "review": None,
        "setup_future_usage": None,
        "shipping": {"address": {"city": "Lyon", "country": "FR", "line1": "1 rue"}, "name": "Marie", "phone": None},
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
        **values,
    }


def make_ours(env, company):
    """Our provider, with a secret."""
    from dev.demo_data import bank_journal  # noqa: PLC0415  likewise: it imports Odoo

    provider = env.ref("paylink_addon.payment_provider_stripe")
    provider.write(
        {
            "company_id": company.id,
            "state": "test",
            "paylink_stripe_secret_key": "sk_test_bench",
            "paylink_stripe_webhook_secret": SECRET,
        }
    )
    provider.journal_id = bank_journal(env, company)
    return provider


def make_invoices(env, company, count):
    """Posted invoices of 100, one a customer."""
    from odoo import Command, fields  # noqa: PLC0415  only there is Odoo on the path

    partners = env["res.partner"].create([{"name": f"Bench {n}", "email": f"b{n}@example.com"} for n in range(count)])
    moves = (
        env["account.move"]
        .with_company(company)
        .create(
            [
                {
                    "move_type": "out_invoice",
                    "partner_id": partner.id,
                    "invoice_date": fields.Date.today(),
                    "invoice_line_ids": [Command.create({"name": "Work", "price_unit": 100.0, "tax_ids": []})],
                }
                for partner in partners
            ]
        )
    )
    moves.action_post()
    return moves


def make_our_payments(env, company, count):
    """Draft transactions of ours, each of a link for an invoice."""
    provider = env["payment.provider"].search([("paylink_stripe_webhook_secret", "=", SECRET)], limit=1)
    links = env["paylink.link"].with_company(company)
    made = []
    for move in make_invoices(env, company, count):
        link = links._create_for_items([({}, move._paylink_open_items())], partner_id=move.partner_id.id)
        link._issue()
        made.append(
            env["payment.transaction"]
            .sudo()
            .create(
                {
                    "provider_id": provider.id,
                    "payment_method_id": provider.payment_method_ids[:1].id,
                    "amount": 100.0,
                    "currency_id": company.currency_id.id,
                    "partner_id": move.partner_id.id,
                    "operation": "online_redirect",
                    "reference": link.name,
                    "paylink_id": link.id,
                    "invoice_ids": [(6, 0, move.ids)],
                }
            )
        )
    return made


def make_peers(env, company, count, prefix="bench"):
    """Draft transactions of ``payment_stripe``, each for an invoice.

    :return: their references
    """
    from odoo import Command  # noqa: PLC0415  only there is Odoo on the path

    provider = env.ref("payment.payment_provider_stripe")
    provider.write(
        {
            "company_id": company.id,
            "state": "test",
            "stripe_publishable_key": "pk_test_bench",
            "stripe_secret_key": "sk_test_bench",
            "stripe_webhook_secret": SECRET,
        }
    )
    transactions = env["payment.transaction"].create(
        [
            {
                "provider_id": provider.id,
                "payment_method_id": env.ref("payment.payment_method_card").id,
                "amount": 100.0,
                "currency_id": company.currency_id.id,
                "partner_id": move.partner_id.id,
                "operation": "online_direct",
                "reference": f"{prefix}-{number}",
                "invoice_ids": [Command.set(move.ids)],
            }
            for number, move in enumerate(make_invoices(env, company, count))
        ]
    )
    return transactions.mapped("reference")
