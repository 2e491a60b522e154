"""Find or fetch the source of Odoo 19: a checkout, a clone, or Debian's package unpacked without installing it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from .system import CACHE, Failed, digest, locked, made_once, need_programs, run, say, step

SERIES = "19.0"
GIT_URL = os.environ.get("ODOO_GIT", "https://github.com/odoo/odoo.git")
# What Debian's odoo-19 links to instead of shipping it. Font Awesome 4.7 is in Debian 13, not in sid.
LINKED_PACKAGES = [
    "libjs-jquery",
    "libjs-underscore",
    "libjs-jquery-form",
    "fonts-font-awesome",
    "fonts-roboto-unhinted",
    "fonts-montserrat",
    "fonts-inconsolata",
    "fonts-ocr-b",
]


class OdooTree:
    """Where one Odoo source tree keeps its program and its add-ons."""

    def __init__(self, folder):
        self.folder = Path(folder)
        debian = self.folder / "usr/lib/python3/dist-packages"
        self.python_path = debian if debian.is_dir() else self.folder
        self.addons = self.python_path / "odoo/addons" if debian.is_dir() else self.folder / "addons"
        if not (self.python_path / "odoo/release.py").is_file():
            raise Failed(f"{folder} is not an Odoo source tree: set ODOO_DIR to a checkout of branch {SERIES}")

    @property
    def addons_path(self):
        """The folders to give as ``--addons-path`` besides ours (the framework's own are implicit)."""
        return [self.addons]


def odoo_tree():
    """The Odoo source: ``ODOO_DIR``, else a shallow clone, else Debian's package. Cached."""
    if os.environ.get("ODOO_DIR"):
        return OdooTree(os.environ["ODOO_DIR"])
    with locked("odoo-tree"):
        for name in ("odoo-git", f"odoo-debian-{digest(*LINKED_PACKAGES)}"):
            if (CACHE / name).is_dir():
                return OdooTree(CACHE / name)
        for fetch in (_clone, _unpack_debian):
            if folder := fetch():
                return OdooTree(folder)
    raise Failed(
        "Odoo 19 could not be fetched. Set ODOO_DIR to a checkout of its branch 19.0, "
        "or DEBIAN_MIRROR to the address of a Debian mirror."
    )


def _clone():
    env = dict(os.environ, GIT_TERMINAL_PROMPT="0")
    try:
        reachable = subprocess.run(
            ["git", "ls-remote", "--exit-code", "--heads", GIT_URL, SERIES],
            capture_output=True,
            check=False,
            env=env,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if reachable.returncode:
        say("Odoo's git repository can't be reached from here: taking Debian's package instead")
        return None
    target = CACHE / "odoo-git"
    with step("Fetching Odoo 19 with git"), made_once(target) as folder:
        run(["git", "clone", "-q", "--depth=1", "--branch", SERIES, GIT_URL, folder], env=env)
    return target


def _mirrors():
    """Debian mirrors that the machine itself is set up with, ``DEBIAN_MIRROR`` first."""
    if os.environ.get("DEBIAN_MIRROR"):
        yield os.environ["DEBIAN_MIRROR"]
    sources = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    for source in sources:
        if source.is_file():
            lines = [line for line in source.read_text().splitlines() if not line.lstrip().startswith("#")]
            for address in re.findall(r"(?:https?|mirror\+file):\S+", "\n".join(lines)):
                if address.rstrip("/").endswith("/debian"):
                    yield address


def _unpack_debian():
    mirror = next(_mirrors(), None)
    if not mirror or not shutil.which("apt-get"):
        return None
    need_programs({"dpkg-deb": "dpkg"})
    target = CACHE / f"odoo-debian-{digest(*LINKED_PACKAGES)}"
    state = CACHE / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    signed = f"[signed-by={keyring}] " if keyring.is_file() else ""
    (state / "sources.list").write_text("".join(f"deb {signed}{mirror} {suite} main\n" for suite in ("sid", "trixie")))
    private = [
        f"Dir::State::Lists={state}/lists",
        f"Dir::Cache={state}/cache",
        f"Dir::Etc::sourcelist={state}/sources.list",
        "Dir::Etc::sourceparts=/dev/null",
        "Acquire::Languages=none",
        "APT::Sandbox::User=root",
    ]
    options = [word for option in private for word in ("-o", option)]
    with step("Fetching Odoo 19 from Debian (123 MB)"):
        run(["apt-get", *options, "update", "-q"], quiet=True)
        with made_once(target) as folder:
            downloads = folder / "downloads"
            downloads.mkdir()
            packages = ["odoo-19/sid", *(f"{name}/trixie" for name in LINKED_PACKAGES)]
            run(["apt-get", *options, "download", "-q", *packages], quiet=True, cwd=downloads)
            for package in downloads.glob("*.deb"):
                run(["dpkg-deb", "-x", package, folder], quiet=True)
            shutil.rmtree(downloads)
            _mend_debian_tree(folder)
    return target


def _mend_debian_tree(folder):
    """Point absolute links into the tree itself, and add the one file the backend's bundle misses."""
    for path in folder.rglob("*"):
        if path.is_symlink() and os.readlink(path).startswith("/"):
            inside = folder / os.readlink(path).lstrip("/")
            path.unlink()
            path.symlink_to(os.path.relpath(inside, path.parent))
    addons = folder / "usr/lib/python3/dist-packages/odoo/addons"
    segmentation = addons / "mail/static/lib/selfie_segmentation/selfie_segmentation.js"
    segmentation.parent.mkdir(parents=True, exist_ok=True)
    segmentation.touch()
