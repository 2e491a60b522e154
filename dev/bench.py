"""``make bench``: run the scripts of ``bench/`` one after the other."""

import sys

from .odoo import the_odoo
from .system import ROOT, Failed, background, say

# Each runs in a process of its own: Odoo is imported in it, and has one registry.
RUN = "import sys, importlib; sys.exit(importlib.import_module('bench.{name}').main())"
# What benchmarks share: they are none themselves.
SHARED = {"common", "browser"}


def main(arguments):
    """Run all benchmarks, or the one that is named.

    :return: 1 if one failed or did not keep its bounds
    """
    names = sorted({path.stem for path in (ROOT / "bench").glob("*.py")} - SHARED)
    if arguments.name:
        if arguments.name not in names:
            raise Failed(f"There is no benchmark {arguments.name}: choose from {', '.join(names)}")
        names = [arguments.name]
    failed = [name for name in names if _run(name)]
    say(f"{len(names) - len(failed)} of {len(names)} benchmarks kept their bounds")
    print("".join(f"  ✗ {name}\n" for name in failed), end="")
    return 1 if failed else 0


def _run(name):
    say(f"Benchmark {name}")
    with background([sys.executable, "-c", RUN.format(name=name)], cwd=ROOT, env=the_odoo().environment) as process:
        return process.wait()
