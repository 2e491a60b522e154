"""Messages of Stripe beside Odoo's own ``payment_stripe``: acknowledged, and from the message to a reconciled invoice."""

import itertools
import json
import statistics
import time

import stripe

from dev.live import fresh_database, run_script, running_server
from dev.odoo import the_odoo
from dev.system import ROOT

from .common import Table, post_all

ROUNDS = 5
SECRET = "whsec_bench"  # noqa: S105
# How many requests a round has: about two seconds' worth.
EMPTY, OURS, PEER, PEER_AGAIN = 800, 800, 80, 160
VERSION = "2026-10-28.endive"

SCRIPT = f"""
import json
from dev.demo_data import make_company
from bench.webhooks import make_ours, make_peers
company = make_company(env)
print(json.dumps({{"provider": make_ours(env, company).id, "references": make_peers(env, company, {ROUNDS * PEER + 10})}}))
env.cr.commit()
"""


def main():
    """Measure in turns, so that whatever else the machine does hits all alike."""
    return measure_acknowledging()


def measure_acknowledging():
    """How many messages a second are stored and acknowledged, 8 clients on 2 workers."""
    table = Table("Messages acknowledged a second, 8 clients on 2 workers")
    with fresh_database("bench_webhooks") as database:
        the_odoo().install(database, ["payment_stripe"])
        data = json.loads(run_script(database, SCRIPT).splitlines()[-1])
        paths = [*the_odoo().tree.addons_path, ROOT, ROOT / "bench/addons"]
        options = [f"--addons-path={','.join(map(str, paths))}", "--load=base,web,bench_routes"]
        with running_server(database, options=options) as odoo:
            found = measure_rounds(odoo, data)
    rate = {name: statistics.median(one.rate for one in loads) for name, loads in found.items()}
    p99 = {name: statistics.median(one.p99 for one in loads) for name, loads in found.items()}
    for name, loads in found.items():
        print(name, *(f"{one.rate:.0f}/s (p99 {one.p99 * 1e3:.0f} ms)" for one in loads), sum(one.errors for one in loads))
    table.add("new, beside an empty public route", rate["new"], rate["empty"], ratio=rate["new"] / rate["empty"], at_least=0.85)
    table.add("new, beside payment_stripe", rate["new"], rate["peer"], ratio=rate["new"] / rate["peer"], at_least=5)
    table.add("duplicates", rate["again"], rate["peer_again"], ratio=rate["again"] / rate["peer_again"], at_least=2.5)
    table.add("p99 of new ones (ms)", p99["new"] * 1e3, p99["peer"] * 1e3, ratio=p99["new"] * 1e3, at_most=250)
    return table.show()


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
    return env.ref("payment.payment_provider_demo").copy(
        {
            "code": "stripe_checkout",
            "company_id": company.id,
            "state": "test",
            "paylink_stripe_secret_key": "sk_test_bench",
            "paylink_stripe_webhook_secret": SECRET,
        }
    )


def make_peers(env, company, count):
    """Draft transactions of ``payment_stripe``, each for an invoice.

    :return: their references
    """
    from odoo import Command, fields  # noqa: PLC0415  only there is Odoo on the path

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
    partner = env["res.partner"].create({"name": "Bench"})
    moves = env["account.move"].create(
        [
            {
                "move_type": "out_invoice",
                "partner_id": partner.id,
                "invoice_date": fields.Date.today(),
                "invoice_line_ids": [Command.create({"name": "Work", "price_unit": 100.0, "tax_ids": []})],
            }
            for _n in range(count)
        ]
    )
    moves.action_post()
    transactions = env["payment.transaction"].create(
        [
            {
                "provider_id": provider.id,
                "payment_method_id": env.ref("payment.payment_method_card").id,
                "amount": 100.0,
                "currency_id": company.currency_id.id,
                "partner_id": partner.id,
                "operation": "online_direct",
                "reference": f"bench-{number}",
                "invoice_ids": [Command.set(move.ids)],
            }
            for number, move in enumerate(moves)
        ]
    )
    return transactions.mapped("reference")
