"""The rules of the house (see ``docs/architecture.md``), checked over the syntax trees of the core add-on.

- Each model stands in the folder of a subject, and a subject calls only what its row of :data:`MAY_CALL` allows.
- A model has one class per subject, in the file named after it; a large one is cut into *stages*: files named after the
  model and the stage, whose first line says ``Stage of ``model``: …``.
- A method is defined once per model and subject.

What a subject *calls* is what its code names: models, tables and columns (also within SQL), methods, fields and modules
that are defined in another subject only. What an Odoo model brings itself is nobody's.
"""

import ast
import re
from collections import defaultdict
from functools import cached_property

from lxml import etree

from .system import ROOT

ADDON = ROOT / "paylink_addon"
LAYERS = ("models", "wizards", "controllers")

# What each subject may call, besides itself and what Odoo has. In the order in which they are loaded.
MAY_CALL = {
    "messaging": (),
    "link": ("messaging",),
    "deposit": ("link",),
    "statement": ("link",),
    "dispute": ("link",),
    "stripe": ("link", "dispute"),
    "card": ("link", "deposit", "stripe"),
    "autopay": ("card", "link", "deposit", "stripe"),
    "bank": ("link", "deposit", "statement", "stripe"),
    "reminder": ("link", "deposit", "statement", "dispute", "autopay", "bank"),
    "answer": ("link", "deposit", "statement", "card", "autopay", "bank", "reminder"),
    "desk": ("link", "deposit", "statement", "dispute", "stripe", "card", "autopay", "bank", "reminder", "answer"),
}
XML_FOLDERS = ("views", "wizards", "data")
# Attributes that hold no names, or names that XML ids may have.
XML_TEXTS = ("id", "string", "help", "confirm", "title", "placeholder")
# Words that give away what somebody else's business is, however it is spelled.
OWN_WORDS = {
    "stripe": re.compile(r"stripe", re.I),
    "deposit": re.compile(r"(?<!micro)deposit|sale[._](?:order|line)", re.I),
}
# The only module that may import the SDK.
DOOR = "tools/stripe_client.py"

# Names of Odoo's that models of ours have too.
ODOO_NAMES = {"commercial_partner_id", "mail_message_id", "_post_process", "_create_payment"}
# Controllers stand in one folder: whose they are.
CONTROLLERS = {
    "page": "messaging",
    "pay": "link",
    "portal": "link",
    "status": "link",
    "deposit": "deposit",
    "account": "statement",
    "autopay": "autopay",
    "answer": "answer",
    "plan": "answer",
    "saved": "card",
    "export": "desk",
    "card": "card",
    "card_open": "card",
    "card_portal": "card",
    "stripe": "stripe",
    "stripe_webhook": "stripe",
}

LONGEST = 600
STAGE = re.compile(r"Stage of ``([a-z_.]+)``: \S")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[a-z_]+)*")


def check_layers(addon=ADDON):
    """What breaks a rule in the folder ``addon``, one line for each place."""
    files = [File(path, addon) for layer in LAYERS for path in sorted((addon / layer).rglob("*.py"))]
    files = [file for file in files if file.path.name != "__init__.py"]
    return sorted(
        [
            *_misplaced(files),
            *_many_classes(files),
            *_defined_twice(files),
            *_upward_calls(files),
            *_upward_views(files, addon),
            *_other_doors(addon),
        ]
    )


class File:
    """A file of models: where it stands, and what it defines and names."""

    def __init__(self, path, addon):
        self.path, self.addon = path, addon
        self.tree = ast.parse(path.read_text())
        place = path.relative_to(addon).parts
        self.layer = place[0]
        self.subject = (
            place[1] if len(place) > 2 else CONTROLLERS.get(path.stem) if self.layer == "controllers" else None
        )

    def at(self, line, text):
        """A complaint."""
        return f"{self.path.relative_to(self.addon.parent)}:{line}: {text}"

    @cached_property
    def classes(self):
        """The classes of models, as ``(model, node)``."""
        nodes = [node for node in self.tree.body if isinstance(node, ast.ClassDef)]
        return [(model, node) for node in nodes if (model := _model(node))]

    @cached_property
    def names(self):
        """What the code names, docstrings aside: ``(line, name)``."""
        docstrings = {id(node) for node in _docstrings(self.tree)}
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                found.append((node.lineno, node.attr))
            elif isinstance(node, ast.Name):
                found.append((node.lineno, node.id))
            elif isinstance(node, ast.keyword) and node.arg:
                found.append((node.value.lineno, node.arg))
            elif isinstance(node, ast.ImportFrom):
                found += [(node.lineno, name) for name in ((node.module or "").split("."))]
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                found += [(node.lineno, name) for name in _words(node.value)]
        return found


def _words(text):
    """The names that a string holds: a model's, a field's path, or those in SQL; a sentence holds none."""
    if not re.search(r"[_.]", text):
        return []
    words = IDENTIFIER.findall(text)
    return [part for word in words for part in {word, *word.split(".")} if "_" in part or "." in part]


def _docstrings(tree):
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            yield body[0].value


def _model(node):
    """The name of the model that a class defines or extends, or None."""
    values = {
        target.id: statement.value
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for name in ("_name", "_inherit"):
        if name in values and isinstance(values[name], ast.Constant):
            return values[name].value
    return None


def _misplaced(files):
    for file in files:
        if file.subject not in MAY_CALL:
            yield file.at(1, "stands in the folder of no subject")
        if len(file.path.read_text().splitlines()) > LONGEST:
            yield file.at(1, f"has more than {LONGEST} lines: cut the model into stages")


def _many_classes(files):
    """A second class of a model in a subject that is no named stage; a file that is not named after its model."""
    for file in files:
        models = dict(file.classes)
        for model, node in file.classes:
            name, stem = model.replace(".", "_"), file.path.stem
            stage = STAGE.match(ast.get_docstring(file.tree) or "")
            if len(models) > 1 or (stem != name and not (stem.startswith(f"{name}_") and stage and stage[1] == model)):
                yield file.at(node.lineno, f"a class of {model}, neither in {name}.py nor in a named stage of it")


def _defined_twice(files):
    places = defaultdict(list)
    for file in files:
        for model, node in file.classes:
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    places[file.subject, model, method.name].append((file, method.lineno))
    for (_subject, model, name), found in places.items():
        for file, line in found[1:]:
            yield file.at(line, f"{model}.{name} is defined twice in one subject: offer a hook instead")


# === WHO CALLS WHOM === #


def _upward_calls(files):
    owners = _owners(files)
    for file in files:
        if file.subject not in MAY_CALL:
            continue
        allowed = _reachable(file.subject)
        seen = set()
        for line, name in file.names:
            owner = _owner(name, owners, allowed)
            if owner and (line, name) not in seen:
                seen.add((line, name))
                yield file.at(line, f"{file.subject} may not call {owner}: {name}")


def _upward_views(files, addon):
    """The same of views, wizards' views and data: what their XML names, texts for people aside."""
    owners = _owners(files)
    paths = [path for folder in XML_FOLDERS for path in sorted((addon / folder).rglob("*.xml"))]
    for path in paths:
        place = path.relative_to(addon).parts
        name = path.relative_to(addon.parent)
        if place[1] not in MAY_CALL:
            yield f"{name}:1: stands in the folder of no subject"
            continue
        allowed = _reachable(place[1])
        for line, word in _xml_names(path):
            if owner := _owner(word, owners, allowed):
                yield f"{name}:{line}: {place[1]} may not call {owner}: {word}"


def _xml_names(path):
    for element in etree.parse(str(path)).iter(etree.Element):
        texts = [value for key, value in element.attrib.items() if key not in XML_TEXTS]
        for word in dict.fromkeys(word for text in [*texts, element.text or ""] for word in _words(text)):
            yield element.sourceline, word


def _owner(name, owners, allowed):
    """The subject, not one of ``allowed``, that alone has ``name``; or None."""
    homes = owners.get(name, set())
    if homes:
        return None if homes & allowed else sorted(homes)[0]
    return next((subject for subject, word in OWN_WORDS.items() if subject not in allowed and word.search(name)), None)


def _reachable(subject):
    """The subjects that ``subject`` may call, directly or not, and itself."""
    found = {subject}
    for other in MAY_CALL[subject]:
        found |= _reachable(other)
    return found


def _owners(files):
    """The subjects that define a name of ours, by name: a model, its table, a method, a field, a constant, a module."""
    owners = defaultdict(set)
    for file in files:
        if file.subject not in MAY_CALL:
            continue
        for model, node in file.classes:
            own = any(_target(statement) == "_name" for statement in node.body)
            if own and model.startswith("paylink."):
                owners[model].add(file.subject)
                owners[model.replace(".", "_")].add(file.subject)
            for statement in node.body:
                name = getattr(statement, "name", None) or _target(statement)
                if name and _is_ours(name, model):
                    owners[name].add(file.subject)
    return owners


def _is_ours(name, model):
    """Whether nobody but us can have given the name: short ones are everybody's."""
    if model.startswith("paylink."):
        return name.count("_") > 1 and name not in ODOO_NAMES
    return "paylink" in name


def _target(statement):
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return None


def _other_doors(addon):
    """Stripe's SDK is imported by one module."""
    for path in sorted(addon.rglob("*.py")):
        if "tests" in path.relative_to(addon).parts or path == addon / DOOR:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module or "")
            if any(name.split(".")[0] == "stripe" for name in names):
                yield f"{path.relative_to(addon.parent)}:{node.lineno}: only {DOOR} imports Stripe's SDK"
