"""Making links for many invoices, and queueing their e-mails, beside Odoo's own payment links."""

import itertools
import statistics

from dev.live import fresh_database

from .common import Table, environment, measure

ROUNDS = 3
INVOICES = 300  # of a round
SHOWN = ("documents", "amount", "email", "lang", "problem", "warning", "existing_text")  # of a line of the dialog
PEER_INVOICES = 17  # of a round: the peer takes the same time for each


def main():
    """Measure per link; the peer is ``payment.link.wizard``, with an e-mail template for each in the second part."""
    table = Table(f"Links for {ROUNDS} × {INVOICES} invoices, per link (ms)")
    with fresh_database("bench_links") as database, environment(database) as env:
        invoices = make_invoices(env, ROUNDS * INVOICES)
        template = env.ref("account.email_template_edi_invoice")
        send(env, invoices[-5:])()  # both start warm
        peer_links(invoices, 2)()
        cancel_links(env)
        compare(table, env, invoices, "making a link", {"at_least": 15, "goal": 50})
        cancel_links(env)
        compare(table, env, invoices, "link and queued e-mail", {"at_least": 7, "goal": 10}, template)
        cancel_links(env)
        compare(table, env, invoices, "link from the dialog", {"at_least": 12, "goal": 50}, way=click)
    return table.show()


def compare(table, env, invoices, what, bounds, template=None, way=None):
    """Add what ours and the peer take, in turns: the ratio is the median of that of each round.

    :param way: how ours are made, and the peer's once more, of invoices that have none yet
    """
    rounds = []
    for number in range(ROUNDS):
        own = invoices[number * INVOICES : (number + 1) * INVOICES]
        ours = measure(env, (way or send)(env, own, send_email=bool(template))).per(INVOICES)
        peers = peer_links(own[-PEER_INVOICES:] if way else own, PEER_INVOICES, template)
        rounds.append((ours, measure(env, peers).per(PEER_INVOICES)))
    ratio = statistics.median(peer.seconds / ours.seconds for ours, peer in rounds)
    seconds = [
        statistics.median(costs) * 1e3 for costs in zip(*[(o.seconds, p.seconds) for o, p in rounds], strict=True)
    ]
    table.add(what, *seconds, ratio=ratio, **bounds)
    queries = max(ours.queries for ours, _peer in rounds)
    table.add("queries", queries, rounds[0][1].queries, ratio=queries, at_most=1)


def cancel_links(env):
    """The next ones ask for the same."""
    env["paylink.link"].search([]).sudo().cancelled_at = "2020-01-01 00:00:00"


def make_invoices(env, count):
    """``count`` posted invoices of three lines with taxes, of as many customers."""
    partners = env["res.partner"].create(
        [{"name": f"Customer {n}", "email": f"customer{n}@example.com", "lang": "fr_FR"} for n in range(count)]
    )
    company = env.company
    company.country_id = env.ref("base.fr")
    if not company.chart_template:
        env["account.chart.template"].try_loading("fr", company)
    product = env["product.product"].create({"name": "Work", "type": "service"})  # with the company's default tax
    invoices = env["account.move"].create(
        [
            {
                "move_type": "out_invoice",
                "partner_id": partner.id,
                "invoice_date": "2026-01-15",
                "invoice_line_ids": [
                    (0, 0, {"product_id": product.id, "name": name, "price_unit": 100 + number})
                    for name in ("Work", "Material", "Travel")
                ],
            }
            for number, partner in enumerate(partners)
        ]
    )
    invoices.action_post()
    return invoices


def send(env, invoices, send_email=False):
    """What the list action does: the wizard on all invoices, one link each."""

    def run():
        wizard = env["paylink.send"].with_context(active_model="account.move", active_ids=invoices.ids)
        wizard.create({"grouping": "document", "send_email": send_email}).action_send()

    return run


def click(env, invoices, send_email=False):
    """What the button *Send* of the dialog does: all lines are saved as they were shown, the first ones read again."""
    Wizard = env["paylink.send"].with_context(active_model="account.move", active_ids=invoices.ids)
    Wizard = Wizard.with_context(default_grouping="document", default_send_email=send_email)
    shown, is_ours = Wizard.default_get(list(Wizard._fields)), env["paylink.send.line"]._is_guarded
    lines = [
        [0, f"virtual_{number}", {name: value for name, value in values.items() if not is_ours(name)}]
        for number, (_create, _id, values) in enumerate(shown["line_ids"])
    ]
    said = {name: shown[name] for name in ("source_model", "source_ids", "kind", "grouping", "send_email")}
    read = {"line_ids": {"fields": {name: {} for name in SHOWN}, "limit": 80}, "ready_count": {}, "warning_count": {}}

    def run():
        Wizard.browse(Wizard.web_save(said | {"line_ids": lines}, read)[0]["id"]).action_send()

    return run


def peer_links(invoices, count, template=None):
    """Odoo's wizard for the first ``count`` of ``invoices``, and an e-mail from ``template`` where one is given."""

    def run():
        for invoice in itertools.islice(invoices, count):
            assert invoice._get_portal_payment_link()
            if template:
                template.with_context(mail_notify_force_send=False).send_mail(
                    invoice.id, force_send=False, email_values={"attachment_ids": []}
                )
            invoice.env.flush_all()  # Odoo makes them one by one: each is a request of its own
            invoice.env.invalidate_all()

    if template:
        template.report_template_ids = False  # no PDF: the same for both
    return run
