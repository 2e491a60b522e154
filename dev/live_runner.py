"""Run ``live_tests/``: plain ``unittest`` modules that drive a real server of several processes over HTTP."""

import sys
import unittest

from .log import Outcome
from .odoo import the_odoo
from .report import Progress
from .system import ROOT, Failed


class LiveResult(unittest.TestResult):
    """Fills an :class:`Outcome`."""

    def __init__(self, outcome, progress):
        super().__init__()
        self.outcome, self.progress = outcome, progress

    def startTest(self, test):
        """Count a test."""
        super().startTest(test)
        self.outcome.run += 1
        self.progress(type(test).__module__, _name(test))

    def addSkip(self, test, reason):
        """Note a test that was not run."""
        super().addSkip(test, reason)
        self.outcome.skipped[_name(test)] = reason

    def addFailure(self, test, err):
        """Note a failure."""
        super().addFailure(test, err)
        self._failed(test, self.failures[-1][1])

    def addError(self, test, err):
        """Note an error, in a test or in what sets up its class."""
        super().addError(test, err)
        self._failed(test, self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        """Note a failure in a part of a test."""
        super().addSubTest(test, subtest, err)
        if err:
            self._failed(test, self._exc_info_to_string(err, test))

    def _failed(self, test, text):
        self.outcome.failed.setdefault(_name(test), text)
        self.progress(None, None)


def run_live_tests(found):
    """Run files of ``live_tests/``, likewise.

    :rtype: Outcome
    """
    the_odoo().for_browsers()  # what they start from; now, lest it be counted as a test's time
    return run_plain_tests(found)


def run_plain_tests(found):
    """Run plain ``unittest`` files; those of ``unit_tests/`` test what needs no Odoo.

    :param found: list of (file, names); names (``Class`` or ``Class.method``, or none) narrow it down
    :rtype: Outcome
    """
    outcome = Outcome()
    sys.path += [
        str(ROOT / "paylink_addon"),
        str(ROOT / "paylink_addon/tests"),
    ]  # for their ``tools`` and ``fake_stripe``
    for folder in {str(file.parent) for file, _names in found}:
        sys.path.insert(0, folder)
    suites = [_load(file.stem, names) for file, names in found]
    with Progress() as progress:
        unittest.TestSuite(suites).run(LiveResult(outcome, progress))
    return outcome


def _load(module, names):
    loader = unittest.defaultTestLoader
    try:
        return loader.loadTestsFromName(f"{module}.{names}" if names else module)
    except AttributeError as error:
        raise Failed(f"{module}.py has no {names}: {error}") from error


def _name(test):
    """``Class.method``, or how unittest names what is not a test (``setUpClass (module.Class)``)."""
    if isinstance(test, unittest.TestCase) and hasattr(test, "_testMethodName"):
        return f"{type(test).__qualname__}.{test._testMethodName}"
    return str(test)
