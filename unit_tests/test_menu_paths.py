# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Whoever is sent to a menu, by the documentation or by a text of ours, in English or French, finds it.

Plain unittest: run by `make test`.
"""

import re
import unittest
from pathlib import Path

import polib
from lxml import etree

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
APP = "Collection Links"
ARROW = " → "


def menus(said=str):
    """Our menus as a tree: name → menus below it; ``said`` says a name in another language."""
    below = {}
    for path in ROOT.glob("paylink_addon*/views/**/*.xml"):
        for node in etree.parse(path).iter("menuitem"):
            below.setdefault(node.get("parent"), []).append(node)

    def tree(xml_id):
        return {said(node.get("name")): tree(node.get("id")) for node in below.get(xml_id, ())}

    return {said(APP): tree("paylink_menu_root")}


def paths(text, top):
    """What stands after an arrow behind one of our menus: yields the path until there, the rest, the menus below."""
    text = re.sub(r"[\s*“”]+", " ", text)
    (app,) = top
    places = top | {name: below for name, below in top[app].items() if below}
    starts = "|".join(re.escape(name) for name in sorted(places, key=len, reverse=True))
    for match in re.finditer(rf"\b({starts}){ARROW}", text):
        if text[: match.start()].endswith(ARROW):
            continue  # in the middle of a path: of ours, which is followed from its start, or of Odoo's
        path, rest, tree = match[1], text[match.end() :], places[match[1]]
        while tree:
            yield path, rest, tree
            name = next((name for name in sorted(tree, key=len, reverse=True) if rest.startswith(name)), None)
            if name is None or not rest[len(name) :].startswith(ARROW):
                break
            path, rest, tree = f"{path}{ARROW}{name}", rest[len(name) + len(ARROW) :], tree[name]


def lost(text, top):
    """The paths of ``text`` that lead to no menu."""
    return [f"{path}{ARROW}{rest[:40]}" for path, rest, tree in paths(text, top) if not rest.startswith(tuple(tree))]


class TestMenuPaths(unittest.TestCase):
    """Of all that is written."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.texts = {
            entry.msgid: entry.msgstr
            for path in ROOT.glob("paylink_addon*/i18n/fr.po")
            for entry in polib.pofile(str(path))
            if entry.msgstr
        }

    def test_documentation(self):
        top, number = menus(), 0
        for doc in DOCS:
            text = doc.read_text(encoding="utf-8")
            number += len(list(paths(text, top)))
            with self.subTest(doc=doc.name):
                self.assertFalse(lost(text, top))
        self.assertGreater(number, 20)

    def test_texts_in_both_languages(self):
        english, french = menus(), menus(lambda name: self.texts.get(name, name))
        for msgid, msgstr in self.texts.items():
            with self.subTest(msgid):
                self.assertFalse(lost(msgid, english) + lost(msgstr, french))
                self.assertEqual(len(list(paths(msgid, english))), len(list(paths(msgstr, french))))

    def test_a_path_that_ends_nowhere_is_found(self):
        top = {APP: {"Bank": {"To match": {}}, "Settings": {}}}
        for path, is_lost in {
            "**Collection\nLinks → Bank → To match** → **Accept**": False,
            "*Bank → To match*": False,
            "Collection Links → Settings → Expiry": False,
            "Bank → Payouts": True,
            "Collection Links → To match": True,
            "Invoicing → Bank → Journals": False,
        }.items():
            with self.subTest(path):
                self.assertEqual(bool(lost(path, top)), is_lost)
