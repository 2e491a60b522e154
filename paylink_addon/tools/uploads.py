"""Files that strangers send. What a file is, its first bytes say; its name and the type that came with it say nothing.

A file may be several things at once: whoever hands it out says that it is :attr:`Upload.mimetype`, as something to
save, with ``nosniff``. Nothing here opens it.
"""

import re
from typing import NamedTuple

from .texts import typed

LARGEST = 5 * 1024 * 1024
LONGEST_NAME = 100
# How files begin; beside it their type and extension. The four bytes of a size are whatever they are.
SIGNATURES = (
    (re.compile(rb"%PDF-\d"), "application/pdf", ".pdf"),
    (re.compile(rb"\xff\xd8\xff[\xc0-\xfe]"), "image/jpeg", ".jpg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n....IHDR", re.S), "image/png", ".png"),
    (re.compile(rb"RIFF....WEBPVP8[ LX]", re.S), "image/webp", ".webp"),
    (re.compile(rb"....ftyp(?:hei[cxms]|hev[cx])", re.S), "image/heic", ".heic"),
    # Of HEIF in general: one of the first kinds that it is compatible with says that it is HEIC, and not AVIF.
    (re.compile(rb"....ftypm(?:if1|sf1).{4}(?!.{0,28}avi[fs])(?:.{4}){0,7}hei[cxms]", re.S), "image/heic", ".heic"),
)
# What browsers let one choose; it keeps nobody from sending something else.
ACCEPT = ",".join(dict.fromkeys([*(mimetype for _start, mimetype, _extension in SIGNATURES), ".heic"]))
HEAD = 64
# What an extension looks like, and what no file's name has on a computer of any kind.
EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
JPEG = re.compile(r"\.jpe$|\.jpeg$", re.I)
FORBIDDEN = re.compile(r'[<>:"|?*]')


class BadUpload(ValueError):
    """A file that is not taken; ``code`` says why: ``large``, ``empty``, ``type``."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Upload(NamedTuple):
    """A file as it may be kept."""

    name: str
    mimetype: str
    content: bytes


def received(file):
    """What came in a field for a file.

    :param file: a ``werkzeug.datastructures.FileStorage``, or whatever else came there
    :return: an :class:`Upload`, or ``None``: no file was chosen
    :raises BadUpload: it is not taken
    """
    if not hasattr(file, "stream"):
        return None
    content = file.stream.read(LARGEST + 1)
    if not content and not file.filename:
        return None
    if not content or len(content) > LARGEST:
        raise BadUpload("large" if content else "empty")
    kind = next((kind for start, *kind in SIGNATURES if start.match(content[:HEAD])), None)
    if not kind:
        raise BadUpload("type")
    mimetype, extension = kind
    return Upload(_clean(file.filename, extension), mimetype, content)


def _clean(name, extension):
    """A file's name: one line without a path, that ends as what the file is."""
    last = re.split(r"[/\\]", typed(name, 1000))[-1]
    stem = EXTENSION.sub("", FORBIDDEN.sub(" ", last))
    stem = JPEG.sub("", stem).removesuffix(extension)
    stem = typed(stem, LONGEST_NAME - len(extension)).strip(". ")
    return f"{stem or 'file'}{extension}"
