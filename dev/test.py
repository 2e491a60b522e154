"""``make test``: the tests of the add-ons inside Odoo and, beside them, ``unit_tests/`` and ``live_tests/``.

What ``T=…`` names is in :mod:`.targets`.
"""

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from . import live
from .environment import axe_script
from .live_runner import run_live_tests, run_plain_tests
from .log import Outcome, follow
from .odoo import free_port, the_odoo
from .report import Progress, report
from .setup import optional_programs
from .system import CACHE, ROOT, background, digest, say, step
from .targets import chosen, every

LOGS = CACHE / f"logs-{digest(ROOT)}"
# All tests inside Odoo are divided into so many shares, one for each core: each has a database and an Odoo to start.
SHARES = min(max(os.cpu_count() or 1, 2), 4)
# Those outside that take a minute or more, the longest first: what starts last is short, so that all cores are busy.
LONG = [f"live-{name}" for name in ("buttons", "deposits", "reminder_crashes", "webhooks", "payers", "autopay_crashes")]
# So many parts run beside each other.
WIDTH = min(max(os.cpu_count() or 1, 2), SHARES + 1)


def main(arguments):
    """Run the tests, print ``N passed, N failed`` at last.

    :return: 0 if there were tests, all passed, and nothing was complained about
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    live.LOGS = LOGS
    outcome = Outcome()
    there = every()
    if arguments.part:
        name, found = arguments.part
        _run_targets(parts(there)[name], outcome, name)
        Path(found).write_bytes(pickle.dumps(outcome))
        return 0
    if arguments.targets:
        _run_targets(chosen(arguments.targets, there), outcome)
    else:
        optional_programs()
        _run_everything(there, outcome)
    return report(outcome)


def parts(there):
    """The tests, divided into what one process runs, the longest first: shares of what is inside Odoo; then what is
    outside it, file by file.

    :rtype: dict
    """
    inside = [target for target in there if target.is_inside]
    found = {f"odoo-{share + 1}": inside[share::SHARES] for share in range(SHARES)}
    for target in there:
        folder = target.place.parts[0]
        if folder == "live_tests":
            found[f"live-{target.place.stem.removeprefix('test_')}"] = [target]
        elif not target.is_inside:
            found.setdefault(folder, []).append(target)
    return {name: found[name] for name in sorted(found, key=_turn)}


def _turn(name):
    return not name.startswith("odoo-"), LONG.index(name) if name in LONG else len(LONG)


def _run_everything(there, outcome):
    start = time.monotonic()
    the_odoo().for_browsers()  # what all start from; else each would make it
    waiting = list(parts(there))
    say(f"{len(waiting)} parts, {WIDTH} at a time; each is shown when it ends")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        beside = []
        while waiting or beside:
            while waiting and len(beside) < WIDTH:
                beside.append(running.enter_context(_part(waiting.pop(0), Path(folder))))
            for part in [part for part in beside if part.process.poll() is not None]:
                beside.remove(part)
                part.show(outcome)
            time.sleep(0.2)
    say(f"All tests: {time.monotonic() - start:.0f} s, logs in {LOGS}")


@dataclass
class Part:
    """Some of the tests, in a process of their own.

    :ivar found: the file that takes what came of them
    """

    name: str
    process: subprocess.Popen
    log: Path
    found: Path

    def show(self, outcome):
        """Print what it printed, and count its tests in."""
        print(self.log.read_text(), end="", flush=True)
        if self.found.is_file():
            outcome.add(pickle.loads(self.found.read_bytes()))  # noqa: S301  our own process wrote it
        else:
            outcome.failed[self.name] = f"Its tests ended ({self.process.returncode}) before their time: see {self.log}"


@contextlib.contextmanager
def _part(name, folder):
    log, found = LOGS / f"{name}.out", folder / name
    command = [sys.executable, "-m", "dev", "test", "--part", name, found]
    with log.open("w") as out, background(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT) as process:
        yield Part(name, process, log, found)


def miss(targets, outcome):
    """Note those ``targets`` in Odoo of which no test ran as failed."""
    for target in targets:
        if target.is_inside and not target.has_run(outcome.started):
            outcome.failed[str(target)] = "No test of it ran: does the __init__.py beside it import it?"


def _run_targets(targets, outcome, name=""):
    """Run ``targets``.

    :param str name: of the part of all tests that they are; by default they are those that a person has chosen
    """
    if inside := [target for target in targets if target.is_inside]:
        stems = "+".join(dict.fromkeys(target.place.stem for target in inside))
        source = the_odoo().for_browsers() if name else the_odoo().with_addons()
        outcome.add(_run_in_odoo([target.tag for target in inside], name or stems[:60], source))
        miss(inside, outcome)
    _run_outside(targets, outcome)


def _run_outside(targets, outcome):
    """Run those ``targets`` that need no Odoo, or one of their own."""
    for folder, run in (("unit_tests", run_plain_tests), ("live_tests", run_live_tests)):
        found = [(target.path, target.names) for target in targets if target.place.parts[0] == folder]
        if found:
            outcome.add(run(found))


def _run_in_odoo(tags, name, source):
    """Run the tests of ``tags``, in a copy of the database ``source``, which has the add-ons.

    :rtype: Outcome
    """
    odoo = the_odoo()
    log_path = LOGS / f"{name}.log"
    with odoo.scratch(source) as database, step(f"Odoo's tests: {name}"), log_path.open("w") as log:
        options = ["--test-enable", "--test-tags", ",".join(tags), "--stop-after-init"]
        options += ["--http-interface=127.0.0.1", f"--http-port={free_port()}", f"--gevent-port={free_port()}"]
        command = odoo.command(database, *options)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
        environment = {**odoo.environment, "AXE_SCRIPT": str(axe_script())}
        with background(command, env=environment, **pipes) as process, Progress() as progress:
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
