"""``make i18n``: export what is to be translated, merge it into the translations, say what is missing.

The same check, writing nothing, is part of ``make lint``.
"""

import ast
import functools
import re
import tempfile

import polib

from .odoo import the_odoo
from .system import ADDONS, ROOT, say

LANGUAGES = ["fr"]
EXPORT = """
import io
from odoo.tools.translate import trans_export
for addon in {addons!r}:
    buffer = io.BytesIO()
    trans_export(None, [addon], buffer, "po", env)
    with open({folder!r} + "/" + addon + ".pot", "wb") as file:
        file.write(buffer.getvalue())
"""
# Terms of Odoo that each of our models has too ("Created by", "Activities"): translated as Odoo translates them.
ODOO_ADDONS = ["base", "mail", "portal", "account", "payment", "sale", "loyalty", "crm"]
NAMES = ("model:ir.model.fields,", "model:ir.model,name:")
# What is code in a term, not language: conditions and names in the attributes of tags, and placeholders.
CODE = re.compile(r"""\b(?:invisible|readonly|required|name|t-[\w-]+)="[^"]*"|%\(\w+\)s""")
HEADER = {
    "Project-Id-Version": "Odoo Server 19.0",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
}
PLURALS = {"fr": "nplurals=2; plural=(n > 1);"}


def main(_arguments):
    """Write every ``.pot`` and ``.po``.

    :return: 1 if a translation is missing
    """
    missing = []
    for addon, template in templates().items():
        folder = ROOT / addon / "i18n"
        folder.mkdir(exist_ok=True)
        template.save(str(folder / f"{addon}.pot"))
        for language in LANGUAGES:
            path = folder / f"{language}.po"
            merged = merge(template, path, language)
            merged.save(str(path))
            missing += incomplete(merged, path)
            say(f"{path.relative_to(ROOT)}: {len(merged)} terms, {merged.percent_translated()} % translated")
    print("\n".join(missing))
    return 1 if missing else 0


def check():
    """What ``make lint`` complains about: a file that is out of date, a term that is not translated."""
    found = []
    for addon, template in templates().items():
        path = ROOT / addon / "i18n" / f"{addon}.pot"
        if not path.exists() and not len(template):
            continue
        if not path.exists() or str(_read(path)) != str(template):
            found.append(f"{path.relative_to(ROOT)} is out of date: run `make i18n`")
        for language in LANGUAGES:
            found += _check_language(template, path.with_name(f"{language}.po"), language)
    return found


def _check_language(template, path, language):
    if not path.exists():
        return [f"{path.relative_to(ROOT)} is missing: run `make i18n`"]
    current = _read(path)
    stale = [] if str(merge(template, path, language)) == str(current) else ["is out of date: run `make i18n`"]
    return [f"{path.relative_to(ROOT)} {text}" for text in stale] + incomplete(current, path)


def templates():
    """The terms of each of our add-ons, as they are in code and database now: a ``polib.POFile`` by name."""
    odoo = the_odoo()
    # (A copy: who copies a database throws out those who work in it.)
    with tempfile.TemporaryDirectory() as folder, odoo.scratch(odoo.with_addons(), purpose="i18n") as database:
        odoo.script(database, EXPORT.format(addons=ADDONS, folder=folder))
        return {addon: _normalised(_with_manifest(_read(f"{folder}/{addon}.pot"), addon)) for addon in ADDONS}


def _with_manifest(template, addon):
    """Also what the page *Apps* says of the add-on. Odoo keeps that with ``base``, and exports it with nothing else."""
    manifest = ast.literal_eval((ROOT / addon / "__manifest__.py").read_text())
    for key, field in (("name", "shortdesc"), ("summary", "summary")):
        place = (f"model:ir.module.module,{field}:base.module_{addon}", "")
        if entry := template.find(manifest[key]):
            entry.occurrences.append(place)
        else:
            template.append(polib.POEntry(msgid=manifest[key], occurrences=[place], comment=f"module: {addon}"))
    return template


def merge(template, path, language):
    """A new translation: the terms of ``template``, what ``path`` has for them, nothing else."""
    known = {(entry.msgctxt, entry.msgid): entry for entry in _read(path)} if path.exists() else {}
    odoo_knows = _odoo_names(language)
    merged = polib.POFile(wrapwidth=template.wrapwidth)
    merged.metadata = {**template.metadata, "Language": language, "Plural-Forms": PLURALS[language]}
    for term in template:
        entry = polib.POEntry(
            msgctxt=term.msgctxt, msgid=term.msgid, comment=term.comment, occurrences=term.occurrences, flags=term.flags
        )
        if old := known.get((term.msgctxt, term.msgid)):
            entry.msgstr = old.msgstr
            entry.tcomment = old.tcomment
            entry.flags = [*term.flags, *(flag for flag in old.flags if flag not in term.flags)]
        if _is_name(entry):
            entry.msgstr = entry.msgstr or odoo_knows.get(entry.msgid, "")
        merged.append(entry)
    return merged


@functools.cache
def _odoo_names(language):
    """How Odoo translates the names of models and fields."""
    folder = the_odoo().tree.addons
    files = [folder / addon / "i18n" / f"{language}.po" for addon in reversed(ODOO_ADDONS)]
    entries = (entry for path in files if path.exists() for entry in _read(path))
    return {entry.msgid: entry.msgstr for entry in entries if entry.translated() and _is_name(entry)}


def _is_name(entry):
    return all(place.startswith(NAMES) for place, _line in entry.occurrences)


def incomplete(translation, path):
    """The entries of ``translation`` that are empty, fuzzy, obsolete or broken, one line for each."""
    name = path.relative_to(ROOT)
    return [
        *(f"{name}: not translated: {entry.msgid!r}" for entry in translation.untranslated_entries()),
        *(f"{name}: fuzzy: {entry.msgid!r}" for entry in translation.fuzzy_entries()),
        *(f"{name}: obsolete: {entry.msgid!r}" for entry in translation.obsolete_entries()),
        *(f"{name}: other code than in English: {entry.msgid!r}" for entry in translation if _has_other_code(entry)),
    ]


def _has_other_code(entry):
    return entry.translated() and set(CODE.findall(entry.msgid)) != set(CODE.findall(entry.msgstr))


def _read(path):
    return polib.pofile(str(path), wrapwidth=78)


def _normalised(template):
    """Without dates and the version of the day, so that the same code gives the same file."""
    template.metadata = dict(HEADER)
    template.metadata_is_fuzzy = False
    return template
