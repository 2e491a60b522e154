"""``make demo``: a French company in a database that is kept between starts, and a server for it."""

import contextlib
import os

from .demo_stripe import connect, fake_stripe
from .live import wait_until_it_answers
from .odoo import addons_digest, free_port, the_odoo
from .setup import optional_programs
from .system import ADDONS, Failed, background, step

DATABASE = "paylink_demo"
SCRIPT = """
from dev.demo_data import make
make(env)
env['ir.qweb']._pregenerate_assets_bundles()
env.cr.commit()
"""
WELCOME = """
  Paylink is running.

    Open      {url}/odoo
    Log in    admin / admin

    1. Invoicing → Customers → Invoices: open an invoice that is not paid.
    2. Send a collection link to its customer, and copy the link.
    3. Open it in a private window, as the customer: pay with the demo provider.
    4. Back in Odoo: the invoice is paid and reconciled.

    No e-mail or SMS leaves this machine. Read them in the chatter of each document, or all of them in
    {url}/odoo?debug=1 → Settings → Technical → Emails.

  Ctrl-C stops everything. The database is kept: `make demo RESET=1` makes it anew.
"""


def main(arguments):
    """Make or update the database, then serve it until Ctrl-C."""
    port = free_port(arguments.port)
    optional_programs()
    odoo = the_odoo()
    prepare(odoo, reset=arguments.reset)
    if not arguments.prepare:
        _serve(odoo, arguments.host, port, arguments.stripe)
    return 0


def prepare(odoo, *, reset=False):
    """Make the demo database if there is none; update its add-ons if their files have changed."""
    current = addons_digest()
    if reset or DATABASE not in odoo.server.databases():
        _make(odoo)
    elif _stamp(odoo) != current:
        with step("The add-ons have changed: updating the demo database"):
            odoo.install(DATABASE, ADDONS, update=True)
    # A comment on the database says what it was made from.
    odoo.server.execute(f"COMMENT ON DATABASE {DATABASE} IS '{current}'")


def _make(odoo):
    part = f"{DATABASE}_part"
    base = odoo.base()
    with step("Making the demo database"):
        odoo.copy(base, part)
        odoo.install(part, [*ADDONS, "sale_management"])  # with the menus of Sales
        odoo.script(part, SCRIPT)
        odoo.drop(DATABASE)
        odoo.rename(part, DATABASE)


def _stamp(odoo):
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    return odoo.server.execute(query, DATABASE)[0][0]


def _serve(odoo, host, port, stripe=""):
    options = [f"--http-port={port}", f"--http-interface={host}", "--workers=0", "--log-level=warn"]
    # Nothing is sent (see demo_data.py); should something try to, it ends here.
    options += ["--smtp=mail.invalid"]
    command = odoo.command(DATABASE, *options)
    url = f"http://localhost:{port}"
    with contextlib.ExitStack() as stack:
        settings = stack.enter_context(fake_stripe()) if stripe == "fake" else {}
        key = settings.get("STRIPE_SECRET_KEY") or os.environ.get("STRIPE_SECRET_KEY", "")
        environment = {**odoo.environment, **settings}
        process = stack.enter_context(background(command, env=environment))
        wait_until_it_answers(process, url)
        if key:
            connect(odoo, DATABASE, key, url, environment)
        print(WELCOME.format(url=url), flush=True)
        if settings:
            print(f"    Stripe is played on this machine, at {settings['PAYLINK_STRIPE_API_BASE']}.\n", flush=True)
        if process.wait():
            raise Failed("Odoo has stopped: its last lines above say why")
