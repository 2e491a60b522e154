"""``make setup``: fetch and install what every other command needs."""

from .environment import axe_script
from .odoo import the_odoo
from .system import say, try_install


def optional_programs():
    """Install as root, where it is possible, the programs that Odoo can do without."""
    try_install("wkhtmltopdf", "wkhtmltopdf", "documents are HTML instead of PDF")
    try_install("chromium", "chromium", "tests in the browser are skipped")


def main(_arguments):
    """Everything up to the base database."""
    optional_programs()
    axe_script()
    the_odoo().base()
    say("Everything is ready: run `make demo`")
    return 0
