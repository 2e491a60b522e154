"""What a person sees of a test run: one line per class while it runs, the failures and the counts at its end."""

import re
import sys

from .system import say

MANY = 20
REASON = 300
# How Python names an error at the end of a traceback: "odoo.exceptions.UserError: …"
ERROR = re.compile(r"[\w.]*(?:Error|Exception|Failure|Failed|Timeout|Interrupt)\w*(?::|$)")


class Progress:
    """Prints a line per test class, and in it a dot per test."""

    def __init__(self):
        self.shown = None

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        if self.shown:
            print(flush=True)

    def __call__(self, file, test):
        """A test (``Class.method``) of ``file`` starts; with None the one under way has failed."""
        if test is None:
            self._write("F")
            return
        group = f"{file.replace('.tests.', '/')} {test.partition('.')[0]}"
        if group != self.shown:
            self._write(("\n" if self.shown else "") + f"  {group} ")
            self.shown = group
        self._write(".")

    def _write(self, text):
        sys.stdout.write(text)
        sys.stdout.flush()


def report(outcome):
    """Print failures, complaints and what was skipped; the last line is ``N passed, N failed``.

    :return: the exit code
    """
    for name, text in outcome.failed.items():
        print(f"\n✗ {name}\n{_indented(text)}")
    for entry in outcome.complaints[:MANY]:
        print(f"\n! {entry.level} {entry.logger}\n{_indented(entry.text)}")
    for name, reason in outcome.skipped.items():
        print(f"- skipped {name}: {reason}")
    sound = bool(outcome.run) and not outcome.failed and not outcome.complaints
    if outcome.complaints:
        say(f"{len(outcome.complaints)} warnings or errors in the log, which no test expects: this is a failure")
    if not outcome.run:
        say("No test ran: this is a failure")
    for name, text in outcome.failed.items():
        print(f"✗ {name}: {_reason(text)}")
    print(f"\n{outcome.passed} passed, {len(outcome.failed)} failed", flush=True)
    return 0 if sound else 1


def _reason(text):
    """The error in a traceback, in one line: who sees only the end of a long log sees why."""
    found = [line.strip() for line in text.splitlines() if ERROR.match(line.strip(" |+-"))]
    return (found or text.strip().splitlines() or ["?"])[-1][:REASON]


def _indented(text):
    lines = text.splitlines()
    if len(lines) > 2 * MANY:
        lines = [*lines[:MANY], "…", *lines[-MANY:]]
    return "\n".join(f"    {line}" for line in lines)
