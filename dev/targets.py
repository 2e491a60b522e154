"""Which tests there are, and which of them a name means: what ``make test T=…`` understands.

A name is a file (``test_link``), a class or a method in it (``test_link.TestLink.test_method``), or a folder: a subject
(``reminder``), an add-on, ``unit_tests`` or ``live_tests``. A path means its last part; ``.py`` may be left out.
"""

import ast
import difflib
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from .system import ADDONS, ROOT, Failed

OUTSIDE = ("unit_tests", "live_tests")


@dataclass(frozen=True)
class Target:
    """Tests that run: a file, or what of it ``names`` (``Class`` or ``Class.method``) says.

    :ivar place: the path below the folder of all
    """

    root: Path
    place: Path
    names: str = ""

    @property
    def path(self):
        """The file."""
        return self.root / self.place

    @property
    def is_inside(self):
        """Whether the tests run inside Odoo."""
        return self.place.parts[0] not in OUTSIDE

    @property
    def tag(self):
        """What Odoo's ``--test-tags`` calls it."""
        return f"/{self.place}{f':{self.names}' if self.names else ''}"

    @property
    def module(self):
        """The module, which is also the name of its tests' logger, where they run in Odoo."""
        return f"odoo.addons.{'.'.join(self.place.with_suffix('').parts)}"

    def has_run(self, started):
        """Whether one of its tests, at least, is among those that were ``started``: (module, ``Class.method``)."""
        return any(
            module == self.module and f"{test}.".startswith(f"{self.names}." if self.names else "")
            for module, test in started
        )

    def __str__(self):
        return f"{self.place}{f': {self.names}' if self.names else ''}"


def every(root=ROOT, addons=ADDONS):
    """All files of tests, as targets."""
    inside = [path for addon in addons for path in sorted((root / addon / "tests").rglob("test_*.py"))]
    outside = [path for folder in OUTSIDE for path in sorted((root / folder).glob("test_*.py"))]
    return [Target(root, path.relative_to(root)) for path in [*inside, *outside]]


def chosen(names, there):
    """The targets that ``names`` (each may hold several, with commas or spaces between) mean, each of them once.

    :param list there: all that there are, see :func:`every`
    :raise Failed: a name means nothing
    """
    words = [word for name in names for word in re.split(r"[,\s]+", name) if word]
    return list(dict.fromkeys(target for word in words for target in _meant(word, there)))


def _meant(word, there):
    last = word.rstrip("/").rpartition("/")[2].removesuffix(".py")
    stem, _, names = last.partition(".")
    files = [target for target in there if target.place.stem == stem]
    if files:
        return [_narrowed(target, names) for target in files]
    found = [target for target in there if not names and stem in target.place.parts[:-1]]
    if not found:
        raise Failed(_unknown(stem, there))
    return found


def _narrowed(target, names):
    """Some tests of a file.

    :raise Failed: the file has no such class
    """
    classes = [node.name for node in ast.parse(target.path.read_text()).body if isinstance(node, ast.ClassDef)]
    if names and names.partition(".")[0] not in classes:
        raise Failed(f"{target.place} has no class {names.partition('.')[0]}, but {', '.join(classes) or 'none'}")
    return Target(target.root, target.place, names)


def _unknown(word, there):
    files = sorted({target.place.stem for target in there})
    folders = sorted({part for target in there for part in target.place.parts[:-1]} - {"tests"})
    close = difflib.get_close_matches(word, [*files, *folders], n=5, cutoff=0.5)
    meant = f" Did you mean {', '.join(close)}?" if close else ""
    lines = [
        f"No file or folder of tests is called {word}.{meant}",
        f"There are the folders {', '.join(folders)},",
        f"and the files {', '.join(files)}.",
    ]
    return "\n".join(textwrap.fill(line, 120, break_on_hyphens=False) for line in lines)
