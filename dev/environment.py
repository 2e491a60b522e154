"""The Python environment: a virtual environment in the cache, named after the requirements it was made from; and what
else comes from its packages.
"""

import subprocess
import sys
from zipfile import ZipFile

from .system import CACHE, ROOT, Failed, digest, install_packages, locked, made_once, run, step

ODOO_REQUIREMENTS = ROOT / "dev/requirements.txt"
OWN_REQUIREMENTS = ROOT / "requirements.txt"
LINT_REQUIREMENTS = ROOT / "dev/requirements-lint.txt"
AXE_REQUIREMENTS = ROOT / "dev/requirements-axe.txt"


def python():
    """The interpreter (a path) of an environment with Odoo's and our requirements."""
    return _environment("env", [ODOO_REQUIREMENTS, OWN_REQUIREMENTS])


def lint_python():
    """The interpreter of the environment of the linters."""
    return _environment("lint", [LINT_REQUIREMENTS])


def axe_script():
    """The script of axe-core, a path. The package that has it wants others, of which none is needed."""
    target = CACHE / f"axe-{digest(AXE_REQUIREMENTS)}"
    with locked(target.name):
        if not target.is_dir():
            with step("Fetching axe-core"), made_once(target) as folder:
                options = ["-qq", "--no-deps", "--only-binary=:all:", "--require-hashes", "-d", folder]
                run([sys.executable, "-m", "pip", "download", *options, "-r", AXE_REQUIREMENTS], quiet=True)
                (wheel,) = folder.glob("*.whl")
                with ZipFile(wheel) as package:
                    (name,) = (name for name in package.namelist() if name.endswith("/axe.min.js"))
                    (folder / "axe.min.js").write_bytes(package.read(name))
                wheel.unlink()
    return target / "axe.min.js"


def _environment(name, files):
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        raise Failed(f"Python 3.10 to 3.13 is needed, this is {sys.version.split()[0]}: run `make PYTHON=python3.12 …`")
    target = CACHE / f"{name}-{digest(sys.version, *files)}"
    with locked(target.name):
        if not target.is_dir():
            _need_venv()
            with step(f"Installing the Python packages ({name})"), made_once(target) as folder:
                run([sys.executable, "-m", "venv", "--copies", folder], quiet=True)
                wanted = [word for file in files for word in ("-r", file)]
                run([folder / "bin/python", "-m", "pip", "install", "-qq", *wanted], quiet=True)
    return target / "bin/python"


def _need_venv():
    probe = subprocess.run([sys.executable, "-c", "import venv, ensurepip"], capture_output=True, check=False)
    if probe.returncode:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        install_packages([f"python{version}-venv"])
