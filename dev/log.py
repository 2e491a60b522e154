"""Read Odoo's log: what tests ran, which failed, and what was complained about that should not have been."""

import re
from dataclasses import dataclass, field

RECORD = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]{12} \d+ (?P<level>[A-Z]+) \S+ (?P<logger>\S+): (?P<text>.*)")
PERFORMANCE = re.compile(r"( [-\d.]+){3}$")
STARTING = re.compile(r"Starting (\S+) \.\.\.")
SKIPPED = re.compile(r"skipped (\S+) : (.*)")
FAILURE = re.compile(r"(?:FAIL|ERROR): (?:Subtest )?((?:setUp|tearDown)\w+ \(.+\)|\S+)")
SUMMARY = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests when loading database")
OWN_SUMMARY = re.compile(r"Module \S+: \d+ failures, \d+ errors of \d+ tests|At least one test failed when loading")

# Warnings that are neither ours nor about us: (logger, text), regular expressions, each with its reason.
HARMLESS = [
    # Odoo's own style sheets are not turned round without that program; ours need none.
    (r"odoo\.addons\.base\.models\.assetsbundle", "rtlcss"),
]


@dataclass
class Entry:
    """One record of the log, with the lines (a traceback) that follow its first."""

    level: str
    logger: str
    lines: list

    @property
    def text(self):
        """The whole message."""
        return "\n".join(self.lines)

    @property
    def is_complaint(self):
        """Whether it is a warning or worse, and not one of the harmless ones."""
        return self.level in {"WARNING", "ERROR", "CRITICAL"} and not self.matches(HARMLESS)

    def matches(self, patterns):
        """Whether one of the (logger, text) ``patterns`` fits."""
        return any(re.match(logger, self.logger) and re.search(text, self.text) for logger, text in patterns)


def entries(lines):
    """The :class:`Entry` of each record in ``lines`` (an iterable, read as it comes)."""
    entry = None
    for line in lines:
        if found := RECORD.match(line):
            if entry:
                yield entry
            entry = Entry(found["level"], found["logger"], [PERFORMANCE.sub("", found["text"].rstrip())])
        elif entry:
            entry.lines.append(line.rstrip())
    if entry:
        yield entry


def complaints(path, expected=()):
    """The complaints in the log file ``path``, but for those whose text fits one of the ``expected`` expressions."""
    with open(path, errors="replace") as log:
        found = [entry for entry in entries(log) if entry.is_complaint]
    return [entry for entry in found if not entry.matches([("", text) for text in expected])]


@dataclass
class Outcome:
    """What came of the tests.

    :ivar started: those in Odoo that began, as (module, ``Class.method``)
    """

    run: int = 0
    failed: dict = field(default_factory=dict)
    skipped: dict = field(default_factory=dict)
    complaints: list = field(default_factory=list)
    started: set = field(default_factory=set)
    finished: bool = False

    @property
    def passed(self):
        """The number of tests that ran to their end without failure."""
        outside = sum("setUpClass" in name or "tearDownClass" in name for name in self.failed)
        return max(self.run - len(self.failed) + outside - len(self.skipped), 0)

    def add(self, other):
        """Count ``other`` in."""
        self.run += other.run
        for name in ("failed", "skipped", "started"):
            getattr(self, name).update(getattr(other, name))
        self.complaints += other.complaints


def follow(lines, progress):
    """The :class:`Outcome` that Odoo's log tells of.

    :param lines: the log, as it comes
    :param progress: called with the test's class and name at its start, and with the class and None at its failure
    """
    outcome = Outcome()
    for entry in entries(lines):
        first = entry.lines[0]
        test = entry.logger.removeprefix("odoo.addons.")
        if found := STARTING.match(first):
            outcome.started.add((entry.logger, found[1]))
            outcome.run += 1
            progress(test, found[1])
        elif found := SKIPPED.match(first):
            outcome.skipped[f"{test}:{found[1]}"] = found[2]
        elif found := SUMMARY.search(first):
            outcome.run, outcome.finished = int(found[3]), True
            if int(found[1]) + int(found[2]) and not outcome.failed:
                outcome.failed["a test"] = first
        elif entry.level == "ERROR" and (found := FAILURE.match(first)):
            outcome.failed.setdefault(f"{test}:{found[1]}", entry.text)
            progress(test, None)
        elif entry.is_complaint and not OWN_SUMMARY.match(first):
            outcome.complaints.append(entry)
    return outcome
