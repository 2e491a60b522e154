"""Command lines of Odoo, and the databases that demo and tests start from: made once, cached, copied."""

import atexit
import contextlib
import functools
import os
import shutil
import socket
import sys

from .database import server
from .log import entries
from .odoo_tree import odoo_tree
from .system import ADDONS, CACHE, ROOT, Failed, addon_files, digest, locked, manifest, run, step

# Besides what our add-ons depend on, the base database has the provider of demo and tests, and the French chart.
EXTRA_MODULES = ["payment_demo", "l10n_fr_account"]
HERE = digest(ROOT)[:6]
# It imports Odoo from the tree that PYTHONPATH names.
PROGRAM = ROOT / "dev/program/run_odoo.py"

# What browsers load, in all its parts: else every run of tests, and every server, would make it anew, for 15 seconds.
# Odoo leaves out what no page names.
BUNDLES = """
env["ir.qweb"]._pregenerate_assets_bundles()
for name in ("bus.websocket_worker_assets", "web.assets_emoji"):
    env["ir.qweb"]._get_asset_bundle(name, css=False, js=True).js()
env.cr.commit()
"""


def base_modules():
    """What our add-ons depend on (themselves excepted), plus :data:`EXTRA_MODULES`."""
    needed = {module for addon in ADDONS for module in manifest(addon)["depends"]}
    return sorted(needed.difference(ADDONS).union(EXTRA_MODULES))


class Odoo:
    """Odoo on one database server."""

    def __init__(self, database_server):
        self.server = database_server
        self.tree = odoo_tree()
        self.data_dir = CACHE / f"data-{digest(ROOT)}"

    # === RUNNING === #

    def options(self, database, *options, extra_addons=()):
        """The command line options (a list) for ``database``."""
        addons = [*self.tree.addons_path, ROOT, *extra_addons]
        return [
            f"--database={database}",
            f"--addons-path={','.join(str(path) for path in addons)}",
            f"--data-dir={self.data_dir}",
            *[str(option) for option in options],
        ]

    def command(self, database, *options, subcommand="server", extra_addons=()):
        """The argument list that runs Odoo on ``database``."""
        # A file, not "-c": a server of several processes starts its websocket process by this name.
        program = [sys.executable, PROGRAM, subcommand]
        return program + self.options(database, *options, extra_addons=extra_addons)

    @property
    def environment(self):
        """The environment variables Odoo runs with: its tree first on the Python path, nobody's own settings."""
        path = [self.tree.python_path, ROOT, os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            **self.server.environment,
            "PYTHONPATH": os.pathsep.join(str(part) for part in path if part),
            # Compiled once, for the many processes of the tests; nothing is written beside the source.
            "PYTHONPYCACHEPREFIX": str(CACHE / "bytecode"),
            "PYTHONDONTWRITEBYTECODE": "",
            "ODOO_RC": os.devnull,
        }

    def run(self, database, *options, extra_addons=(), **kwargs):
        """Run Odoo to its end, quietly."""
        command = self.command(database, *options, "--stop-after-init", "--no-http", extra_addons=extra_addons)
        return run(command, env=self.environment, quiet=True, **kwargs)

    def install(self, database, modules, *options, update=False):
        """Install (or ``update``) ``modules`` in ``database``, made if it doesn't exist.

        :return: the process that did it; its ``stdout`` has the warnings
        """
        return self.run(database, "--update" if update else "--init", ",".join(modules), "--log-level=warn", *options)

    def script(self, database, text):
        """Run Python ``text`` in ``odoo shell`` (``env`` is there, nothing is committed by itself).

        :return: what it printed
        """
        command = self.command(database, "--no-http", "--log-level=warn", subcommand="shell")
        result = run(command, env=self.environment, quiet=True, split=True, input=text)
        return result.stdout

    # === DATABASES === #

    def base(self, modules=None, *, demo=False):
        """The name of a database with ``modules`` (what our add-ons need), made at the first call.

        :param bool demo: with Odoo's demo data
        """
        modules = modules or base_modules()
        options = ["--load-language=en_US,fr_FR", *(["--with-demo"] if demo else [])]
        key = digest(self.tree.folder, *modules, *options)
        title = "Making the base database (once, about a minute)"

        def make(name):
            self.install(name, modules, *options)
            self.script(name, BUNDLES)

        return self._cached("base", key, title, make)

    def with_addons(self):
        """The name of a database with all our add-ons, made anew whenever one of their files changes.

        :raise Failed: the installation logs warnings
        """
        base = self.base()

        def make(name):
            self.copy(base, name)
            said = self.install(name, ADDONS).stdout
            if found := [entry.text for entry in entries(said.splitlines()) if entry.is_complaint]:
                raise Failed("\n".join(["Installing the add-ons was complained about:", *found]))

        key = digest(base, addons_digest())
        return self._cached("addons", key, "Installing the add-ons in a fresh database", make, keep_old=False)

    def for_browsers(self):
        """The name of a database with all our add-ons and :data:`BUNDLES`, likewise."""
        addons = self.with_addons()

        def make(name):
            self.copy(addons, name)
            self.script(name, BUNDLES)

        return self._cached("bundles", digest(addons, BUNDLES), "Making what browsers load", make, keep_old=False)

    def _cached(self, kind, key, title, make, *, keep_old=True):
        prefix = f"paylink_{kind}_{HERE}_"
        name = prefix + key
        with locked(f"database-{prefix}"):
            if name not in self.server.databases():
                for old in self.server.databases():
                    if old.startswith(prefix) and (not keep_old or old.endswith("_part")):
                        self.drop(old)
                with step(title):
                    make(f"{name}_part")
                self.rename(f"{name}_part", name)
        return name

    def copy(self, source, target):
        """Make database ``target`` and its file store anew from ``source``."""
        self.drop(target)
        self.server.copy(source, target)
        if self.filestore(source).is_dir():
            # Odoo never changes a stored file: hard links are safe, and instant.
            run(["cp", "-al", self.filestore(source), self.filestore(target)])

    def rename(self, old, new):
        """Rename a database that nobody uses, and its file store."""
        self.server.execute(f'ALTER DATABASE "{old}" RENAME TO "{new}"')
        if self.filestore(old).is_dir():
            shutil.rmtree(self.filestore(new), ignore_errors=True)
            self.filestore(old).rename(self.filestore(new))

    def drop(self, database):
        """Drop a database, if it exists, and its file store."""
        self.server.drop(database)
        shutil.rmtree(self.filestore(database), ignore_errors=True)

    @contextlib.contextmanager
    def scratch(self, source, purpose="test"):
        """Yield the name of a copy of ``source``, dropped after the block (those of killed processes are, now)."""
        prefix = f"paylink_{purpose}_{HERE}_"
        for old in self.server.databases():
            if old.startswith(prefix) and not _is_running(int(old.removeprefix(prefix))):
                self.drop(old)
        name = f"{prefix}{os.getpid()}"
        self.copy(source, name)
        try:
            yield name
        finally:
            self.drop(name)

    def filestore(self, database):
        """Where the attachments of ``database`` are."""
        return self.data_dir / "filestore" / database


@functools.cache
def the_odoo():
    """Odoo on the database server of this process, which is started now and stopped at its exit."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return Odoo(stack.enter_context(server()))


def addons_digest():
    """Names what is in our add-ons, their tests aside."""
    files = [path for addon in ADDONS for path in addon_files(addon, "tests")]
    return digest(*[part for path in files for part in (path.relative_to(ROOT), path)])


def free_port(wanted=0):
    """``wanted`` if nothing listens there, else an error; 0 gives any free port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise Failed(f"Port {wanted} is in use: stop what listens there, or run `make demo PORT=8070`") from error
        return probe.getsockname()[1]


def _is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
