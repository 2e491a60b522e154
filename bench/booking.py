"""From confirmed transactions to reconciled invoices, one by one and in bursts, beside Odoo's own post-processing."""

from dev.live import fresh_database

from .common import Table, environment, measure
from .links import make_invoices

BURST = 50
SINGLES = 10


def main():
    """Measure per payment. The peer pays the same kind of invoices as Odoo's portal does; ours also sends receipts and
    notices, which is told apart: the jobs do it when the books are committed.
    """
    table = Table("From a confirmed payment to the books, per payment")
    with fresh_database("bench_booking") as database, environment(database) as env:
        invoices = make_invoices(env, 2 * (BURST + SINGLES) + 4)
        provider = env.ref("payment.payment_provider_demo")
        provider.write({"state": "test", "is_published": True})
        peer, ours = _native(provider, invoices[::2]), _by_links(provider, invoices[1::2])
        ours = ours.with_context(paylink_booked_at_once=True)
        peer[:2]._post_process()  # both start warm
        ours[:2]._post_process()
        for name, start, stop, bounds in (
            ("one by one", 2, 2 + SINGLES, {"at_most": 0.85, "goal": 0.6}),
            (f"in bursts of {BURST}", 2 + SINGLES, 2 + SINGLES + BURST, {"at_most": 0.4, "goal": 0.25}),
        ):
            count = stop - start
            # The peer's job takes them one by one, however many there are.
            theirs = measure(env, lambda a=start, b=stop: [_alone(tx) for tx in peer[a:b]]).per(count)
            if count == SINGLES:
                mine = measure(env, lambda a=start, b=stop: [_alone(tx) for tx in ours[a:b]]).per(count)
            else:
                mine = measure(env, lambda a=start, b=stop: ours[a:b]._post_process()).per(count)
            told = measure(env, ours._paylink_tell_booked).per(count)
            ratio = mine.seconds / theirs.seconds
            table.add(f"{name} (ms)", mine.seconds * 1e3, theirs.seconds * 1e3, ratio=ratio, **bounds)
            table.add(f"{name}, queries", mine.queries, theirs.queries, ratio=mine.queries / theirs.queries, **bounds)
            table.add("… telling of it (ms)", told.seconds * 1e3)
            table.add("… telling of it, queries", told.queries)
    return table.show()


def _alone(transaction):
    """As in a request or job of its own."""
    transaction.browse(transaction.id)._post_process()
    transaction.env.flush_all()
    transaction.env.invalidate_all()


def _native(provider, invoices):
    """Confirmed transactions of Odoo's invoice portal."""
    return _confirmed(provider, [(move, {"invoice_ids": [(6, 0, move.ids)]}) for move in invoices])


def _by_links(provider, invoices):
    """Confirmed transactions of as many collection links."""
    items = invoices._paylink_open_items()
    links = provider.env["paylink.link"]._create_for_items([({"partner_id": i.partner_id.id}, i) for i in items])
    links._issue()
    pairs = zip(links, invoices, strict=True)
    return _confirmed(
        provider, [(move, {"invoice_ids": [(6, 0, move.ids)], "paylink_id": link.id}) for link, move in pairs]
    )


def _confirmed(provider, pairs):
    transactions = (
        provider.env["payment.transaction"]
        .sudo()
        .create(
            [
                {
                    "provider_id": provider.id,
                    "payment_method_id": provider.env.ref("payment_demo.payment_method_demo").id,
                    "reference": f"bench-{move.id}",
                    "amount": move.amount_residual,
                    "currency_id": move.currency_id.id,
                    "partner_id": move.partner_id.id,
                    "operation": "online_redirect",
                    **values,
                }
                for move, values in pairs
            ]
        )
    )
    transactions._set_done()
    return transactions
