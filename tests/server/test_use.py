"""What is asked through OpenAI's API is counted once, as rows and as metrics."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from sqltune.server.use_recording import EndedRequest, RequestOutcome, UseRecorder
from tests.databases import copy_sqlite
from tests.end_to_end.command import People, await_condition
from tests.server.tuned import PROMPT, Tuned, chat
from tests.serving import SLUG, start_server
from tests.singlestore_on_mariadb import open_database
from tests.small_model import SMALL_MODEL

COUNTS = "model_name, version_number, SUM(request_count), SUM(error_count), SUM(cancelled_count)"
ALL = f"SELECT {COUNTS} FROM served_use GROUP BY model_name, version_number ORDER BY 1, 2"
NINE = datetime(2026, 11, 27, 9)


def test_every_request_is_counted_by_the_version_that_answered(
    tuned: Tuned, openai: httpx.Client
) -> None:
    used = [openai.post("/chat/completions", json=chat()).json()["usage"] for _ in range(2)]
    tuned.promote(2)
    openai.post("/chat/completions", json=chat(stream=True))
    openai.post("/chat/completions", json=chat(tools=[{}]))
    openai.post("/completions", json={"model": SLUG, "prompt": PROMPT, "max_tokens": 1})
    openai.post("/chat/completions", json=chat("no-bot"))
    wanted = [(SLUG, 0, 1, 0, 0), ("support-bot", 1, 2, 0, 0), ("support-bot", 2, 2, 1, 0)]
    await_condition(lambda: tuned.people.rows(ALL) == wanted, "the counts")
    shown = "adapter_label, prompt_tokens, output_tokens, latency_ms_p50 >= latency_ms_mean / 2"
    rows = tuned.people.rows(f"SELECT {shown} FROM report_use WHERE version_number = 1")
    tokens = [sum(u[name] for u in used) for name in ("prompt_tokens", "completion_tokens")]
    assert rows == [("support-bot v1", *tokens, 1)]


def test_the_same_counts_are_metrics(tuned: Tuned, openai: httpx.Client) -> None:
    def read(name: str) -> float:
        found = re.search(
            rf"^{re.escape(name)} (\S+)$", openai.get("../metrics").text, re.MULTILINE
        )
        return float(found[1]) if found else 0.0

    asked = 'sqltune_serve_requests_total{model="other-bot@v1",outcome="%s"}'
    tokens = 'sqltune_serve_tokens_total{kind="answer",model="other-bot@v1"}'
    before = read(asked % "answered"), read(asked % "failed"), read(tokens)
    used = openai.post("/chat/completions", json=chat("other-bot")).json()["usage"]
    openai.post("/chat/completions", json=chat("other-bot", logprobs=True))
    after = read(asked % "answered"), read(asked % "failed"), read(tokens)
    assert after == (before[0] + 1, before[1] + 1, before[2] + used["completion_tokens"])
    assert read('sqltune_serve_answer_seconds_count{model="other-bot@v1"}') == after[0]


def test_what_was_counted_just_before_the_end_is_written(
    trained_folder: Path, tmp_path: Path
) -> None:
    (template,) = trained_folder.glob("*.db")
    url = copy_sqlite(template, tmp_path)
    database, people = open_database(url), People(url)
    models = {SLUG: str(SMALL_MODEL)}
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    # Another server has those of the other tests.
    (artifacts / "adapters").symlink_to(trained_folder / "artifacts" / "adapters")
    with start_server(database, artifacts, models, threads=1) as server:
        tuned = Tuned(server, people)
        with tuned.client() as client:
            for _ in range(3):
                assert client.post("/chat/completions", json=chat()).status_code == 200
    assert people.value("SELECT SUM(request_count) FROM served_use") == 3
    people.close()
    database.close()


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NINE

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[People]:
    someone = People(copy_sqlite(sqlite_template, tmp_path))
    yield someone
    someone.close()


def answered(seconds: float = 0.2) -> EndedRequest:
    return EndedRequest("bot", 3, "bot@v3", RequestOutcome.ANSWERED, seconds, 10, 2)


def test_an_hour_has_a_row_and_a_clock_that_goes_back_spoils_none(
    people: People, tmp_path: Path
) -> None:
    clock = Clock()
    database = open_database(f"sqlite:///{tmp_path}/sqltune.db")
    recorder = UseRecorder(database, server_key="s", now=clock, pause_seconds=0.01)
    recorder.start()
    recorder.count(answered())
    await_condition(lambda: people.count("served_use") == 1, "the first hour")
    clock.now = NINE + timedelta(hours=1, minutes=59)
    recorder.count(answered())
    await_condition(lambda: people.count("served_use") == 2, "the second hour")
    clock.now = NINE
    recorder.count(answered(seconds=20))
    recorder.stop()
    rows = people.rows(
        "SELECT hour_at, request_count, within_250_ms, within_30000_ms, latency_ms_max"
        " FROM served_use ORDER BY hour_at"
    )
    first, second = "2026-11-27 09:00:00.000000", "2026-11-27 10:00:00.000000"
    assert rows == [(first, 1, 1, 1, 200), (second, 2, 1, 2, 20_000)]
    database.close()


def test_a_database_that_never_answers_does_not_keep_the_server_from_ending(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql+pymysql://u@127.0.0.1:{silent.getsockname()[1]}/d?connect_timeout=3600"
        database = open_database(url)
        recorder = UseRecorder(
            database, server_key="s", now=Clock(), pause_seconds=0.01, last_seconds=0.01
        )
        recorder.count(answered())
        recorder.start()
        connection, _ = silent.accept()
        recorder.count(answered())
        recorder.stop()
        assert "the counts of up to 2 requests could not be written" in caplog.text
        connection.close()
    database.close()


def test_what_the_database_did_not_take_is_written_later_and_once(
    people: People, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_database(f"sqlite:///{tmp_path}/sqltune.db")
    recorder = UseRecorder(database, server_key="s", now=Clock(), pause_seconds=0.01)
    people.do("ALTER TABLE served_use RENAME TO away")
    recorder.start()
    recorder.count(answered())
    await_condition(lambda: "not written to served_use yet" in caplog.text, "the warning")
    recorder.count(answered())
    people.do("ALTER TABLE away RENAME TO served_use")
    recorder.stop()
    assert people.rows("SELECT request_count, output_tokens FROM served_use") == [(2, 4)]
    database.close()
