"""A real Odoo server of several processes, for ``live_tests`` and ``bench``.

For example::

    from dev.live import fresh_database, run_script, running_server

    with fresh_database("pay") as database, running_server(database) as odoo:
        requests.get(f"{odoo.url}/pay/…", timeout=10)
"""

import contextlib
import os
import signal
import tempfile
import time
from pathlib import Path

import psutil
import requests

from .log import complaints
from .odoo import free_port, the_odoo
from .system import ADDONS, Failed, background

# Where the servers' logs go.
LOGS = Path(tempfile.gettempdir())
PATIENCE = 60


class LiveServer:
    """A running server: its ``url``, ``database``, ``log`` (a path) and main ``process``."""

    def __init__(self, database, url, log, process):
        self.database, self.url, self.log, self.process = database, url, log, process

    def connect(self):
        """A psycopg2 connection to the database, in autocommit mode."""
        return the_odoo().server.connect(self.database)

    def workers(self):
        """The process ids of the HTTP workers (and of the cron workers, if there are any)."""
        return [child.pid for child in psutil.Process(self.process.pid).children() if "gevent" not in child.cmdline()]

    def kill(self, pid=None, sig=signal.SIGKILL):
        """Kill one worker (``pid``), or by default the whole server, as a crash would."""
        os.kill(pid or self.process.pid, sig)

    def log_text(self):
        """What the server has logged until now."""
        return self.log.read_text(errors="replace")


@contextlib.contextmanager
def fresh_database(name, modules=ADDONS):
    """Yield the name of a database of this process with ``modules`` (all our add-ons), dropped after the block."""
    odoo = the_odoo()
    source = odoo.for_browsers() if list(modules) == ADDONS else odoo.base(sorted(modules))
    with odoo.scratch(source, purpose=f"live_{name}") as database:
        yield database


def run_script(database, text):
    """Run Python ``text`` in ``odoo shell`` on ``database``; it commits with ``env.cr.commit()``.

    :return: what it printed
    """
    return the_odoo().script(database, text)


@contextlib.contextmanager
def running_server(database, *, workers=2, crons=0, env=None, options=(), expected=()):
    """Yield a :class:`LiveServer`; it is stopped after the block.

    :param int workers: processes that answer HTTP (0: one process with threads)
    :param int crons: processes that run scheduled actions (none, lest they interfere)
    :param dict env: more environment variables
    :param options: more command line options
    :param expected: regular expressions of the warnings and errors that the log may contain
    :raises AssertionError: the log contains others
    """
    odoo = the_odoo()
    port = free_port()
    ports = [f"--http-port={port}", f"--gevent-port={free_port()}", "--http-interface=127.0.0.1"]
    command = odoo.command(database, *ports, f"--workers={workers}", f"--max-cron-threads={crons}", *options)
    handle, path = tempfile.mkstemp(prefix=f"{database}-", suffix=".log", dir=LOGS)
    url = f"http://127.0.0.1:{port}"
    with os.fdopen(handle, "w") as log:
        output = {"stdout": log, "stderr": log, "env": {**odoo.environment, **(env or {})}}
        with background(command, **output) as process:
            server = LiveServer(database, url, Path(path), process)
            wait_until_it_answers(process, url, server.log)
            yield server
    if found := complaints(path, expected):
        raise AssertionError("\n".join([f"The server logged (see {path}):", *[entry.text for entry in found]]))
    server.log.unlink()


def wait_until_it_answers(process, url, log=None):
    """Return as soon as the Odoo of ``process`` answers at ``url``; raise :class:`Failed` if it ends or is silent."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{url}/web/health", timeout=5).ok:
                return
        time.sleep(0.1)
    text = log.read_text(errors="replace") if log else ""
    raise Failed("\n".join(["Odoo does not start", *text.splitlines()[-25:]]))
