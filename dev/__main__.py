"""``python3 -m dev <command>``: what the Makefile calls. See ``python3 -m dev --help``.

Any Python from 3.10 starts it, with nothing installed. It makes a virtual environment, and runs itself again in that.
"""

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path

from . import environment
from .system import Failed, say

# Each command is the function `main(arguments)` of the module `dev.<name>`.
COMMANDS = {
    "demo": "start Odoo with a French demo company at http://localhost:8069",
    "test": "run the tests: all of them, or those of some files, classes, methods or subjects",
    "lint": "check style, code, which subject calls which, XML and translations",
    "i18n": "export the translation templates, merge them into fr.po, list what is not translated",
    "bench": "run the benchmarks",
    "shell": "open a Python shell in the demo database",
    "setup": "fetch and install everything, start nothing",
}


def parse(arguments):
    """The parsed command line."""
    parser = argparse.ArgumentParser(prog="python3 -m dev", description="Develop the Paylink add-ons for Odoo 19.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    parsers = {name: commands.add_parser(name, help=text, description=text) for name, text in COMMANDS.items()}
    parsers["demo"].add_argument("--port", type=int, default=8069)
    parsers["demo"].add_argument("--host", default="127.0.0.1", help="listen there (0.0.0.0: on all networks)")
    parsers["demo"].add_argument("--reset", action="store_true", help="make the demo database anew")
    parsers["demo"].add_argument("--stripe", default="", choices=["", "fake"], help="fake: with a Stripe of its own")
    parsers["demo"].add_argument("--prepare", action="store_true", help="make the database, start no server")
    parsers["test"].add_argument("targets", nargs="*", help="files, file.Class.method, or folders: see dev/targets.py")
    # How it calls itself for a part of all tests: the file takes what came of them.
    parsers["test"].add_argument("--part", nargs=2, metavar=("name", "file"), help=argparse.SUPPRESS)
    parsers["lint"].add_argument("checks", nargs="*", help="only these (default: all of them)")
    parsers["lint"].add_argument("--fix", action="store_true", help="correct what can be")
    parsers["bench"].add_argument("name", nargs="?", help="only bench/<name>.py")
    parsers["shell"].add_argument("database", nargs="?", default="paylink_demo")
    return parser.parse_args(arguments)


def enter_environment(python):
    """Go on in the virtual environment of ``python``; does nothing when we are in it."""
    if Path(sys.prefix) != python.parent.parent:
        os.execv(python, [str(python), "-m", "dev", *sys.argv[1:]])


def main():
    """Run the command of the command line.

    :return: the exit code
    """
    # A plain `kill` stops us as Ctrl-C does: servers first, then the database.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell makes what it starts in the background deaf to it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments = parse(sys.argv[1:])
    try:
        enter_environment(environment.python())
        return importlib.import_module(f"dev.{arguments.command}").main(arguments)
    except Failed as error:
        print(f"\nFailed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("Stopped")
        # For the demo this is the way to end it.
        return 0 if arguments.command == "demo" else 130


if __name__ == "__main__":
    sys.exit(main())
