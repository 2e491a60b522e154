"""Folders, subprocesses and progress: what every other file of ``dev`` uses. Standard library only."""

import ast
import contextlib
import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# As root the database runs under a user of its own, which can't look into root's home.
CACHE = Path(
    os.environ.get("PAYLINK_CACHE")
    or ("/var/cache/paylink-odoo" if os.geteuid() == 0 else Path.home() / ".cache" / "paylink-odoo")
)
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
# Our add-ons, as ``-i`` and ``--test-tags`` want them.
ADDONS = sorted(p.parent.name for p in ROOT.glob("paylink_addon*/__manifest__.py"))


class Failed(Exception):
    """A step can't go on; the message says what the person has to do."""


def say(text):
    """Print one line of progress at once, even into a pipe."""
    print(f"\033[36m▸\033[0m {text}" if sys.stdout.isatty() else f"> {text}", flush=True)


@contextlib.contextmanager
def step(text):
    """Announce a long step, and how long it took once it is done."""
    say(f"{text} …")
    start = time.monotonic()
    yield
    say(f"{text}: {time.monotonic() - start:.0f} s")


def run(command, *, quiet=False, split=False, **kwargs):
    """Run ``command`` (a list), raise :class:`Failed` with its last lines if it fails.

    :param bool quiet: keep the output, show it only on failure
    :param bool split: keep errors apart from the output
    """
    command = [str(part) for part in command]
    if quiet:
        kwargs.update(stdout=subprocess.PIPE, stderr=subprocess.PIPE if split else subprocess.STDOUT, text=True)
    result = subprocess.run(command, check=False, **kwargs)
    if result.returncode:
        tail = "\n".join(f"{result.stdout or ''}{result.stderr or ''}".splitlines()[-25:])
        raise Failed(f"{' '.join(command[:6])} … failed ({result.returncode})\n{tail}")
    return result


def digest(*parts):
    """Twelve hex digits that name what ``parts`` (text or files) contain."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.read_bytes() if isinstance(part, Path) and part.is_file() else str(part).encode())
    return sha.hexdigest()[:12]


def manifest(addon):
    """The manifest of one of our add-ons, as a dict."""
    return ast.literal_eval((ROOT / addon / "__manifest__.py").read_text())


def addon_files(addon, *without):
    """Every file of an add-on that belongs to it, but those in its folders ``without``."""
    skipped = {"__pycache__", *without}
    files = (path for path in (ROOT / addon).rglob("*") if path.is_file())
    return sorted(path for path in files if not skipped & set(path.relative_to(ROOT).parts))


@contextlib.contextmanager
def locked(name):
    """Let one process at a time into the block; the others wait."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def made_once(target):
    """Yield a scratch folder that becomes ``target`` only when the block succeeds.

    A half-made cache entry is thus never mistaken for a whole one.
    """
    scratch = target.with_name(f"{target.name}.{os.getpid()}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        if target.exists():  # another process was faster
            shutil.rmtree(scratch)
        else:
            scratch.rename(target)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def need_programs(programs):
    """Install the Debian packages of missing programs as root, else say what to install.

    :param dict programs: package name by program name
    """
    missing = sorted({package for program, package in programs.items() if not shutil.which(program)})
    if missing:
        install_packages(missing)


def install_packages(packages):
    """``apt-get install`` as root; without root, say exactly what to run."""
    if os.geteuid() or not shutil.which("apt-get"):
        raise Failed(f"Please install what is missing:  sudo apt-get install {' '.join(packages)}")
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    with step(f"apt-get install {' '.join(packages)}"):
        run(["apt-get", "update", "-q"], quiet=True, env=env)
        run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages], quiet=True, env=env)


def try_install(program, package, consequence):
    """Install ``package`` if ``program`` is missing; where that is impossible, say what the ``consequence`` is."""
    try:
        need_programs({program: package})
    except Failed:
        say(f"{program} is missing and can't be installed from here: {consequence}")


def die_with_parent():
    """As ``preexec_fn`` of ``Popen``: Linux stops the child (SIGTERM) when we are killed, so none is orphaned."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def background(command, **kwargs):
    """Run ``command`` beside the block; when the block ends, stop it and everything it has started.

    It has a session of its own: Ctrl-C reaches only us, and we stop the rest in order.
    """
    command = [str(part) for part in command]
    # (preexec_fn may deadlock in a program with threads; ours has none when it starts a server.)
    process = subprocess.Popen(command, start_new_session=True, preexec_fn=die_with_parent, **kwargs)  # noqa: PLW1509
    try:
        yield process
    finally:
        stop(process)


def stop(process, patience=15):
    """Stop a process of :func:`background` and its descendants: politely, then for good."""
    import psutil  # noqa: PLC0415  only the environment has it

    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    for member in [process, *family]:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()
