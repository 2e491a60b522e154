"""What the customer's pages load by themselves: understood by browsers of 2018, and the same from either side."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "paylink_addon/static/src/pay"
LOADED = re.compile(r"static_url\('([\w/]+\.js)'\)")
COMMENTS_AND_TEXTS = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""", re.DOTALL)
# Syntax and methods newer than ECMAScript 2018, by the year that brought them. One of them, and nothing of the script
# runs.
NEWER = {
    "2019": r"catch\s*\{|\.(?:flat|flatMap|trimStart|trimEnd)\(|Object\.fromEntries",
    "2020": r"\?\.(?!\d)|\?\?|\bglobalThis\b|\.matchAll\(|\d+n\b|\bimport\(",
    "2021": r"(?:&&|\|\||\?\?)=|\.replaceAll\(|\d_\d",
    "2022 and later": r"\.at\(|\bthis\.#|\bstatic\s*\{|\bstructuredClone\(|\.findLast\(|\.toSorted\(",
}
SIDES = re.compile(
    r"(?:^|[\s;{])((?:margin|padding|border|inset)?-?(?:left|right)(?:-[a-z]+)?|text-align\s*:\s*(?:left|right)|float\s*:\s*(?:left|right))\s*[:;}]"
)


class TestPlainPages(unittest.TestCase):
    """Read, not run: no browser of that time is at hand."""

    def test_scripts(self):
        templates = [path.read_text() for path in ROOT.glob("paylink_addon*/views/**/*.xml")]
        scripts = {name for text in templates for name in LOADED.findall(text)}
        self.assertGreaterEqual(len(scripts), 2)
        for name in scripts:
            code = COMMENTS_AND_TEXTS.sub("''", (FOLDER / name).read_text())
            for year, newer in NEWER.items():
                with self.subTest(script=name, year=year):
                    self.assertIsNone(re.search(newer, code))

    def test_style_sheet(self):
        """Lines have a start and an end, since some languages are read from the right."""
        css = re.sub(r"/\*.*?\*/", "", (FOLDER / "pay.css").read_text(), flags=re.DOTALL)
        self.assertEqual(SIDES.findall(css), [])


if __name__ == "__main__":
    unittest.main()
