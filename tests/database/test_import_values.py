"""Values that are no text, and rows that a server does not take, are refused with their place."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sqltune.database.connection import Database
from sqltune.database.packets import find_limit
from sqltune.errors import DataError
from sqltune.operations.importing import Imported
from tests.database.imported_files import ASSISTANT, USER, Bring, samples
from tests.database.selecting import Desk, open_desk


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ('{"prompt": "p", "response": NaN}', "response is empty"),
        ('{"prompt": "p", "response": Infinity}', "response must be a text, got the number inf"),
        ('{"prompt": "p", "response": "r", "weight": Infinity}', "weight must be a number above 0"),
        ('{"prompt": "p", "response": "r", "weight": 1e999}', "weight must be a number above 0"),
        (
            '{"messages": [{"role": "user", "content": NaN}, {"role": "assistant"}]}',
            r"messages\[0\].content is the number nan, not a text",
        ),
        (
            '{"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "r",'
            ' "tool_calls": [{"n": -Infinity}]}]}',
            r"messages\[1\] holds a value that JSON has not",
        ),
        (
            '{"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "r",'
            ' "extra": 1e999}]}',
            r"messages\[1\] holds a value that JSON has not",
        ),
    ],
)
def test_numbers_that_are_none_are_neither_texts_nor_weights(
    desk: Desk, bring: Bring, record: str, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        bring("rows.jsonl", record)
    assert samples(desk) == []


def test_a_nan_is_a_missing_value(desk: Desk, bring: Bring) -> None:
    bring("rows.jsonl", '{"prompt": "p", "response": "r", "system_prompt": NaN, "weight": NaN}')
    assert samples(desk) == [("p", "r", None, None)]


def test_infinity_in_parquet_is_no_text(desk: Desk, bring: Bring, tmp_path: Path) -> None:
    frame = pd.DataFrame({"prompt": ["p", "q"], "response": [float("inf"), float("nan")]})
    frame.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="2 rows") as refused:
        bring("rows.parquet")
    named = "\n".join(refused.value.__notes__)
    assert "row 1 of rows.parquet: response must be a text, got the number inf" in named
    assert "row 2 of rows.parquet: response is empty" in named


def test_values_of_parquet_that_json_has_not_are_refused_inside_of_messages(
    bring: Bring, tmp_path: Path
) -> None:
    chat = [USER, {**ASSISTANT, "audio": b"\x00\xff"}]
    pd.DataFrame({"messages": [chat]}).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"messages\[1\] holds a value that JSON has not"):
        bring("rows.parquet")


def test_a_row_that_a_server_does_not_take_is_named_before_any_is_inserted(
    desk: Desk, bring: Bring
) -> None:
    with desk.database.read() as session:
        limit = find_limit(session.connection)
    rows = [{"prompt": "p", "response": "r"}, {"prompt": "q", "response": '"' * (limit or 5)}]
    if limit is None:
        bring("rows.jsonl", *rows)
        return
    with pytest.raises(DataError, match=r"row 2 .*max_allowed_packet = .*SET GLOBAL"):
        bring("rows.jsonl", *rows)
    assert samples(desk) == []


def test_a_row_that_fits_a_server_narrowly_is_inserted(desk: Desk, bring: Bring) -> None:
    with desk.database.read() as session:
        limit = find_limit(session.connection) or 100_000
    small = {"prompt": "p", "response": "r" * 1_000}
    large = {"prompt": "q", "response": "é" * ((limit - 2_200) // 2)}
    assert bring("rows.jsonl", small, large, small) == Imported(inserted=3, known=0)
