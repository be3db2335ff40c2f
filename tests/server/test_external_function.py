"""`complete` as SingleStore calls it, in both formats, by the readers of the package singlestoredb.

The package is the server's side of this protocol too: its application answers the same batches.
"""

from __future__ import annotations

import asyncio
import io
import random
import re
from collections import Counter
from collections.abc import Sequence

import httpx
import pytest
import singlestoredb.functions as s2
from singlestoredb.functions.ext import json as json_wire
from singlestoredb.functions.ext import rowdat_1
from singlestoredb.functions.ext.asgi import Application, make_func
from singlestoredb.functions.signature import signature_to_sql

from sqltune.database.queries import find_sql_folder
from sqltune.wire.external_functions import JSON, ROWDAT_1, FunctionRow, read_batch, write_batch
from tests.end_to_end.command import await_condition
from tests.server.tuned import FIRST, OTHER, PROMPT, SECOND, Tuned
from tests.serving import SLUG

WIRES = {JSON: json_wire, ROWDAT_1: rowdat_1}
Row = tuple[str | None, ...]
ROWS: list[Row] = [
    ("support-bot", PROMPT), ("other-bot", PROMPT), (None, PROMPT), ("support-bot@v2", PROMPT),
    ("support-bot", None), (None, None), ("support-bot@live", PROMPT),
]  # fmt: skip
ANSWERS = [FIRST, OTHER, None, SECOND, None, None, FIRST]


NO_BATCHES = [
    b"", b"{}", b'{"data": 7}', b'{"data": [[1]]}', b'{"data": [[1, 2, "a"]]}', b"[" * 10_000,
    b'{"data": [[1, "a", null]' + b', [1, "a", null]' * 10_000 + b"]}",
    b'{"data": [[true, "a", "b"]]}', b'{"data": [[1, "\\ud83d", "b"]]}',
]  # fmt: skip


def complete(model: str | None, prompt: str | None) -> str | None:
    """What the package knows of the function."""
    return None if model is None or prompt is None else f"{model}: {prompt}"


# The package reads types, not their texts.
complete.__annotations__ = dict.fromkeys(("model", "prompt", "return"), str | None)
FUNCTION = s2.udf(complete)
INFO = make_func("complete", FUNCTION)[1]
TEXT = INFO["returns"][0][1]


def dump(form: str, rows: Sequence[Row]) -> bytes:
    return bytes(WIRES[form].dump([TEXT] * len(rows[0]), range(7, 7 + len(rows)), rows))


def post(client: httpx.Client, form: str, body: bytes, **headers: str) -> httpx.Response:
    sent = {"content-type": form, "s2-ef-name": "complete", "s2-ef-version": "1.0"} | headers
    return client.post("../singlestore/complete", content=body, headers=sent)


@pytest.mark.parametrize("form", WIRES)
def test_a_batch_is_answered_row_by_row_and_nulls_stay(
    tuned: Tuned, openai: httpx.Client, form: str
) -> None:
    counted = "SELECT COALESCE(SUM(request_count), 0) FROM served_use"
    metric = 'sqltune_serve_requests_total{model="support-bot@v2",outcome="answered"}'
    before = counted_by(openai, metric)
    reply = post(openai, form, dump(form, ROWS))
    assert reply.status_code == 200, reply.text
    ids, rows = WIRES[form].load(INFO["returns"], reply.content)
    assert list(ids) == list(range(7, 14))
    assert [row[0] for row in rows] == ANSWERS
    assert counted_by(openai, metric) == before + 1
    await_condition(lambda: tuned.people.value(counted) >= 4, "a count for each answer")


def counted_by(client: httpx.Client, metric: str) -> float:
    found = re.search(rf"^{re.escape(metric)} (\S+)$", client.get("../metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize("form", WIRES)
def test_batches_are_read_and_written_as_the_package_does(form: str) -> None:
    rows: list[Row] = [*ROWS, ("größer 🙂", "")]
    read = read_batch(form, dump(form, rows))
    assert read == [FunctionRow(7 + n, *row) for n, row in enumerate(rows)]
    results = [(row.row_id, row.prompt) for row in read]
    written = write_batch(form, results)
    ids, texts = WIRES[form].load(INFO["returns"], written)
    assert list(ids) == list(range(7, 7 + len(rows)))
    assert [tuple(text) for text in texts] == [(prompt,) for _, prompt in rows]
    if form == ROWDAT_1:  # of JSON there are several spellings
        assert written == dump(form, [(prompt,) for _, prompt in rows])


@pytest.mark.parametrize("form", ["json", "rowdat_1"])
def test_the_packages_own_application_takes_the_same_batches(form: str) -> None:
    content_type = JSON if form == "json" else ROWDAT_1
    written = io.BytesIO()
    application = Application([FUNCTION], disable_metrics=True)
    asyncio.run(
        application.call("complete", io.BytesIO(dump(content_type, ROWS)), written, form, "1.0")
    )
    ids, rows = WIRES[content_type].load(INFO["returns"], written.getvalue())
    own = [(i, complete(*row)) for i, row in enumerate(ROWS, 7)]
    assert [(i, row[0]) for i, row in zip(ids, rows, strict=True)] == own
    assert write_batch(content_type, own) == written.getvalue()


def test_more_rows_than_may_wait_are_answered(openai: httpx.Client) -> None:
    rows: list[Row] = [("support-bot", PROMPT)] * 40
    reply = post(openai, ROWDAT_1, dump(ROWDAT_1, rows))
    assert [row[0] for row in rowdat_1.load(INFO["returns"], reply.content)[1]] == [FIRST] * 40


def test_a_prompt_that_leaves_no_room_is_null_and_its_neighbours_are_answered(
    openai: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    metric = 'sqltune_serve_requests_total{model="support-bot@v1",outcome="failed"}'
    before = counted_by(openai, metric)
    long = "word " * 2000
    rows: list[Row] = [("support-bot", long), ("support-bot", PROMPT), ("support-bot", long)]
    reply = post(openai, JSON, dump(JSON, rows))
    assert reply.json() == {"data": [[7, None], [8, FIRST], [9, None]]}
    assert counted_by(openai, metric) == before + 2
    reason = "complete() has returned NULL for 2 rows of support-bot@v1: prompt_too_long"
    assert reason in caplog.text


def test_an_unknown_model_and_what_is_no_batch_fail_the_query_with_the_reason(
    openai: httpx.Client,
) -> None:
    unknown = post(openai, JSON, dump(JSON, [("no-bot", PROMPT)]))
    assert (unknown.status_code, "no model 'no-bot'" in unknown.json()["message"]) == (404, True)
    assert post(openai, "text/plain", b"").status_code == 415
    assert post(openai, JSON, b"{}", **{"s2-ef-version": "2.0"}).status_code == 400
    assert post(openai, JSON, b"", authorization="Bearer wrong-token").status_code == 401
    for body in NO_BATCHES:
        assert post(openai, JSON, body).status_code == 400, body


def test_bytes_that_are_no_batch_are_refused_and_end_nothing(openai: httpx.Client) -> None:
    """The package's compiled reader ends the process on some of them."""
    rng = random.Random(0)
    right = dump(ROWDAT_1, [("a", "bü"), (None, "c")])
    outcomes: Counter[bool] = Counter()
    for _ in range(5000):
        body = bytearray(right)
        for _ in range(rng.randrange(1, 4)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        wrong = bytes(body[: rng.randrange(len(body) + 1)])
        try:
            rows = read_batch(ROWDAT_1, wrong)
        except ValueError:
            outcomes[False] += 1
            continue
        outcomes[True] += 1
        texts = [(row.model, row.prompt) for row in rows]
        if texts:
            again = read_batch(ROWDAT_1, dump(ROWDAT_1, texts))
            assert [(row.model, row.prompt) for row in again] == texts
        # A text beside the byte for NULL is not read.
        read = sum(map(size_of, rows))
        assert read == len(wrong) if all(map(all, texts)) else read <= len(wrong)
    assert min(outcomes[True], outcomes[False]) > 100
    assert post(openai, ROWDAT_1, right[:-1]).status_code == 400
    many = post(openai, ROWDAT_1, dump(ROWDAT_1, [("a", None)] * 10_001))
    assert (many.status_code, "10,000 rows" in many.text) == (400, True)
    assert post(openai, ROWDAT_1, b"").content == b""


def size_of(row: FunctionRow) -> int:
    """The bytes of a row as it is read."""
    return 8 + sum(9 + len((text or "").encode()) for text in (row.model, row.prompt))


def test_the_statements_in_sql_are_those_that_the_package_makes() -> None:
    text = (find_sql_folder() / "functions" / "singlestore.sql").read_text("utf-8")
    url = "http://sqltune.example:8400/singlestore/complete"
    made = signature_to_sql(
        INFO["signature"], url=url, data_format="rowdat_1", link="sqltune_serve"
    )
    (own,) = re.findall(r"CREATE EXTERNAL FUNCTION .*?;", text, re.DOTALL)
    assert " ".join(own.split()) == made.replace("`", "").replace("  ", " ")
    assert SLUG not in text
