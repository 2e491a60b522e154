# pylint: disable=print-used
"""Run the fake for a demo: ``python tests/fake_stripe --port 12111``."""

import argparse
import sys
import threading
from pathlib import Path

# Last: a folder beside this one is named as the SDK is.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from fake_stripe import FakeStripe


def main():
    parser = argparse.ArgumentParser(prog="fake_stripe", description="A Stripe for demos, on this machine.")
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--account", default="demo", help="name of the account in its keys: sk_test_<name>")
    options = parser.parse_args()
    with FakeStripe(port=options.port, automatic=True) as fake:
        account = fake.add_account("Demo Merchant", id=f"acct_{options.account}")
        print(f"PAYLINK_STRIPE_API_BASE={fake.url}\nSTRIPE_SECRET_KEY={account.key()}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
