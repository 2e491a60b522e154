"""Check that only `tools/days.py` makes days of moments: elsewhere it would be by the server's clock, or a user's.

Currencies are converted at the rate of a day: which one is said, too.
"""

import ast

from .system import ADDONS, ROOT, addon_files

HOME = "tools/days.py"
CLOCKS = {"context_today", "context_timestamp", "today", "utcnow"}
ADVICE = "see paylink_addon/tools/days.py"
# ``currency._convert(amount, to_currency, company, date)``
CONVERT_ARGUMENTS = 4


def check_days(addons=ADDONS):
    """What is wrong in the add-ons, as ``file:line: problem``."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {problem}, {ADVICE}"
        for addon in addons
        for path in addon_files(addon, "tests")
        if path.suffix == ".py" and not path.match(HOME)
        for line, problem in naive_days(path.read_text())
    ]


def naive_days(source):
    """The lines of Python code that take a day of the wrong clock, each with what is wrong."""
    for node in ast.walk(ast.parse(source)):
        if problem := _problem(node):
            yield node.lineno, problem


def _problem(node):
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = [alias.name for alias in node.names] + [getattr(node, "module", None)]
        return "pytz is used" if "pytz" in names else None
    if isinstance(node, ast.Attribute):
        owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        is_clock = node.attr in CLOCKS and owner in ("Date", "Datetime", "date", "datetime")
        return f"{owner}.{node.attr} is used" if is_clock else None
    return _problem_of_call(node) if isinstance(node, ast.Call) else None


def _problem_of_call(node):
    method = getattr(node.func, "attr", "")
    arguments = len(node.args) + len(node.keywords)
    if method == "date" and not arguments:
        return "the day of a moment is taken"
    if method == "_convert" and arguments < CONVERT_ARGUMENTS:
        return "an amount is converted without a day"
    return None
