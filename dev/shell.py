"""``make shell``: a Python shell in a database, ``env`` is there."""

import signal
import subprocess

from .odoo import the_odoo
from .system import Failed


def main(arguments):
    """Run ``odoo shell`` on the terminal."""
    odoo = the_odoo()
    if arguments.database not in odoo.server.databases():
        raise Failed(f"There is no database {arguments.database}: run `make demo` first")
    # Ctrl-C belongs to the shell.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    command = odoo.command(arguments.database, "--no-http", "--log-level=warn", subcommand="shell")
    return subprocess.run(command, env=odoo.environment, check=False, preexec_fn=_heed_interrupt).returncode


def _heed_interrupt():
    signal.signal(signal.SIGINT, signal.default_int_handler)
