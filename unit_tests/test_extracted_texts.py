# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Texts are found by what extracts them for translation: it does not look into f-strings, where they stay English.

Plain unittest: run by `make test`.
"""

import ast
import unittest
from pathlib import Path

ROOT = Path(__file__).parent.parent


def hidden_texts(source):
    """The calls of ``_`` within f-strings, as ``(line, call)``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FormattedValue):
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) == "_":
                    yield call.lineno, ast.unparse(call)


class TestExtractedTexts(unittest.TestCase):
    def test_no_text_hides_in_an_f_string(self):
        self.assertTrue(list(hidden_texts("f\"{self.env._('Hello')}\"")))
        found = {
            str(path.relative_to(ROOT)): hidden
            for path in sorted(ROOT.glob("paylink_addon*/**/*.py"))
            if (hidden := list(hidden_texts(path.read_text())))
        }
        self.assertFalse(found)
