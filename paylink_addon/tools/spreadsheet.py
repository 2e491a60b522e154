"""Excel files of any length, given out while their rows are read: no more than a batch of them is ever in memory.

XlsxWriter makes the file with its styles, headers, totals and further sheets, and one sample row for the table. The
rows themselves are written into its place, straight into the compressed answer: XlsxWriter can give nothing out before
it has seen the last row. See https://xlsxwriter.readthedocs.io/working_with_memory.html and ECMA-376, part 1, 18.3.1.
"""

import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from typing import NamedTuple
from xml.sax.saxutils import escape

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

# What a sheet holds, with its header (Excel's specifications and limits).
MAX_ROWS = 1_048_576
MAX_TEXT = 32_767
TABLE_SHEET = "xl/worksheets/sheet1.xml"
# It comes first: by it programs know what the file is.
KINDS_OF_PARTS = "[Content_Types].xml"
SAMPLE_ROW = 1
# Of the compression: more takes longer than it saves.
LEVEL = 4
# Excel counts days from here on; its own 29 February 1900, which never was, is older than all that is written here.
EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  days of a sheet have no time zone
DAY = 86_400
# A text that begins like this becomes a formula as soon as somebody edits its cell. Who saves the sheet as CSV, which
# has no types, and opens that again, gets formulas of it all the same.
LIKE_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# About as many bytes has a cell, at most, on average over a large sheet.
CELL = 200
# What Excel reads as an escaped character (ECMA-376, part 1, 22.9.2.19).
ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


class Money(NamedTuple):
    """An amount, in major units, and the name of its currency."""

    amount: object
    currency: str


@dataclass
class Column:
    """A column of a table.

    ``kind``: *text*, *number*, *date*, *datetime* (without a time zone: the reader's) or *money*; ``width``: in
    characters.
    """

    title: str
    kind: str = "text"
    width: int = 14


@dataclass
class Table:
    """What is written: the first sheet of a file.

    ``rows`` yields batches: lists of rows, with a value (or ``None``) for each column; ``count`` is how many rows there
    are in all. ``totals``: rows that stand in bold below the others, outside of what is filtered; they are read after
    ``rows``. ``currencies``: the formats of numbers, such as ``#,##0.00 [$€]``, by the names that :class:`Money` uses.
    ``is_turned``: its columns are read from the right.
    ``finish(workbook)`` adds further sheets, once the rows are read; ``begin(workbook)`` the same ones, still empty.
    """

    title: str
    columns: list
    rows: object
    count: int
    totals: list = ()
    currencies: dict = field(default_factory=dict)
    is_turned: bool = False
    begin: Callable = lambda workbook: None
    finish: Callable = lambda workbook: None


def stream(table):
    """Yield the parts of an Excel file, as soon as there are some.

    :param Table table: with the header and the totals, at most :data:`MAX_ROWS` rows
    """
    begun, styles = _skeleton(replace(table, finish=table.begin))
    head, tail = _around_sample(_read(begun, TABLE_SHEET))
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as file:
        file.writestr(KINDS_OF_PARTS, _read(begun, KINDS_OF_PARTS))
        yield sink.take()
        # Not always: Excel wants to repair what says so without need.
        is_huge = table.count * len(table.columns) * CELL > zipfile.ZIP64_LIMIT
        with file.open(TABLE_SHEET, "w", force_zip64=is_huge) as sheet:
            sheet.write(head.encode())
            writer = _RowWriter(table.columns, styles)
            for batch in table.rows:
                sheet.write(writer.rows(batch).encode())
                yield sink.take()
            writer.number += 1
            sheet.write(writer.rows(table.totals, bold=True).encode())
            sheet.write(tail.encode())
        finished, finished_styles = _skeleton(table)
        if finished_styles != styles:
            raise ValueError("The styles of the file have changed.")
        with zipfile.ZipFile(finished) as source:
            _copy_others(source, file)
    yield sink.take()


@dataclass
class Packer:
    """The table of a file that is made in several goes, whose pieces are kept: what the next go has to know.

    Deflated pieces follow each other in one stream (RFC 1951), so nothing is read again to put them together.
    """

    styles: list
    currencies: dict
    row: int = SAMPLE_ROW
    crc: int = 0
    size: int = 0
    packed: int = 0

    @classmethod
    def begin(cls, table):
        """A packer for ``table`` and the first piece: what comes before the rows."""
        skeleton, styles = _skeleton(table)
        packer = cls(list(styles.values()), dict(table.currencies))
        head, _tail = _around_sample(_read(skeleton, TABLE_SHEET))
        return packer, packer._pack([head])

    def add(self, columns, batches):
        """The next piece.

        :param list columns: :class:`Column`, always the same
        :param batches: of rows, as in :class:`Table`
        """
        return self._pack(self._rows(columns, batches))

    def end(self, table):
        """The last piece, and the rest of the file: see :func:`join`."""
        skeleton, styles = _skeleton(table)
        if list(styles.values()) != self.styles:
            raise ValueError("The styles of the file have changed.")
        self.row += 1
        _head, tail = _around_sample(_read(skeleton, TABLE_SHEET))
        texts = [*self._rows(table.columns, [table.totals], bold=True), tail]
        return self._pack(texts, zlib.Z_FINISH), skeleton.getvalue()

    def _rows(self, columns, batches, bold=False):
        names = _kinds(self.currencies)
        writer = _RowWriter(columns, dict(zip(names, self.styles, strict=True)))
        writer.number = self.row
        for batch in batches:
            yield writer.rows(batch, bold)
        self.row = writer.number

    def _pack(self, texts, mode=zlib.Z_FULL_FLUSH):
        deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        parts = []
        for text in texts:
            data = text.encode()
            self.crc, self.size = zlib.crc32(data, self.crc), self.size + len(data)
            parts.append(deflate.compress(data))
        piece = b"".join([*parts, deflate.flush(mode)])
        self.packed += len(piece)
        return piece


def join(packer, skeleton, pieces):
    """Yield the parts of the file whose table a :class:`Packer` has packed.

    :param bytes skeleton: the rest of the file
    :param pieces: yields the pieces, in their order
    """
    sink = _Sink()
    with zipfile.ZipFile(io.BytesIO(skeleton)) as source, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        _copy_others(source, file)
        sheet = zipfile.ZipInfo(TABLE_SHEET)
        sheet.compress_type, sheet.header_offset = zipfile.ZIP_DEFLATED, file.fp.tell()
        sheet.CRC, sheet.file_size, sheet.compress_size = packer.crc, packer.size, packer.packed
        file.fp.write(sheet.FileHeader())
        yield sink.take()
        for piece in pieces:
            file.fp.write(piece)
            yield sink.take()
        file.filelist.append(sheet)
        file.NameToInfo[sheet.filename] = sheet
        file.start_dir = file.fp.tell()
    yield sink.take()


def _copy_others(source, file):
    there = {TABLE_SHEET, *file.namelist()}
    for entry in source.infolist():
        if entry.filename not in there:
            file.writestr(entry.filename, source.read(entry))


# === WHAT IS AROUND THE ROWS === #


def currency_formats(currencies):
    """How Excel writes amounts of currencies (``res.currency``), by name; where one symbol stands for several, with
    their codes.
    """
    symbols = Counter(currency.symbol for currency in currencies)
    return {
        currency.name: _pattern(currency, currency.symbol if symbols[currency.symbol] == 1 else currency.name)
        for currency in currencies
    }


def _pattern(currency, symbol):
    """A currency has any symbol; some signs would end it in a pattern, or begin a language."""
    symbol = (symbol or "").replace('"', "") or currency.name
    symbol = f'"{symbol}"' if set(symbol) & set("[]-") else f"[${symbol}]"
    digits = "#,##0" + ("." + "0" * currency.decimal_places if currency.decimal_places else "")
    return f"{symbol}{digits}" if currency.position == "before" else f"{digits} {symbol}"


def _skeleton(table):
    """A file with all but the rows, as XlsxWriter makes it, and the number of the style of each kind of cell."""
    target = io.BytesIO()
    workbook = xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = workbook.add_worksheet(table.title)
    if table.is_turned:
        sheet.right_to_left()
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    sheet.fit_to_pages(1, 0)  # all columns on each printed page
    sheet.autofilter(0, 0, table.count, len(table.columns) - 1)
    header = workbook.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    for index, column in enumerate(table.columns):
        sheet.set_column(index, index, column.width)
        sheet.write_string(0, index, column.title, header)
    formats = _formats(workbook, table)
    for index, style in enumerate(formats.values()):
        sheet.write_blank(SAMPLE_ROW, index, None, style)
    table.finish(workbook)
    workbook.close()
    numbers = re.findall(r' s="(\d+)"', _sample(_read(target, TABLE_SHEET)).group())
    return target, dict(zip(formats, numbers, strict=True))


def _formats(workbook, table):
    """The styles of cells by kind, or by currency, and whether they are bold."""
    kinds = _kinds(table.currencies)
    return {
        (kind, bold): workbook.add_format(values | ({"bold": True} if bold else {}))
        for (kind, bold), values in kinds.items()
    }


def _kinds(currencies):
    """What each style looks like, always in the same order."""
    kinds = {
        "text": {"num_format": "@"},
        "quoted": {"quote_prefix": True},
        "number": {"num_format": "0"},
        "date": {"num_format": 14},  # the short formats of whoever opens the file
        "datetime": {"num_format": 22},
        "money": {"num_format": "#,##0.00"},  # of a currency that came later
        **{("money", name): {"num_format": currencies[name]} for name in sorted(currencies)},
    }
    return {(kind, bold): values for kind, values in kinds.items() for bold in (False, True)}


def _read(file, name):
    with zipfile.ZipFile(file) as archive:
        return archive.read(name).decode()


def _sample(xml):
    return re.search(rf'<row r="{SAMPLE_ROW + 1}".*?</row>', xml, re.S)


def _around_sample(xml):
    """What comes before and after the rows."""
    found = _sample(xml)
    return xml[: found.start()], xml[found.end() :]


# === THE ROWS === #


class _RowWriter:
    """Writes rows as SpreadsheetML. Texts stand in their cells: a table of all of them would be kept in memory."""

    def __init__(self, columns, styles):
        self.styles = styles
        self.number = SAMPLE_ROW
        write = {"text": self._text, "number": self._number, "money": self._money}
        self.cells = [
            (xl_col_to_name(index), write.get(column.kind, self._date), column.kind)
            for index, column in enumerate(columns)
        ]

    def rows(self, batch, bold=False):
        """The XML of these rows, which follow those written before."""
        parts = []
        for row in batch:
            self.number += 1
            parts.append(f'<row r="{self.number}">')
            parts += [
                write(f'r="{name}{self.number}"', value, kind, bold)
                for (name, write, kind), value in zip(self.cells, row, strict=True)
                if value is not None and value is not False
            ]
            parts.append("</row>")
        return "".join(parts)

    def _text(self, place, value, kind, bold):
        text = _cut(FORBIDDEN.sub("", str(value)))
        style = self.styles["quoted" if text.startswith(LIKE_FORMULA) else kind, bold]
        blanks = ' xml:space="preserve"' if text != text.strip() else ""
        text = escape(ESCAPED.sub("_x005F_", text), {"\r": "_x000D_"})
        return f'<c {place} s="{style}" t="inlineStr"><is><t{blanks}>{text}</t></is></c>'

    def _number(self, place, value, kind, bold):
        return f'<c {place} s="{self.styles[kind, bold]}"><v>{value}</v></c>'

    def _date(self, place, value, kind, bold):
        moment = value if isinstance(value, datetime) else datetime.combine(value, time.min)
        passed = moment - EPOCH
        return f'<c {place} s="{self.styles[kind, bold]}"><v>{passed.days + passed.seconds / DAY}</v></c>'

    def _money(self, place, value, kind, bold):
        style = self.styles.get(((kind, value.currency), bold)) or self.styles[kind, bold]
        return f'<c {place} s="{style}"><v>{value.amount}</v></c>'


def _cut(text):
    """As much of a text as a cell holds: Excel counts what is beyond the first 65,536 characters of Unicode twice."""
    if len(text) * 2 <= MAX_TEXT:
        return text
    return text.encode("utf-16-le")[: MAX_TEXT * 2].decode("utf-16-le", errors="ignore")


class _Sink(io.RawIOBase):
    """Where the compressed file is written to, a part at a time; it can't be gone back in."""

    def __init__(self):
        super().__init__()
        self.parts = []

    def writable(self):
        return True

    def write(self, data):  # pylint: disable=method-required-super
        self.parts.append(bytes(data))
        return len(data)

    def take(self):
        """What was written since."""
        parts, self.parts = b"".join(self.parts), []
        return parts
