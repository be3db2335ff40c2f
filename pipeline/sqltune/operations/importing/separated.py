"""Reads files of separated values, field by field, as strictly as their form allows.

The separator is what divides the header. Whether a backslash is a text or escapes what follows, as
MySQL writes it, differs by file and is never guessed: the whole file is read in each form, and
where more than one fits and they differ, the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TextIO

from sqltune.errors import DataError

_CHARACTERS_READ = 64_000
#: A longer field cannot be trained on: a quote is open by mistake.
_LONGEST_FIELD = 64_000_000
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_NULL = r"\N"
#: What SELECT INTO OUTFILE escapes, beside separator and line end; and `mysql --batch`.
_ESCAPED, _ESCAPED_LETTERS = '\\\\"0', "ntr"
_UNESCAPED = {"0": "\0", "n": "\n", "t": "\t", "r": "\r"}
_BLANKS, _REST_OF_LINE = re.compile(r" *+"), re.compile(r"[^\r\n]*+")
_LINE_END = re.compile(r"\r\n|[\r\n]")
_QUOTED = re.compile(r'"[^"]*+"')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Form:
    """How a file's fields are written."""

    separator: str
    has_quotes: bool = True
    has_escapes: bool = False

    def __str__(self) -> str:
        """Return what differs from plain CSV, in words; nothing where nothing does."""
        separated = f"fields separated by {name_separator(self.separator)}"
        said = [separated] if self.separator != "," else []
        return ", ".join(said + ["backslashes escape"] * self.has_escapes)

    def patterns(self) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
        """Return what matches a quoted text after its quote, another text, and what follows."""
        end = re.escape(self.separator)
        letters = "" if self.has_quotes else _ESCAPED_LETTERS
        escape = rf"|\\[{_ESCAPED}{letters}{end}\r\n]" if self.has_escapes else ""
        backslash = r"\\" if self.has_escapes else ""
        null = rf"\\N(?={end}|[\r\n]|\Z)|" if self.has_escapes else ""
        twice = "" if self.has_escapes else '|""'
        return (
            re.compile(rf'(?:[^"{backslash}]++{twice}{escape})*+'),
            re.compile(rf"(?:{null}(?:[^{end}\r\n{backslash}]++{escape})*+)"),
            re.compile(rf"{end}|\r\n|[\r\n]"),
        )

    def whole(self) -> re.Pattern[str]:
        """Return what matches a whole field with what ends it, which most fields are."""
        quoted, plain, end = (pattern.pattern for pattern in self.patterns())
        text = rf'(?! *+")({plain})' if self.has_quotes else f"({plain})"
        quoted = rf' *+"({quoted})" *+(?={end})|' if self.has_quotes else "()(?!)|"
        return re.compile(f"(?:{quoted}{text})(?:{end})")

    def unescape(self, text: str) -> str:
        """Return the text that a field stands for."""
        if self.has_escapes:
            return _ESCAPE.sub(lambda found: _UNESCAPED.get(found[1], found[1]), text)
        return text.replace('""', '"') if self.has_quotes else text


@dataclass(frozen=True, slots=True)
class Line:
    """One record, and where it begins."""

    number: int
    fields: list[str | None]  #: None: a \\N without quotes, NULL to every database
    fault: str | None = None  #: why the record cannot be read


def name_separator(separator: str) -> str:
    """Return a separator in words."""
    return _NAMES.get(separator, repr(separator))


def read_lines(stream: TextIO, form: Form) -> Iterator[Line]:
    """Yield the records of a file; a line without any text is none."""
    return _Reader(stream, form).lines()


def find_form(open_file: Callable[[], TextIO]) -> Form:
    """Return the one form that fits a file.

    Raises:
        DataError: two fit, and the texts differ.
    """
    with open_file() as stream:
        plain = Form(_find_separator(stream))
    with open_file() as stream:
        first_backslash = _find_backslash(stream)
    if first_backslash is None:
        return plain
    fits_plain, has_null = _try(open_file, plain)
    for has_quotes in (True, False) if plain.separator == "\t" else (True,):
        escaped = replace(plain, has_quotes=has_quotes, has_escapes=True)
        fits, has_own_null = _try(open_file, escaped)
        if fits and (has_null or has_own_null or not fits_plain):
            return escaped
        if fits:
            raise DataError(
                f"line {first_backslash} has a backslash that may be part of a text or, as in "
                "MySQL's files, escape what follows, and nothing in the file says which: save it "
                "as JSONL"
            )
    return plain


def _find_separator(stream: TextIO) -> str:
    header = _QUOTED.sub("", next((line for line in stream if line.strip()), ""))
    return max(_NAMES, key=header.count)


def _find_backslash(stream: TextIO) -> int | None:
    return next((number for number, text in enumerate(stream, start=1) if "\\" in text), None)


def _try(open_file: Callable[[], TextIO], form: Form) -> tuple[bool, bool]:
    """Return whether a file can be read in a form, and whether it has a NULL of MySQL."""
    width, has_null = None, False
    with open_file() as stream:
        for line in read_lines(stream, form):
            width = len(line.fields) if width is None else width
            if line.fault or len(line.fields) != width:
                return False, has_null
            has_null = has_null or None in line.fields
    return True, has_null


class _Reader:
    """A text of which as much is in memory as one field needs."""

    def __init__(self, stream: TextIO, form: Form) -> None:
        self._stream, self._form = stream, form
        self._quoted, self._plain, self._end = form.patterns()
        self._whole = form.whole()
        self._text, self._at, self._number = "", 0, 1
        self._is_whole = False

    def lines(self) -> Iterator[Line]:
        while self._peek(1):
            number = self._number
            line = self._read_line(number)
            if line.fault or line.fields != [""]:
                yield line

    def _read_line(self, number: int) -> Line:
        fields: list[str | None] = []
        while True:
            try:
                field, is_last = self._read_whole() or (self._read_field(), self._read_end())
                fields.append(field)
            except DataError as error:
                self._skip_line()
                return Line(number, fields, str(error))
            if is_last:
                return Line(number, fields)

    def _read_whole(self) -> tuple[str | None, bool] | None:
        """Return a field and whether it is the last; None: it needs a closer look."""
        found = self._whole.match(self._text, self._at)
        # Near the end of what was read it may be cut.
        if found is None or found.end() >= len(self._text) - 1:
            return None
        quoted, plain = found.groups()
        self._go_to(found.end())
        is_last = self._text[self._at - 1] != self._form.separator
        if quoted is None:
            return None if plain == _NULL else self._form.unescape(plain), is_last
        return self._form.unescape(quoted), is_last

    def _read_field(self) -> str | None:
        blanks = self._match(_BLANKS)
        if not (self._form.has_quotes and self._peek(1) == '"'):
            text = blanks + self._match(self._plain)
            return None if text == _NULL else self._form.unescape(text)
        opened = self._number
        self._at += 1
        text = self._match(self._quoted)
        if self._peek(1) != '"':
            has_ended = not self._peek(1)
            raise DataError(
                f"the quote that line {opened} opens is never closed"
                if has_ended
                else f"a backslash escapes {self._peek(2)[1:]!r}"
            )
        self._at += 1
        self._match(_BLANKS)
        return self._form.unescape(text)

    def _read_end(self) -> bool:
        """Go past what ends a field; return whether it was the record's last."""
        if not self._peek(2):
            return True
        found = self._end.match(self._text, self._at)
        if found is None:
            raise DataError(
                f"{self._peek(20)!r} follows the quote that ends a text: write a quote inside of "
                'a text as ""'
            )
        self._go_to(found.end())
        return found[0] != self._form.separator

    def _skip_line(self) -> None:
        self._match(_REST_OF_LINE)
        if self._peek(2):
            found = _LINE_END.match(self._text, self._at)
            self._go_to(found.end() if found else self._at)

    def _match(self, pattern: re.Pattern[str]) -> str:
        """Return the text that matches here, reading on as long as more of it may follow."""
        while True:
            found = pattern.match(self._text, self._at)
            end = found.end() if found else self._at
            # What ends shortly before the end of what was read may be half of an escape.
            if self._is_whole or end < len(self._text) - 1:
                text = self._text[self._at : end]
                self._go_to(end)
                return text
            if end - self._at > _LONGEST_FIELD:
                raise DataError(f"a text has more than {_LONGEST_FIELD:,} characters")
            self._read_on()

    def _peek(self, count: int) -> str:
        while len(self._text) - self._at < count and not self._is_whole:
            self._read_on()
        return self._text[self._at : self._at + count]

    def _read_on(self) -> None:
        rest = self._text[self._at :]
        more = self._stream.read(max(_CHARACTERS_READ, len(rest)))
        self._text, self._at = rest + more, 0
        self._is_whole = not more

    def _go_to(self, end: int) -> None:
        self._number += self._text.count("\n", self._at, end)
        self._at = end
