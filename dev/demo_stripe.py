"""Stripe in the demo: the one that the tests use, beside Odoo, or Stripe's own test mode."""

import contextlib
import subprocess
import sys

from .system import ROOT, Failed, background, run, step

FAKE = ROOT / "paylink_addon/tests/fake_stripe"
# What the five steps of the README do, for the demo company.
SCRIPT = """
import os
company = env.ref("base.main_company")
mine = [("company_id", "=", company.id)]
provider = env["payment.provider"].search([("code", "=", "stripe_checkout"), *mine], limit=1)
company.paylink_base_url = os.environ["PAYLINK_DEMO_URL"]
provider.write({"paylink_stripe_secret_key": os.environ["STRIPE_SECRET_KEY"], "state": "test"})
provider.action_paylink_stripe_connect()
if os.environ.get("PAYLINK_STRIPE_API_BASE"):
    provider.action_paylink_stripe_create_webhook()
bank = env["account.journal"].search([("type", "=", "bank"), *mine], limit=1)
provider.journal_id = provider.journal_id or bank
provider.is_published = True
env.cr.commit()
"""


@contextlib.contextmanager
def fake_stripe():
    """Run the fake until the block ends; yields the environment variables that lead to it."""
    command = [sys.executable, str(FAKE), "--port", "0"]
    with background(command, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline().strip() for _line in range(2)]
        if not all(lines):
            raise Failed("The fake Stripe does not start")
        yield dict(line.split("=", 1) for line in lines)


def connect(odoo, database, key, url, environment):
    """Enter the key, create the webhook where Stripe can reach this machine, and publish the provider.

    :param str url: of the running server
    """
    if not key.startswith(("sk_test_", "rk_test_")):
        raise Failed("STRIPE_SECRET_KEY is not a test key (sk_test_…): the demo takes no real money")
    settings = {**environment, "STRIPE_SECRET_KEY": key, "PAYLINK_DEMO_URL": url}
    with step("Connecting Stripe"):
        command = odoo.command(database, "--no-http", "--log-level=warn", subcommand="shell")
        run(command, env=settings, quiet=True, split=True, input=SCRIPT)
