"""Files of separated values are read as they were written, or refused: no text is guessed."""

from __future__ import annotations

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqltune.errors import DataError
from sqltune.operations.importing.separated import Form, find_form, read_lines

Fields = list[str | None]
TEXTS = st.text(alphabet=" abé,;\t|\"\\'N0\n", max_size=12)
RECORDS = st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=5)


def read(text: str) -> tuple[Form, list[Fields]]:
    form = find_form(lambda: io.StringIO(text, newline=""))
    lines = list(read_lines(io.StringIO(text, newline=""), form))
    assert [line.fault for line in lines if line.fault] == []
    return form, [line.fields for line in lines]


def faults(text: str) -> list[tuple[int, str]]:
    form = find_form(lambda: io.StringIO(text, newline=""))
    lines = read_lines(io.StringIO(text, newline=""), form)
    return [(line.number, line.fault) for line in lines if line.fault]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("p,r\nHow?,So.\n", [["How?", "So."]]),
        ("p;r\nHow, q?;So; \n", [["How, q?", "So", " "]]),
        ("p\tr\nHow?\t\"So\tand\"\n", [["How?", "So\tand"]]),
        ("p|r\nHow?|So.", [["How?", "So."]]),
        ("p, r\nHow?, \"a, b\" , c\n", [["How?", "a, b", " c"]]),
        ('p,r\r\n"a\r\n""b""",c\r\n\r\nd,e\r\n', [['a\r\n"b"', "c"], ["d", "e"]]),
        ('p,r\n5" nail,So.\n', [['5" nail', "So."]]),
        ("p,r\n\"\\N\",\\N\n", [["\\N", None]]),
        ('"p, or q";r\na;b\n', [["a", "b"]]),
        ("p,r\nC:\\temp,x\\y\n", [["C:\\temp", "x\\y"]]),
        ('p,r\n"C:\\","D:\\"\n"E:\\","F"\n', [["C:\\", "D:\\"], ["E:\\", "F"]]),
        ('p,r\n"{""a"": ""b\\""c\\""""}",d\n', [['{"a": "b\\"c\\""}', "d"]]),
        ("p,r\nprint('\\n'),x\n", [["print('\\n')", "x"]]),
    ],
)  # fmt: skip
def test_a_plain_file_is_read_by_its_separator(text: str, rows: list[Fields]) -> None:
    form, (_, *found) = read(text)
    assert (found, form.has_escapes) == (rows, False)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('"p","r","s"\n"a \\"b\\"?","c, d",\\N\n', [['a "b"?', "c, d", None]]),
        ('"p","r"\n"a \\"b\\"","c:\\\\d"\n', [['a "b"', "c:\\d"]]),
        ('"p","r"\n"a\\\nb",\\N\n', [["a\nb", None]]),
        ("p\tr\na\\\tb\\\nc\t\\N\n", [["a\tb\nc", None]]),
        ("p\tr\na\\\tb\tc\n", [["a\tb", "c"]]),
        ('p\tr\n"Hi" said\\\\ he\t\\N\n', [['"Hi" said\\ he', None]]),
        ("p\tr\na\\nb\tc\\td\ne\t\\N\n", [["a\nb", "c\td"], ["e", None]]),
        ('"p","r"\n"a \\"\\0\\"",b\n', [['a "\0"', "b"]]),
    ],
)
def test_a_file_of_mysql_is_read_as_mysql_wrote_it(text: str, rows: list[Fields]) -> None:
    form, (_, *found) = read(text)
    assert (found, form.has_escapes) == (rows, True)


@pytest.mark.parametrize("text", ['p,r\na,b\n"x\\\\y",c\n', "p\tr\na\tb\nx\\\\y\tc\n"])
def test_a_file_that_can_be_read_in_two_ways_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(DataError, match="line 3 has a backslash that may be part of a text"):
        read(text)


def test_every_record_that_cannot_be_read_is_named_by_its_line() -> None:
    text = 'p,r\n"a"b,c\n"d\ne",f\ng,"h"i\nj,k\nl,"m\n'
    (second, third, last) = faults(text)
    assert second[0] == 2
    assert second[1].startswith("'b,c")
    assert "follows the quote that ends a text" in second[1]
    assert third[0] == 5
    assert last == (7, "the quote that line 7 opens is never closed")


def test_a_text_may_be_longer_than_what_is_read_at_once() -> None:
    long = 'line, "quoted" and\n' * 20_000
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([["p", "r"], [long, "a" * 64_000], ["b", "c"]])
    assert read(text.getvalue())[1] == [["p", "r"], [long, "a" * 64_000], ["b", "c"]]


@settings(max_examples=300, deadline=None)
@given(RECORDS, st.sampled_from(",;\t|"))
def test_what_pythons_csv_writes_is_read_or_refused(records: list[list[str]], mark: str) -> None:
    text = io.StringIO(newline="")
    rows = [["p", "r", "s"], *records]
    csv.writer(text, delimiter=mark, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    with suppress(DataError):
        assert read(text.getvalue())[1] == rows


@settings(max_examples=300, deadline=None)
@given(RECORDS)
def test_what_mysql_writes_is_read_or_refused(records: list[list[str]]) -> None:
    def written(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\\n") + '"'

    lines = [",".join(map(written, record)) for record in records]
    text = "\n".join(['"p","r","s"', *lines, '"x","y",\\N', ""])
    assert read(text)[1][1:] == [*records, ["x", "y", None]]
