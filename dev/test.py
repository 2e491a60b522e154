"""``make test``: the tests of the add-ons inside Odoo and, beside them, ``unit_tests/`` and ``live_tests/``.

What ``T=…`` names is in :mod:`.targets`.
"""

import contextlib
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import live
from .live_runner import run_live_tests, run_plain_tests
from .log import Outcome, follow
from .odoo import free_port, the_odoo
from .report import Progress, report
from .setup import optional_programs
from .system import ADDONS, CACHE, ROOT, background, digest, say, step
from .targets import chosen, every

LOGS = CACHE / f"logs-{digest(ROOT)}"


def main(arguments):
    """Run the tests, print ``N passed, N failed`` at last.

    :return: 0 if there were tests, all passed, and nothing was complained about
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    live.LOGS = LOGS
    outcome = Outcome()
    there = every()
    if arguments.outside:
        _run_outside(there, outcome)
        arguments.outside.write_bytes(pickle.dumps(outcome))
        return 0
    if arguments.targets:
        _run_targets(chosen(arguments.targets, there), outcome)
    else:
        optional_programs()
        _run_everything(there, outcome)
    return report(outcome)


def _run_everything(there, outcome):
    start = time.monotonic()
    the_odoo().with_addons()  # what both start from; else both would make it
    with _outside_tests(outcome):
        outcome.add(_run_in_odoo([f"/{addon}" for addon in ADDONS], "odoo.log"))
    miss(there, outcome)
    say(f"All tests: {time.monotonic() - start:.0f} s, logs in {LOGS}")


def miss(targets, outcome):
    """Note those ``targets`` in Odoo of which no test ran as failed."""
    for target in targets:
        if target.is_inside and not target.has_run(outcome.started):
            outcome.failed[str(target)] = "No test of it ran: does the __init__.py beside it import it?"


@contextlib.contextmanager
def _outside_tests(outcome):
    """Run the tests outside Odoo in a process of its own beside the block, then show them and count them in."""
    with tempfile.TemporaryDirectory() as folder, (LOGS / "outside.log").open("w+") as log:
        found = Path(folder) / "outcome"
        command = [sys.executable, "-m", "dev", "test", "--outside", found]
        with background(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT) as process:
            yield
            code = process.wait()
        log.seek(0)
        print(log.read(), end="", flush=True)
        if found.is_file():
            outcome.add(pickle.loads(found.read_bytes()))  # noqa: S301  our own process wrote it
        else:
            outcome.failed["unit_tests, live_tests"] = f"They ended ({code}) before their time: see {log.name}"


def _run_targets(targets, outcome):
    if inside := [target for target in targets if target.is_inside]:
        stems = dict.fromkeys(target.place.stem for target in inside)
        outcome.add(_run_in_odoo([target.tag for target in inside], f"{'+'.join(stems)[:60]}.log"))
        miss(inside, outcome)
    _run_outside(targets, outcome)


def _run_outside(targets, outcome):
    """Run those ``targets`` that need no Odoo, or one of their own."""
    for folder, run in (("unit_tests", run_plain_tests), ("live_tests", run_live_tests)):
        found = [(target.path, target.names) for target in targets if target.place.parts[0] == folder]
        if found:
            outcome.add(run(found))


def _run_in_odoo(tags, log_name):
    """Install the add-ons in a copy of the base database and run the tests of ``tags``.

    :rtype: Outcome
    """
    odoo = the_odoo()
    log_path = LOGS / log_name
    with odoo.scratch(odoo.base()) as database, step(f"Odoo's tests of {', '.join(tags)}"), log_path.open("w") as log:
        options = ["--init", ",".join(ADDONS), "--test-tags", ",".join(tags), "--stop-after-init"]
        options += ["--http-interface=127.0.0.1", f"--http-port={free_port()}", f"--gevent-port={free_port()}"]
        command = odoo.command(database, *options)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
        with background(command, env=odoo.environment, **pipes) as process, Progress() as progress:
            outcome = follow(_copied(process.stdout, log), progress)
            code = process.wait()
    if not outcome.finished:
        outcome.failed["odoo"] = f"It ended ({code}) before its tests did:\n{_tail(log_path)}"
    return outcome


def _copied(lines, log):
    for line in lines:
        log.write(line)
        yield line


def _tail(path):
    return "\n".join(Path(path).read_text(errors="replace").splitlines()[-25:])
