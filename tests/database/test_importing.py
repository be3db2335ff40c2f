"""Files of every form that people have become rows, once, and every bad row is named."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sqltune.database.connection import Database
from sqltune.database.packets import find_limit
from sqltune.errors import ConfigError, DataError
from sqltune.operations.importing import Imported, InputTable, import_file, read_mapping
from sqltune.operations.importing.json_arrays import array_items
from tests.database.selecting import Desk, open_desk

SYSTEM = {"role": "system", "content": "Be short."}
USER = {"role": "user", "content": "Do you ship?"}
ASSISTANT = {"role": "assistant", "content": "Yes. 🚀"}
AGAIN = {"role": "user", "content": "To Chile?"}
SHAREGPT = [{"from": "human", "value": "Do you ship?"}, {"from": "gpt", "value": "Yes. 🚀"}]
PLAIN = [("Do you ship?", "Yes. 🚀", None, None)]
Bring = Callable[..., Imported]


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


@pytest.fixture
def bring(desk: Desk, tmp_path: Path) -> Bring:
    """Write a file and import it into the adapter's dataset."""

    def bring_it(
        name: str, *records: object, table: str = "training_samples", maps: tuple[str, ...] = ()
    ) -> Imported:
        path, kind = tmp_path / name, InputTable(table)
        if records:
            lines = (r if isinstance(r, str) else json.dumps(r) for r in records)
            path.write_text("\n".join(lines), encoding="utf-8")
        return import_file(
            desk.database,
            path,
            kind,
            desk.adapter.adapter_name,
            mapping=read_mapping(maps, kind),
            on_progress=lambda rows: None,
        )

    return bring_it


def samples(desk: Desk) -> list[tuple[Any, ...]]:
    return desk.rows(
        "SELECT prompt, response, system_prompt, messages FROM training_samples ORDER BY sample_id"
    )


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "Do you ship?", "response": "Yes. 🚀"},
        {"prompt": "Do you ship?", "completion": "Yes. 🚀"},
        {"prompt": [USER], "completion": [ASSISTANT]},
        {"prompt": [USER], "completion": "Yes. 🚀"},
        {"instruction": "Do you ship?", "input": "", "output": "Yes. 🚀"},
        {"messages": [USER, ASSISTANT], "tools": []},
        {"messages": json.dumps([USER, ASSISTANT])},
        {"conversations": SHAREGPT, "id": "x1"},
        {"Conversations": [USER, ASSISTANT]},
    ],
)
def test_every_form_of_a_pair_is_the_same_row(desk: Desk, bring: Bring, record: object) -> None:
    assert bring("rows.jsonl", record) == Imported(inserted=1, known=0)
    assert samples(desk) == PLAIN
    assert bring("rows.jsonl", record) == Imported(inserted=0, known=1)


def test_an_input_of_alpaca_follows_its_instruction(desk: Desk, bring: Bring) -> None:
    record = {
        "instruction": "Translate.",
        "input": "Haus",
        "output": "house",
        "system": "Be short.",
    }
    bring("rows.jsonl", record)
    assert samples(desk) == [("Translate.\n\nHaus", "house", "Be short.", None)]


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [SYSTEM, USER, ASSISTANT, AGAIN, ASSISTANT]},
        {
            "system": "Be short.",
            "conversations": [*SHAREGPT, {"from": "human", "value": "To Chile?"}, SHAREGPT[1]],
        },
        {
            "system": "Be short.",
            "instruction": "To Chile?",
            "output": "Yes. 🚀",
            "history": [["Do you ship?", "Yes. 🚀"]],
        },
    ],
)
def test_every_form_of_a_conversation_is_the_same_row(
    desk: Desk, bring: Bring, record: object
) -> None:
    bring("rows.jsonl", record)
    ((prompt, response, system, messages),) = samples(desk)
    assert (prompt, response, system) == (None, None, None)
    assert json.loads(messages) == [SYSTEM, USER, ASSISTANT, AGAIN, ASSISTANT]
    assert bring("rows.jsonl", record) == Imported(inserted=0, known=1)
    desk.write()


def test_numbers_inside_of_a_conversation_stay_numbers(desk: Desk, bring: Bring) -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"n": 5}}]}
    bring("rows.jsonl", {"messages": [USER, call, AGAIN, ASSISTANT], "weight": 2})
    ((_, _, _, messages),) = samples(desk)
    assert json.loads(messages)[1] == call


def test_a_conversation_with_its_answer_becomes_a_prompt_with_what_is_expected(
    desk: Desk, bring: Bring
) -> None:
    chat = {"messages": [USER, ASSISTANT, AGAIN, ASSISTANT]}
    pair = {"prompt": "Who?", "completion": "I."}
    table = "eval_prompts"
    assert bring("rows.jsonl", chat, pair, table=table) == Imported(inserted=2, known=0)
    rows = desk.rows("SELECT prompt, expected, messages FROM eval_prompts ORDER BY prompt_id")
    assert [row[:2] for row in rows] == [(None, "Yes. 🚀"), ("Who?", "I.")]
    assert json.loads(rows[0][2]) == [USER, ASSISTANT, AGAIN]
    assert bring("rows.jsonl", chat, pair, table=table) == Imported(inserted=0, known=2)


def test_prompts_of_another_category_or_scorer_are_other_rows(desk: Desk, bring: Bring) -> None:
    rows = ["prompt,category,scorer", "Who?,a,exact", "Who?,b,exact", "Who?,a,chrf", "Who?,,"]
    assert bring("rows.csv", *rows, table="eval_prompts") == Imported(inserted=4, known=0)
    assert bring("rows.csv", *rows, table="eval_prompts") == Imported(inserted=0, known=4)


def test_columns_are_taken_by_the_names_that_map_gives_them(desk: Desk, bring: Bring) -> None:
    maps = ("Question = prompt", "answer=response")
    bring("rows.csv", "question,answer", "Do you ship?,Yes. 🚀", maps=maps)
    assert samples(desk) == PLAIN
    with pytest.raises(DataError, match=r"no column 'question', which --map names \(it has: a"):
        bring("rows.csv", "a,b", "1,2", maps=maps)


def test_a_column_that_map_names_and_another_of_its_name_are_refused(
    desk: Desk, bring: Bring
) -> None:
    maps = ("question=prompt",)
    with pytest.raises(DataError, match=r"row 1 .* prompt is a column of its own, and --map names"):
        bring("rows.csv", "question,Prompt,response", "a,b,c", maps=maps)
    assert samples(desk) == []


@pytest.mark.parametrize("pairs", [("a=prompt", "b=prompt"), ("a=prompt", "A=response")])
def test_two_maps_of_one_column_are_refused(pairs: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="that another --map names"):
        read_mapping(pairs, InputTable.TRAINING_SAMPLES)


@pytest.mark.parametrize("pair", ["question", "=prompt", "question=answer", "question="])
def test_a_map_that_names_no_column_is_refused(pair: str) -> None:
    with pytest.raises(ConfigError, match="--map must be FILE_COLUMN=COLUMN"):
        read_mapping([pair], InputTable.TRAINING_SAMPLES)


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


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "Do you ship?", "response": "Yes. 🚀", "system": "Be short."},
        {"system": "Be short.", "messages": [USER, ASSISTANT]},
        {"system": "Be short.", "messages": [SYSTEM, USER, ASSISTANT]},
        {"instruction": "Do you ship?", "output": "Yes. 🚀", "system": "Be short."},
        {"prompt": [USER], "completion": [ASSISTANT], "system": "Be short."},
    ],
)
def test_a_text_for_the_system_is_never_left_out(desk: Desk, bring: Bring, record: object) -> None:
    bring("rows.jsonl", record)
    assert samples(desk) == [("Do you ship?", "Yes. 🚀", "Be short.", None)]


def test_two_texts_for_the_system_are_refused(bring: Bring) -> None:
    record = {"prompt": "p", "response": "r", "system": "a", "system_prompt": "b"}
    with pytest.raises(DataError, match="system_prompt and system are both given"):
        bring("rows.jsonl", record)


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


def test_parquet_may_have_conversations_as_text_or_as_lists(
    desk: Desk, bring: Bring, tmp_path: Path
) -> None:
    chats = [[USER, ASSISTANT], [USER, ASSISTANT, AGAIN, ASSISTANT]]
    pd.DataFrame({"chat": chats}).to_parquet(tmp_path / "lists.parquet")
    pd.DataFrame({"chat": map(json.dumps, chats)}).to_parquet(tmp_path / "texts.parquet")
    maps = ("chat=messages",)
    assert bring("lists.parquet", maps=maps) == Imported(inserted=2, known=0)
    assert bring("texts.parquet", maps=maps) == Imported(inserted=0, known=2)


def test_a_list_of_objects_is_read_as_lines_are(desk: Desk, bring: Bring, tmp_path: Path) -> None:
    records = [{"instruction": f"Question {n} " * 60, "output": f"Answer {n}"} for n in range(300)]
    (tmp_path / "rows.json").write_text(json.dumps(records, indent=2), encoding="utf-8")
    assert bring("rows.json") == Imported(inserted=300, known=0)
    assert bring("lines.json", *records) == Imported(inserted=0, known=300)


def test_rows_that_a_file_has_twice_are_inserted_twice_and_counted_once_each(
    desk: Desk, bring: Bring
) -> None:
    row = {"prompt": "p", "response": "r", "weight": 2}
    assert bring("one.jsonl", row) == Imported(inserted=1, known=0)
    assert bring("rows.jsonl", row, row, {**row, "weight": 3}) == Imported(inserted=2, known=1)
    assert bring("rows.jsonl", row, row, {**row, "weight": 3}) == Imported(inserted=0, known=3)
    held_out = {**row, "split": "test", "group_key": "g"}
    assert bring("rows.jsonl", held_out, held_out) == Imported(inserted=2, known=0)


def said(error: DataError) -> list[str]:
    """Return the lines that the command writes."""
    return [line.strip() for line in (str(error), *getattr(error, "__notes__", ()))]


def test_every_bad_row_is_named_and_none_is_inserted(desk: Desk, bring: Bring) -> None:
    with pytest.raises(DataError) as refused:
        bring(
            "rows.jsonl",
            {"prompt": "p", "response": "r"},
            {"prompt": "p"},
            '{"prompt": "p", "response": ',
            {"messages": [USER, {"role": "asistant", "content": "Yes."}]},
            {"messages": [USER, ASSISTANT], "system_prompt": "Be short."},
            {"conversations": [SHAREGPT[0]]},
            '{"prompt": "p", "prompt": "q", "response": "r"}',
            '{"prompt": "p", "response": NaN}',
            ["p", "r"],
        )
    lines = said(refused.value)
    assert [line.partition(":")[0] for line in lines] == [
        "8 rows of rows.jsonl cannot be imported, so none was",
        "row 2 of rows.jsonl (line 2)",
        "row 3 of rows.jsonl (line 3) is not JSON",
        *(f"row {number} of rows.jsonl (line {number})" for number in (4, 5, 6)),
        "row 7 of rows.jsonl (line 7) is not JSON",
        "row 8 of rows.jsonl (line 8)",
        "row 9 of rows.jsonl (line 9) is not a JSON object",
    ]
    assert "messages[1].role is 'asistant'" in lines[3]
    assert samples(desk) == []


def test_bad_rows_are_named_up_to_a_number_and_then_counted(bring: Bring) -> None:
    with pytest.raises(DataError) as refused:
        bring("rows.csv", "prompt,response", *(["p,"] * 70))
    lines = said(refused.value)
    assert (len(lines), lines[-1]) == (52, "and 20 more")


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("rows.csv", ["Prompt,prompt,response", "a,b,c"]),
        ("rows.csv", ["prompt,prompt,response", "a,b,c"]),
        ("rows.jsonl", ['{"Prompt": "a", "prompt": "b", "response": "c"}']),
    ],
)
def test_two_columns_of_one_name_are_refused(bring: Bring, name: str, lines: list[str]) -> None:
    with pytest.raises(DataError, match="more than one column 'prompt'"):
        bring(name, *lines)


def test_a_file_of_no_known_form_is_refused_with_those_that_are_known(bring: Bring) -> None:
    with pytest.raises(DataError, match=r"no column 'prompt'.*Alpaca.*--map question=prompt"):
        bring("rows.jsonl", {"question": "Who?", "answer": "I."})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"a": 1} {"a": 2}]', "a comma or the end of the list is missing after row 1"),
        ('[{"a": 1}, {"a" 2}, {"a": 3}]', "row 2 is not JSON: Expecting ':' delimiter"),
        ('[{"a": 1}, {"a": ', "row 2 is not JSON"),
        ('[{"a": "x', "row 1 is not JSON: Unterminated string"),
        ('[{"a": 1},', "row 2 is not JSON"),
        ('[{"a": 1}', "a comma or the end of the list is missing after row 1"),
        ('[{"a": 1}] []', "something follows the end of the list"),
    ],
)
def test_a_list_that_is_broken_says_where(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list(array_items(io.StringIO(text)))


def test_a_list_is_cut_into_its_items_wherever_a_read_ends() -> None:
    items = [{"text": "x" * size} for size in (0, 63_980, 10, 200_000, 63_990, 7)]
    for indent in (None, 1):
        text = "  " + json.dumps(items, indent=indent) + "\n"
        assert [json.loads(item) for item in array_items(io.StringIO(text))] == items
    assert list(array_items(io.StringIO("[ ]"))) == []
