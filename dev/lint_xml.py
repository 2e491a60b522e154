"""Check that our XML can be parsed and is laid out alike: 4 spaces, no tabs, no line that is too long."""

from lxml import etree

from .system import ROOT, addon_files

LONGEST = 120
INDENT = 4


def check_xml(addon):
    """What is wrong in the XML files of ``addon``, as ``file:line: problem``."""
    found = []
    for path in addon_files(addon):
        if path.suffix != ".xml":
            continue
        name = path.relative_to(ROOT)
        try:
            etree.parse(str(path))
        except etree.XMLSyntaxError as error:
            found.append(f"{name}:{error.lineno}: {error.msg}")
        found += [f"{name}:{number}: {problem}" for number, problem in _layout(path.read_text())]
    return found


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
        if len(line) > LONGEST:
            yield number, f"longer than {LONGEST} characters"
        if line.lstrip().startswith("<") and len(indent) % INDENT:
            yield number, f"not indented by a multiple of {INDENT}"
