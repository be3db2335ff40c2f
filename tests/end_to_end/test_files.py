"""Rows from files: `import`."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from tests.end_to_end.command import Finished, People, Sqltune

ROCKET = "\U0001f680 é שלום 你好"


@pytest.fixture
def bring(sqltune: Sqltune) -> Any:
    """Write a file and import it into dataset office."""

    def bring_it(name: str, content: bytes, *options: str) -> Finished:
        (sqltune.folder / name).write_bytes(content)
        return sqltune("import", name, "--dataset", "office", *options)

    return bring_it


def samples(people: People) -> list[tuple[Any, ...]]:
    return people.rows("SELECT prompt, response FROM training_samples ORDER BY sample_id")


def test_csv_rows_arrive_as_they_are(people: People, bring: Any) -> None:
    text = (
        f'prompt,response,weight,group_key\nNA,null,2,007\n"{ROCKET}","two\nlines, ""quoted""",,\n'
    )
    done = bring("rows.csv", text.encode())
    assert (done.code, "2 rows inserted into training_samples" in done.err) == (0, True)
    rows = people.rows(
        "SELECT prompt, response, weight, group_key FROM training_samples ORDER BY sample_id"
    )
    assert rows == [("NA", "null", 2.0, "007"), (ROCKET, 'two\nlines, "quoted"', 1.0, None)]


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ("How much, roughly?,Ten.\nHow?,So.\n", "row 1"),
        ("How much, roughly?,Ten.\nWhere, please?,Here.\n", "row 1"),
        ("How?,So.\nHow much, roughly?,Ten.\n", "row 2 of rows.csv (line 3)"),
    ],
)
def test_a_comma_without_quotes_shifts_no_column(
    people: People, bring: Any, rows: str, place: str
) -> None:
    done = bring("rows.csv", f"prompt,response\n{rows}".encode())
    assert done.code == 2
    assert place in done.err
    assert samples(people) == []


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_a_byte_order_mark_is_no_part_of_a_column(people: People, bring: Any, name: str) -> None:
    plain = {"rows.csv": "prompt,response\na,b\n", "rows.jsonl": '{"prompt":"a","response":"b"}\n'}
    assert bring(name, b"\xef\xbb\xbf" + plain[name].encode()).code == 0
    assert samples(people) == [("a", "b")]


def test_a_file_that_is_not_utf8_names_the_byte_and_the_cure(people: People, bring: Any) -> None:
    done = bring("rows.csv", "prompt,response\ncafé,b\n".encode("latin-1"))
    assert done.code == 2
    assert "rows.csv is not UTF-8: byte 19 (line 2)" in done.err
    assert "save it as UTF-8" in done.err
    assert samples(people) == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.json"])
def test_a_byte_order_mark_names_the_encoding(
    people: People, bring: Any, name: str, encoding: str
) -> None:
    rows = [{"prompt": ROCKET, "response": "b"}]
    texts = {
        "rows.csv": f"prompt,response\n{ROCKET},b\n",
        "rows.jsonl": json.dumps(rows[0]),
        "rows.json": json.dumps(rows),
    }
    assert bring(name, texts[name].encode(encoding)).code == 0
    assert samples(people) == [(ROCKET, "b")]


def test_utf_16_without_a_byte_order_mark_says_so(bring: Any) -> None:
    done = bring("rows.csv", "prompt,response\na,b\n".encode("utf-16-le"))
    assert "rows.csv seems to be UTF-16 without a byte order mark" in done.err


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.json"])
def test_a_byte_far_down_that_is_not_utf8_has_its_true_place(
    people: People, bring: Any, name: str
) -> None:
    row = '{"prompt": "a", "response": "b"}'
    texts = {
        "rows.csv": "prompt,response\n" + 'a,"b\nc"\n' * 20_000 + "café,b\n",
        "rows.jsonl": f"{row}\n" * 20_000 + row.replace("a", "é", 1),
        "rows.json": "[" + f"{row},\n" * 20_000 + row.replace('"a"', '"é"') + "]",
    }
    content = texts[name].encode("latin-1")
    done = bring(name, content)
    at = content.index("é".encode("latin-1"))
    line = content.count(b"\n", 0, at) + 1
    assert f"{name} is not UTF-8: byte {at} (line {line}) cannot be read" in done.err
    assert samples(people) == []


def test_the_form_of_a_file_that_is_not_plain_csv_is_said(people: People, bring: Any) -> None:
    done = bring("rows.tsv", b'prompt\tresponse\tsplit\n"How" \\\tmany?\t2\t\\N\n')
    assert done.code == 0
    assert "(fields separated by tabs, backslashes escape)" in done.err
    assert samples(people) == [('"How" \tmany?', "2")]


def test_jsonl_texts_keep_their_form(people: People, bring: Any) -> None:
    lines = [
        {"prompt": "007", "response": "1e5", "extra": [1]},
        {"prompt": "2026-11-23", "response": "true"},
        {"prompt": ROCKET, "response": "\u2028 line separator"},
        {"prompt": "nan", "response": "12345678901234567890"},
    ]
    content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    assert bring("rows.jsonl", content.encode()).code == 0
    assert samples(people) == [(line["prompt"], line["response"]) for line in lines]


def test_jsonl_numbers_are_not_turned_into_other_numbers(people: People, bring: Any) -> None:
    content = b'{"prompt":"a","response":42}\n{"prompt":"b","response":"x","weight":2}\n'
    assert bring("rows.jsonl", content).code == 0
    assert samples(people) == [("a", "42"), ("b", "x")]


@pytest.mark.parametrize("value", ['{"a": 1}', '["a"]', "true"])
def test_jsonl_values_that_are_no_text_are_refused(people: People, bring: Any, value: str) -> None:
    done = bring(
        "rows.jsonl",
        b'{"prompt":"a","response":"b"}\n{"prompt":"c","response":%b}\n' % value.encode(),
    )
    assert done.code == 2
    assert "row 2 of rows.jsonl (line 2): response" in done.err
    assert samples(people) == []


def test_a_line_that_is_no_json_is_named_by_its_number(people: People, bring: Any) -> None:
    done = bring("rows.jsonl", b'{"prompt":"a","response":"b"}\n{"prompt":"a",\n')
    assert done.code == 2
    assert "row 2 of rows.jsonl" in done.err
    assert samples(people) == []


def test_half_a_character_is_named_with_row_and_column(people: People, bring: Any) -> None:
    done = bring(
        "rows.jsonl", b'{"prompt":"a","response":"b"}\n{"prompt":"c","response":"\\ud800"}\n'
    )
    assert done.code == 2
    assert "row 2 of rows.jsonl (line 2): response holds half of a character" in done.err
    assert samples(people) == []


def test_parquet_rows_arrive_with_their_missing_values(sqltune: Sqltune, people: People) -> None:
    frame = pd.DataFrame(
        {
            "prompt": ["a", ROCKET],
            "response": ["1", "NA"],
            "weight": [2, None],
            "split": [None, "test"],
        }
    )
    frame.to_parquet(sqltune.folder / "rows.parquet")
    sqltune.well("import", "rows.parquet", "--dataset", "office")
    rows = people.rows(
        "SELECT prompt, response, weight, split FROM training_samples ORDER BY sample_id"
    )
    assert rows == [("a", "1", 2.0, None), (ROCKET, "NA", 1.0, "test")]


def test_a_nullable_whole_number_of_parquet_stays_whole(sqltune: Sqltune, people: People) -> None:
    frame = pd.DataFrame({"prompt": ["a", "b"], "response": ["x", "y"], "group_key": [7, None]})
    frame["group_key"] = frame["group_key"].astype("Int64")
    frame.to_parquet(sqltune.folder / "rows.parquet")
    sqltune.well("import", "rows.parquet", "--dataset", "office")
    keys = people.rows("SELECT group_key FROM training_samples ORDER BY sample_id")
    assert keys == [("7",), (None,)]


def test_eval_prompts_are_imported_into_their_own_table(people: People, bring: Any) -> None:
    content = b"prompt,expected,category,scorer\nWho?,,people,exact\nWhere?,Here.,,\n"
    assert bring("rows.csv", content, "--table", "eval_prompts").code == 0
    rows = people.rows(
        "SELECT dataset, prompt, expected, category, scorer FROM eval_prompts ORDER BY prompt_id"
    )
    assert rows == [
        ("office", "Who?", None, "people", "exact"), ("office", "Where?", "Here.", None, None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"prompt,response\na,b\nc,\n", "row 2 of rows.csv (line 3): response is empty"),
        (b"prompt,response\na,b\n  ,d\n", "row 2 of rows.csv (line 3): prompt is empty"),
        (b"prompt,response\na,b\nc\n", "row 2 of rows.csv (line 3): response is empty"),
        (b"prompt,response,weight\na,b,0\n", "row 1 of rows.csv (line 2): weight must be a number"),
        (b"prompt,response,weight\na,b,inf\n", "row 1 of rows.csv (line 2): weight must be a"),
        (b"prompt,response\na,b\nx\x00y,d\n", "row 2 of rows.csv (line 3): prompt holds a NUL"),
        (b"prompt,response\na,b\nc,d,e,f\n", "row 2 of rows.csv (line 3): it has 4 fields"),
        (b"question,answer\na,b\n", "rows.csv has no column 'prompt' (it has: question, answer)"),
        (b"", "rows.csv cannot be read"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_and_nothing_is_inserted(
    people: People, bring: Any, content: bytes, message: str
) -> None:
    done = bring("rows.csv", content)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert samples(people) == []


def test_a_bad_row_far_down_leaves_nothing_half_done(people: People, bring: Any) -> None:
    rows = "".join(f"q{n},a{n}\n" for n in range(12_000))
    done = bring("rows.csv", f"prompt,response\n{rows}last,\n".encode())
    assert "row 12001 of rows.csv (line 12002): response is empty" in done.err
    assert samples(people) == []


def test_a_key_that_is_too_long_for_its_column_is_named(people: People, bring: Any) -> None:
    done = bring("rows.csv", f"prompt,response,group_key\na,b,{'k' * 192}\n".encode())
    assert done.code == 2
    assert "row 1 of rows.csv (line 2): group_key" in done.err
    assert samples(people) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.csv", "none.csv cannot be read: No such file or directory"),
        (
            "rows.xlsx",
            "rows.xlsx: only .csv, .tsv, .jsonl, .json and .parquet files",
        ),
        (".", ".: only .csv, .tsv, .jsonl, .json and .parquet files can be"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why(sqltune: Sqltune, name: str, message: str) -> None:
    (sqltune.folder / "rows.xlsx").write_bytes(b"PK")
    done = sqltune("import", name, "--dataset", "office")
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_an_unknown_table_is_refused(bring: Any) -> None:
    done = bring("rows.csv", b"prompt,response\na,b\n", "--table", "runs")
    assert (done.code, "--table must be training_samples or eval_prompts" in done.err) == (2, True)


def test_conversations_of_a_file_are_trained_and_exported_and_imported_only_once(
    sqltune: Sqltune, people: People, office: str, bring: Any
) -> None:
    turns = [
        {"role": role, "content": f"{ROCKET} {number}"}
        for number, role in enumerate(["user", "assistant"] * 2)
    ]
    line = json.dumps({"messages": turns}, ensure_ascii=False).encode()
    assert "1 rows inserted" in bring("chat.jsonl", line + b"\n").err
    asked = json.dumps({"messages": turns[:3], "expected": "Yes."}).encode()
    assert bring("ask.jsonl", asked, "--table", "eval_prompts").code == 0
    sqltune.well("sync")
    assert (f"{ROCKET} 2",) in people.rows("SELECT prompt FROM report_before_after")
    sqltune.well("export", "office", "-o", "out.jsonl")
    content = (sqltune.folder / "out.jsonl").read_text("utf-8")
    exported = [json.loads(line) for line in content.splitlines()]
    assert turns in [sample.get("messages") for sample in exported]
    again = sqltune.well("import", "out.jsonl", "--dataset", "office").err
    assert f"0 rows inserted into training_samples, dataset 'office'; {len(exported)} were" in again


def test_a_row_that_is_wrong_in_its_messages_is_named_with_their_position(
    people: People, bring: Any
) -> None:
    lines = [{"messages": [{"role": "user", "content": "Who?"}]}, {"messages": []}]
    done = bring("chat.jsonl", "\n".join(map(json.dumps, lines)).encode())
    assert (done.code, "2 rows of chat.jsonl cannot be imported" in done.err) == (2, True)
    assert "row 1 of chat.jsonl (line 1): messages has no turn of the assistant" in done.err
    assert samples(people) == []


def test_columns_of_other_names_are_mapped(people: People, bring: Any) -> None:
    maps = ("--map", "question=prompt", "--map", "answer=response")
    assert bring("rows.csv", b"question,answer\nWho?,I.\n", *maps).code == 0
    assert samples(people) == [("Who?", "I.")]
