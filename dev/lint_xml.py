"""Check that our XML can be parsed, names each record once and is laid out alike: 4 spaces, long tags on more lines."""

import re
from collections import defaultdict

from lxml import etree

from .system import ROOT, addon_files

LONGEST = 120
INDENT = 4
ATTRIBUTE = r"""[\w:.-]+=(?:"[^"]*"|'[^']*')"""
# A line that begins with a tag of two or more attributes; text may follow it, which stays where it is.
LONG_TAG = re.compile(
    rf"(?P<indent> *)<(?P<name>[\w.:-]+)(?P<attributes>(?: +{ATTRIBUTE}){{2,}}) *(?P<end>/?>)(?P<rest>.*)"
)


def check_xml(addon, *, fix=False):
    """What is wrong in the XML files of ``addon``, as ``file:line: problem``.

    :param bool fix: put the attributes of long tags on lines of their own
    """
    found, named = [], defaultdict(list)
    for path in addon_files(addon):
        if path.suffix != ".xml":
            continue
        if fix:
            path.write_text("".join(map(_wrapped, path.read_text().splitlines(keepends=True))))
        name = path.relative_to(ROOT)
        try:
            for node in etree.parse(str(path)).iter("record", "template", "menuitem"):
                named[node.get("id")].append(f"{name}:{node.sourceline}")
        except etree.XMLSyntaxError as error:
            found.append(f"{name}:{error.lineno}: {error.msg}")
        found += [f"{name}:{number}: {problem}" for number, problem in _layout(path.read_text())]
    # The later one would silently take the place of the earlier one.
    twice = [(name, places) for name, places in named.items() if name and len(places) > 1]
    return found + [f"{places[-1]}: {name} is at {places[0]}, too" for name, places in twice]


def _wrapped(line):
    """``line``, or a tag that is too long with one attribute per line."""
    tag = LONG_TAG.match(line)
    if len(line.rstrip("\n")) <= LONGEST or not tag:
        return line
    indent = tag["indent"]
    attributes = [f"{indent}{' ' * INDENT}{attribute}" for attribute in re.findall(ATTRIBUTE, tag["attributes"])]
    return "\n".join([f"{indent}<{tag['name']}", *attributes, f"{indent}{tag['end']}{tag['rest']}\n"])


def _layout(text):
    """Line numbers and what is wrong with the layout of these lines."""
    if not text.endswith("\n"):
        yield text.count("\n") + 1, "no end of line at the end of the file"
    for number, line in enumerate(text.splitlines(), 1):
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in line:
            yield number, "a tab"
        if line != line.rstrip():
            yield number, "white space at the end"
        if len(line) > LONGEST and LONG_TAG.match(line):
            yield number, f"a tag longer than {LONGEST} characters: `make lint FIX=1` wraps it"
        if line.lstrip().startswith("<") and len(indent) % INDENT:
            yield number, f"not indented by a multiple of {INDENT}"
