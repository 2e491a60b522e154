"""``make lint``: ruff, the rules of the house, pylint-odoo, the OCA's checks, XML and translations, counted."""

import subprocess

from . import environment, i18n
from .lint_days import check_days
from .lint_layers import check_layers
from .lint_xml import check_xml
from .system import ADDONS, ROOT, Failed, say

PYTHON_FOLDERS = ["dev", "bench", "live_tests", "unit_tests", *ADDONS]

# Checks of pylint-odoo (in pyproject.toml `enable` would win over these): there is one README for all add-ons, and a
# model has a class in each subject that extends it, and one for each stage.
NOT_OURS = ["missing-readme", "consider-merging-classes-inherited"]


def main(arguments):
    """Run all checks, or those that are named.

    :return: 1 if one of them found something
    """
    if unknown := set(arguments.checks).difference(CHECKS):
        raise Failed(f"Unknown check {', '.join(unknown)}: choose from {', '.join(CHECKS)}")
    counts = {}
    for name in arguments.checks or CHECKS:
        found = CHECKS[name](arguments.fix)
        counts[name] = len(found)
        print("\n".join(found) + "\n" * bool(found), end="")
        say(f"{name}: {len(found)} found")
    total = sum(counts.values())
    say("Lint: nothing found" if not total else f"Lint: {total} found")
    return 1 if total else 0


def _ruff(fix):
    return _lines("ruff", "check", "--output-format=concise", "--quiet", *(["--fix"] if fix else []), *_folders())


def _format(fix):
    return _lines("ruff", "format", "--quiet", *([] if fix else ["--check", "--output-format=concise"]), *_folders())


def _pylint(_fix):
    template = "{path}:{line}: {msg_id} {symbol}: {msg}"
    lines = _lines("pylint", "--score=n", f"--msg-template={template}", f"--disable={','.join(NOT_OURS)}", *ADDONS)
    return [line for line in lines if not line.startswith("*****")]


def _oca(_fix):
    # Odoo itself writes `utf-8` in the header of its XML files.
    lines = _lines("oca_pre_commit_hooks.cli", "--disable=xml-header-wrong", *ADDONS)
    return [line for line in lines if not line.startswith("Use `")]


def _xml(fix):
    return [problem for addon in ADDONS for problem in check_xml(addon, fix=fix)]


def _layers(_fix):
    return check_layers()


def _days(_fix):
    return check_days()


def _i18n(_fix):
    return i18n.check()


# By the name that `python3 -m dev lint <name>` and pre-commit use.
CHECKS = {
    "ruff": _ruff,
    "format": _format,
    "layers": _layers,
    "days": _days,
    "pylint": _pylint,
    "oca": _oca,
    "xml": _xml,
    "i18n": _i18n,
}


def _folders():
    return [folder for folder in PYTHON_FOLDERS if (ROOT / folder).is_dir()]


def _lines(module, *options):
    """Run a tool; what it prints is what it found."""
    command = [environment.lint_python(), "-m", module, *options]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = [line for line in f"{result.stdout}\n{result.stderr}".splitlines() if line.strip()]
    return found if result.returncode else []
