"""Making links for many invoices, and queueing their e-mails, beside Odoo's own payment links."""

import itertools

from dev.live import fresh_database

from .common import Table, environment, measure

INVOICES = 1000
PEER_INVOICES = 50  # the peer takes the same time for each


def main():
    """Measure per link; the peer is ``payment.link.wizard``, with an e-mail template for each in the second part."""
    table = Table(f"Links for {INVOICES} invoices, per link (ms)")
    with fresh_database("bench_links") as database, environment(database) as env:
        invoices = make_invoices(env, INVOICES)
        send(env, invoices[-5:])()  # both start warm
        peer_links(invoices, 2)()
        ours = measure(env, send(env, invoices[:-100])).per(INVOICES - 100)
        peer = measure(env, peer_links(invoices, PEER_INVOICES)).per(PEER_INVOICES)
        table.add("making a link", ours.seconds * 1e3, peer.seconds * 1e3, at_least=20, goal=50)
        table.add("queries", ours.queries, peer.queries, ratio=ours.queries, at_most=0.1)
        env["paylink.link"].search([]).sudo().cancelled_at = "2020-01-01 00:00:00"
        template = env.ref("account.email_template_edi_invoice")
        ours = measure(env, send(env, invoices[:-100], send_email=True)).per(INVOICES - 100)
        peer = measure(env, peer_links(invoices, PEER_INVOICES, template)).per(PEER_INVOICES)
        table.add("link and queued e-mail", ours.seconds * 1e3, peer.seconds * 1e3, at_least=8, goal=10)
        table.add("queries", ours.queries, peer.queries)
    return table.show()


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
