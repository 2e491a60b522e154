"""What the benchmarks share: Odoo in this process, a clock that counts queries, an HTTP load, a table with bounds.

A benchmark is a file of this folder with a function ``main()`` that measures and ends with ``return table.show()``.
Each thing of ours is measured beside its peer (or floor) in one run, and judged by their ratio: a slow machine slows
both. A peer that is an add-on of somebody else is looked for in the folder that an environment variable names; else
``pip`` fetches its wheels, once. Where neither is possible a benchmark does without, and says so.
"""

import contextlib
import gc
import http.client
import os
import statistics
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dev.odoo import the_odoo
from dev.system import CACHE, Failed, say

# The id of the user "admin", in every database.
ADMIN = 2


@dataclass
class Cost:
    """What something took: wall-clock ``seconds``, SQL ``queries``, and what it returned."""

    seconds: float
    queries: int
    result: object = None

    def per(self, count):
        """The cost of one of ``count`` things that were done together."""
        return Cost(self.seconds / count, self.queries / count, self.result)


def measure(env, function, *, repeat=1):
    """Call ``function`` with flushed and emptied caches; the best of ``repeat`` times.

    :rtype: Cost
    """
    costs = []
    for _turn in range(repeat):
        env.flush_all()
        env.invalidate_all()
        gc.collect()  # who was before has left it
        queries, start = env.cr.sql_log_count, time.perf_counter()
        result = function()
        env.flush_all()
        costs.append(Cost(time.perf_counter() - start, env.cr.sql_log_count - queries, result))
    return min(costs, key=lambda cost: cost.seconds)


@contextlib.contextmanager
def environment(database, *options):
    """Yield an Odoo environment (administrator) on ``database`` in this process; everything is rolled back."""
    from odoo import api  # noqa: PLC0415  only `make bench` has put Odoo's source on the path
    from odoo.modules.registry import Registry  # noqa: PLC0415  likewise
    from odoo.tools import config  # noqa: PLC0415  likewise

    config.parse_config(the_odoo().options(database, "--no-http", "--log-level=error", *options), setup_logging=True)
    registry = Registry(database)
    with registry.cursor() as cursor:
        try:
            yield api.Environment(cursor, ADMIN, {})
        finally:
            cursor.rollback()


def find_peer(name, packages, variable):
    """The options that let Odoo find the add-on ``name`` of somebody else.

    :param packages: what ``pip`` fetches of it, with what it depends on
    :param variable: the environment variable that may name a folder with it
    :return: ``None`` if it can't be fetched
    """
    if folder := os.environ.get(variable):
        folder = Path(folder).resolve()
        if not (folder / name / "__manifest__.py").is_file():
            raise Failed(f"{variable}={folder} does not contain {name}")
    else:
        folder = _fetched(CACHE / f"bench-{name.replace('_', '-')}", name, packages)
    if not folder:
        say(f"{name} could not be fetched: set {variable} to compare with it")
        return None
    options = the_odoo().options("any", extra_addons=[folder])
    return [option for option in options if option.startswith("--addons-path")]


def _fetched(cache, name, packages):
    """The folder of add-ons in ``cache``, with what was fetched before."""
    folder = cache / "odoo/addons"
    if (folder / name).is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    # Errors only (-qq): what else pip says concerns the machine's settings.
    command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--dest", cache, *packages]
    if subprocess.run(command, check=False).returncode:
        return None
    for wheel in cache.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(cache)
    return folder


@dataclass
class Load:
    """How a server held: answers per second (``rate``), and half (99 %) of them within ``p50`` (``p99``) seconds."""

    rate: float
    p50: float
    p99: float
    errors: int


def load(url, *, clients=4, seconds=5, headers=None):
    """GET ``url`` again and again from ``clients`` threads with connections kept alive.

    :rtype: Load
    """
    times, errors = [], []
    end = time.perf_counter() + seconds
    threads = [threading.Thread(target=_client, args=(url, headers or {}, end, times, errors)) for _n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not times:
        raise RuntimeError(f"{url} gave no good answer: {errors[:3]}")
    centiles = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
    return Load(len(times) / seconds, centiles[49], centiles[98], len(errors))


def _client(url, headers, end, times, errors):
    parts = urlsplit(url)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    while time.perf_counter() < end:
        start = time.perf_counter()
        try:
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            errors.append(repr(error))
            connection.close()
            continue
        if answer.status == http.client.OK:
            times.append(time.perf_counter() - start)
        else:
            errors.append(answer.status)


def post_all(url, requests, *, clients=8):
    """POST all ``requests``, an iterable of ``(body, headers)``, from ``clients`` threads.

    :rtype: Load
    """
    times, errors, waiting, lock = [], [], iter(requests), threading.Lock()
    threads = [threading.Thread(target=_poster, args=(url, waiting, lock, times, errors)) for _n in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if not times:
        raise RuntimeError(f"{url} gave no good answer: {errors[:3]}")
    centiles = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
    return Load(len(times) / seconds, centiles[49], centiles[98], len(errors))


def _poster(url, waiting, lock, times, errors):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    while True:
        with lock:
            body, headers = next(waiting, (None, None))
        if body is None:
            return
        start = time.perf_counter()
        try:
            connection.request("POST", parts.path, body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            errors.append(repr(error))
            connection.close()
            continue
        if answer.status == http.client.OK:
            times.append(time.perf_counter() - start)
        else:
            errors.append(answer.status)


class Table:
    """Rows of what was measured. Each may have a bound, which it keeps on a busy machine too and fails without, and a
    goal, which is shown beside it.
    """

    def __init__(self, title):
        self.title, self.rows, self.failed = title, [], 0

    def add(self, what, ours, peer=None, *, unit="", ratio=None, at_least=None, at_most=None, goal=None):
        """Add a row.

        :param ours: what ours took (or yielded), a number
        :param peer: the same of the peer or floor
        :param ratio: what the bound is on (default: peer / ours, "times faster"; ours where there is no peer)
        :param goal: what it should be, on the same side as the bound; by default the bound
        """
        if ratio is None:
            ratio = peer / ours if peer is not None and ours else ours
        bound, passes = _judge(ratio, at_least, at_most)
        self.failed += not passes
        verdict = "" if not bound else "PASS" if passes else "FAIL"
        peer_text = "" if peer is None else f"{_number(peer)}{unit}"
        aim = "" if goal is None else _judge(ratio, *((None, goal) if at_least is None else (goal, None)))[0]
        self.rows.append((what, f"{_number(ours)}{unit}", peer_text, _number(ratio), bound, verdict, aim))

    def show(self):
        """Print the table.

        :return: the exit code, 1 if a bound is not kept
        """
        rows = [("", "ours", "peer", "ratio", "bound", "", "goal"), *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        print(f"\n{self.title}")
        for row in rows:
            first, *rest = (text.rjust(width) for text, width in zip(row, widths, strict=True))
            print(f"  {row[0].ljust(len(first))}  {'  '.join(rest)}".rstrip())
        return 1 if self.failed else 0


def _judge(value, at_least, at_most):
    """The bound as text, and whether ``value`` keeps it."""
    if at_least is not None:
        return f"≥ {_number(at_least)}", value >= at_least
    if at_most is not None:
        return f"≤ {_number(at_most)}", value <= at_most
    return "", True


def _number(value):
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
