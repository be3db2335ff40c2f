"""Asking and storing answers: nothing twice, nothing lost, errors apart from answers."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from sqltune.backends.base import Answer
from sqltune.database.connection import Database
from sqltune.database.queries import load_statements
from sqltune.errors import BackendUnavailable, LeaseLost, RunInterrupted
from sqltune.evaluation import answer_faults, asking, forget_errors, prompt_chunks
from sqltune.evaluation.answer_store import AnswerStore
from sqltune.records import Claim, Phase
from tests.database.evaluated_run import CLAIM, SCORING, EvaluatedRun, content_hash, right_answers
from tests.databases import copy_sqlite


def test_an_answer_is_a_row_with_its_tokens_its_time_and_how_it_ended(run: EvaluatedRun) -> None:
    run.add_prompts({"Who?": "me"})
    result = run.ask(backend=run.backend(answers={"Who?": "I am."}))
    assert (result.asked, result.stored, result.errors, result.reused) == (1, 1, 0, 0)
    (row,) = run.rows(
        "SELECT phase, content_hash, model_key, decoding_key, response, error_code, finish_reason,"
        " prompt_tokens, output_tokens, reused_run_id FROM responses"
    )
    assert row == (
        "base",
        content_hash("Who?", "me"),
        "base",
        "greedy",
        "I am.",
        None,
        "stop",
        1,
        2,
        None,
    )
    assert run.value("SELECT latency_ms FROM responses") >= 0
    assert str(run.value("SELECT answered_at FROM responses")).startswith("2026-11-23 12:00:00")


@pytest.mark.parametrize(
    "answer", ["🦆 quack 你好 \\ ' \" %s :name", "line\r\nline\ttab", "x" * 1_000_000]
)
def test_an_answer_is_read_as_it_was_given(run: EvaluatedRun, answer: str) -> None:
    run.add_prompts({answer: "🐧"})
    run.ask(backend=run.backend(answers={answer: answer}))
    assert run.value("SELECT response FROM responses") == answer


def test_every_prompt_is_asked_once_in_the_order_of_its_key_over_many_chunks(
    run: EvaluatedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_chunks, "CHUNK_SIZE", 8)
    monkeypatch.setattr(prompt_chunks, "PAGE_SIZE", 4)
    run.add_prompts(21)
    seen: list[int] = []
    result = run.ask(backend=run.backend(slots=1), on_progress=seen.append)
    assert (result.asked, result.stored) == (21, 21)
    assert seen == sorted(seen)
    assert seen[-1] == 21
    keys = [row[0] for row in run.rows("SELECT prompt_key FROM responses ORDER BY answered_at")]
    chunks = [set(keys[i : i + 8]) for i in range(0, 21, 8)]
    assert chunks == [set(sorted(keys)[i : i + 8]) for i in range(0, 21, 8)]
    assert run.value("SELECT responses_stored FROM runs") == 21


def test_a_long_text_ends_a_chunk_early(run: EvaluatedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_chunks, "CHUNK_CHARACTERS", 90)
    monkeypatch.setattr(prompt_chunks, "PAGE_SIZE", 2)
    run.add_prompts(7)
    chunks = [len(chunk) for chunk in prompt_chunks.read_prompt_chunks(run.database, 1)]
    assert chunks == [6, 1]


def test_after_a_crash_the_answers_that_were_paid_for_are_there_and_only_the_missing_are_asked(
    run: EvaluatedRun,
) -> None:
    run.add_prompts(90)
    dies = run.backend(slots=1, faults=[{"at": "answer", "number": 71, "kind": "raise"}])
    with pytest.raises(BackendUnavailable):
        run.ask(backend=dies)
    assert len(run.responses()) == 70
    resumed = run.ask()
    assert (resumed.asked, resumed.stored) == (20, 20)
    assert len(run.responses()) == 90
    assert run.ask().asked == 0


def test_an_evaluation_stuck_at_its_last_prompt_has_committed_all_others(run: EvaluatedRun) -> None:
    run.add_prompts(40)
    released = run.folder / "released"
    hang = {"at": "answer", "number": 40, "kind": "hang", "until": str(released)}
    backend = run.backend(faults=[hang])
    asker = threading.Thread(target=run.ask, kwargs={"backend": backend})
    asker.start()
    while run.value("SELECT COUNT(*) FROM responses") < 39:
        asker.join(0.01)
    released.touch()
    asker.join(30)
    assert run.value("SELECT COUNT(*) FROM responses") == 40


def test_an_interrupted_asking_stores_what_is_known_and_ends(
    run: EvaluatedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "STOP_SECONDS", 0.1)
    run.add_prompts(40)
    backend = run.backend(slots=1, faults=[{"at": "answer", "number": 31, "kind": "hang"}])

    def stop_after_thirty() -> None:
        if len(run.responses()) == 30:
            raise RunInterrupted("asked to stop")

    with pytest.raises(RunInterrupted):
        run.ask(backend=backend, check=stop_after_thirty)
    assert len(run.responses()) == 30
    assert run.ask().asked == 10


def test_a_runner_that_lost_the_adapter_stores_nothing_more(run: EvaluatedRun) -> None:
    run.add_prompts(3)
    with pytest.raises(LeaseLost):
        run.ask(claim=replace(CLAIM, attempt=0))
    with pytest.raises(LeaseLost):
        run.ask(claim=Claim(CLAIM.adapter_name, "another", 1))
    assert run.responses() == {}


def test_an_error_is_an_error_row_and_never_an_empty_answer_or_a_score_of_zero(
    run: EvaluatedRun,
) -> None:
    run.add_prompts(3)
    fault = {"at": "answer", "number": 2, "code": "rate_limited", "message": "slow down"}
    result = run.ask(backend=run.backend(slots=1, faults=[fault], default_answer=""))
    assert result.errors == 1
    assert run.rows("SELECT prompt_key, response, error_code, error_message FROM responses") == [
        ("k00000", "", None, None),
        ("k00001", None, "rate_limited", "slow down"),
        ("k00002", "", None, None),
    ]
    assert run.rows("SELECT prompt_key, score FROM scores") == [("k00000", 0.0), ("k00002", 0.0)]


def test_a_rate_limit_never_makes_a_prompt_count_twice(run: EvaluatedRun) -> None:
    run.add_prompts(30)
    limited = [{"at": "answer", "number": n, "code": "rate_limited"} for n in (3, 9, 27)]
    run.ask(backend=run.backend(faults=limited))
    run.ask(backend=run.backend(faults=limited))
    forget_errors(run.scope())
    run.ask()
    assert run.value("SELECT COUNT(*) FROM responses") == 30
    assert run.value("SELECT COUNT(*) FROM scores") == 30
    assert run.value("SELECT responses_stored FROM runs") == 30


def test_retry_failed_asks_the_forty_that_failed_and_leaves_the_others(run: EvaluatedRun) -> None:
    run.add_prompts(100)
    faults = [{"at": "answer", "number": n} for n in range(1, 41)]
    assert run.ask(backend=run.backend(faults=faults)).errors == 40
    assert run.ask().asked == 0, "an error is asked again by retry alone"
    before = run.rows("SELECT prompt_key, answered_at FROM responses WHERE error_code IS NULL")
    assert forget_errors(run.scope()) == 40
    result = run.ask()
    assert (result.asked, result.errors) == (40, 0)
    after = run.rows("SELECT prompt_key, answered_at FROM responses WHERE error_code IS NULL")
    assert set(before) < set(after)
    assert len(after) == run.value("SELECT COUNT(*) FROM scores") == 100


def test_a_base_answer_is_reused_where_prompt_model_and_settings_are_the_same(
    run: EvaluatedRun,
) -> None:
    run.add_prompts(70)
    run.ask(backend=run.backend(faults=[{"at": "answer", "number": 5}]))
    for run_id in (2, 3):
        run.add_run(run_id)
        run.add_prompts(71, run_id=run_id)
    second = run.ask(run_id=2)
    assert (second.reused, second.asked, second.stored) == (69, 2, 71), "an error is not reused"
    third = run.ask(run_id=3)
    assert (third.reused, third.asked) == (71, 0)
    assert run.rows(
        "SELECT reused_run_id, COUNT(*) FROM responses WHERE run_id = 3 GROUP BY 1"
    ) == [
        (1, 69),
        (2, 2),
    ]
    assert run.value("SELECT COUNT(*) FROM scores WHERE run_id = 3") == 71


@pytest.mark.parametrize("other", ["model_key", "decoding_key"])
def test_an_answer_of_another_model_or_under_other_settings_is_not_reused(
    run: EvaluatedRun, other: str
) -> None:
    run.add_prompts(2)
    run.ask()
    run.add_run(2)
    run.add_prompts(2, run_id=2)
    assert run.ask(run_id=2, **{other: "another"}).reused == 0


def test_an_edited_prompt_is_asked_again(run: EvaluatedRun) -> None:
    run.add_prompts({"Who?": "me"})
    run.ask()
    run.add_run(2)
    run.add_prompts({"Who is it?": "me"}, run_id=2)
    assert run.ask(run_id=2).asked == 1


def test_a_run_without_prompts_asks_nothing(run: EvaluatedRun) -> None:
    assert run.ask().stored == 0


@pytest.fixture
def store(run: EvaluatedRun) -> AnswerStore:
    run.add_prompts(3)
    store = AnswerStore(
        run.scope(), Phase.AFTER, run.model(), scoring=SCORING, on_progress=lambda done: None
    )
    (chunk,) = prompt_chunks.read_prompt_chunks(run.database, 1)
    store.begin(chunk)
    return store


def _answer(key: str, text: str | None, **fields: str) -> Answer:
    return Answer(key, text, fields.get("finish_reason"), None, None, 1.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("half an emoji \ud83d", "lone surrogate at character 14"),
        (None, "neither an answer nor an error"),
        ("x" * (answer_faults.MAX_ANSWER_CHARACTERS + 1), "4,000,001 characters"),
    ],
    ids=["surrogate", "nothing", "too long"],
)
def test_an_answer_that_cannot_be_stored_is_an_error_of_its_prompt_alone(
    run: EvaluatedRun, store: AnswerStore, text: str | None, complaint: str
) -> None:
    store.add([_answer("k00000", text), _answer("k00001", "yes")])
    (row,) = run.rows("SELECT error_code, error_message FROM responses WHERE response IS NULL")
    assert row[0] == "unexpected_reply"
    assert complaint in row[1]
    assert run.responses(Phase.AFTER) == {"k00000": None, "k00001": "yes"}


def test_answers_that_are_repeated_or_were_not_asked_for_are_dropped(
    run: EvaluatedRun, store: AnswerStore
) -> None:
    store.add([_answer("k00000", "yes"), _answer("k00000", "yes"), _answer("stranger", "yes")])
    store.add([_answer("k00000", "no")])
    assert run.responses(Phase.AFTER) == {"k00000": "yes"}


def test_a_prompt_that_the_backend_does_not_answer_is_an_error(
    run: EvaluatedRun, store: AnswerStore
) -> None:
    store.add([_answer("k00001", "yes")])
    store.end()
    assert run.rows("SELECT prompt_key, error_code FROM responses ORDER BY prompt_key") == [
        ("k00000", "no_answer"),
        ("k00001", None),
        ("k00002", "no_answer"),
    ]


def test_words_of_a_service_are_cut_to_what_their_columns_hold(
    run: EvaluatedRun, store: AnswerStore
) -> None:
    store.add([_answer("k00000", "yes", finish_reason="content_filter_" * 9)])
    error = Answer("k00001", None, None, None, None, 1.0, "c" * 200, "m" * 9_000 + "\ud83d")
    store.add([error])
    assert len(run.value("SELECT finish_reason FROM responses WHERE response = 'yes'")) == 32
    (row,) = run.rows("SELECT error_code, error_message FROM responses WHERE response IS NULL")
    assert (len(row[0]), len(row[1])) == (64, answer_faults.MAX_MESSAGE_CHARACTERS)


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("fetch_known_answers", "responses_by_model"),
        ("fetch_unscored_responses", "sqlite_autoindex_scores_1"),
        ("fetch_score_pairs", "sqlite_autoindex_responses_1"),
    ],
)
def test_no_statement_of_the_evaluation_reads_a_whole_table(
    sqlite_template: Path, tmp_path: Path, statement: str, index: str
) -> None:
    query = load_statements("sqlite")[statement]
    database = Database.open(copy_sqlite(sqlite_template, tmp_path))
    explain = text(f"EXPLAIN QUERY PLAN {query}")
    with database.read() as session:
        plan = session.connection.execute(explain, dict.fromkeys(explain.compile().params, "1"))
        steps = [str(row.detail) for row in plan]
    database.close()
    assert any(index in step for step in steps)
    assert not [step for step in steps if step.startswith("SCAN")]


def test_right_answers_are_what_the_script_says(run: EvaluatedRun) -> None:
    run.add_prompts(4)
    run.ask(backend=run.backend(answers=right_answers([1, 3])))
    assert [v for _, v in sorted(run.responses().items())] == ["no", "yes", "no", "yes"]
