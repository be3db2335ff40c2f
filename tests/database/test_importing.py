"""Files of every form that people have become rows, once, and every bad row is named."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from sqltune.database.connection import Database
from sqltune.errors import ConfigError, DataError
from sqltune.operations.importing import Imported, InputTable, read_mapping
from sqltune.operations.importing.json_arrays import array_items
from tests.database.imported_files import (
    AGAIN,
    ASSISTANT,
    PLAIN,
    SHAREGPT,
    SYSTEM,
    USER,
    Bring,
    samples,
)
from tests.database.selecting import Desk, open_desk


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


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
