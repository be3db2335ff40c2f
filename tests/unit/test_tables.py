"""Rows on a terminal, in a pipe, and for programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from typing import Any

import pytest

from sqltune.cli import tables
from sqltune.cli.tables import OutputForm, choose_form, write_data, write_rows, write_table
from sqltune.errors import ConfigError

ROW = {"run_id": 7, "state": "failed", "error_message": "no space [left]\non the device"}


def test_rows_that_fit_are_a_table_without_a_frame(capsys: pytest.CaptureFixture[str]) -> None:
    write_table([ROW, ROW | {"run_id": 12, "error_message": None}], list(ROW))
    assert capsys.readouterr().out == (
        "run id  state   error message\n"
        "7       failed  no space [left]\n"
        "                on the device\n"
        "12      failed\n"
    )


def test_rows_that_do_not_fit_are_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"adapter": "office", "reason": "a " * 300, "error": "b " * 80, "note": None}
    write_table([row], list(row))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "adapter  office"
    assert lines[1].startswith("reason   a a a")
    assert "characters)" in "".join(lines), "a very long text says how long it is"
    assert lines[-1] == "", "a blank line is between two blocks"
    assert "note" not in "".join(lines), "what is empty is left out"
    assert max(map(len, lines)) <= tables._PIPE_WIDTH


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("-1+1", "'-1+1"),
        (-1.5, "-1.5"),
        (None, ""),
        ({"a": [1]}, '{"a": [1]}'),
        ('say "yes", twice', 'say "yes", twice'),
    ],
)
def test_csv_is_what_spreadsheets_read_and_no_text_becomes_a_formula(
    value: object, cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[Mapping[str, Any]] = [{"key": "k", "value": value}]
    write_data(rows, OutputForm.CSV)
    assert list(csv.DictReader(capsys.readouterr().out.splitlines())) == [
        {"key": "k", "value": cell}
    ]


def test_no_row_is_an_empty_list_or_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows([], OutputForm.JSON, empty="none")
    assert json.loads(capsys.readouterr().out) == []
    write_rows([], OutputForm.TEXT, empty="none")
    assert capsys.readouterr() == ("", "none\n")


def test_two_forms_at_once_are_refused() -> None:
    assert choose_form(as_json=False, as_csv=True) is OutputForm.CSV
    with pytest.raises(ConfigError, match="not both"):
        choose_form(as_json=True, as_csv=True)


EVIL = "evil\x1b]0;PWNED\x07\x1b[2J\x9b2J\u202e\u200b\nFAKE: all adapters ok"


@pytest.mark.parametrize("other", ["short", "long " * 60])
@pytest.mark.parametrize("place", ["key", "text"])
def test_no_text_of_a_row_begins_a_line_or_steers_the_terminal(
    place: str, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"key": "k", "text": "t", "other": other, "another": other}
    write_table([row | {place: EVIL + " FAKE" * 40}], list(row))
    out = capsys.readouterr().out
    assert r"evil\x1b]0;PWNED\x07\x1b[2J\x9b2J\u202e\u200b" in out
    assert not [line for line in out.splitlines() if line.startswith("FAKE")]
