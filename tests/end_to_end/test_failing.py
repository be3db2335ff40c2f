"""A run that fails says why, ends with 1, and is not repeated for nothing."""

from __future__ import annotations

from tests.end_to_end.command import People, Sqltune

BROKEN = {"at": "train", "code": "loss_not_finite", "message": "the loss of step 3 is NaN"}
AWAY = {"at": "train", "code": "backend_unavailable", "message": "the service is away"}


def test_a_failed_run_ends_with_1_and_is_not_trained_again_until_something_changes(
    sqltune: Sqltune, people: People, office: str
) -> None:
    sqltune.play(faults=[BROKEN])
    first = sqltune("sync")
    assert first.code == 1
    assert "office: run 1 failed: the loss of step 3 is NaN" in first.err
    run = people.rows("SELECT state, error_code, is_retryable FROM runs")
    assert run == [("failed", "loss_not_finite", 0)]
    second = sqltune("sync")
    assert second.code == 1
    assert "office: blocked, run 1 failed and nothing changed since" in second.err
    assert people.count("runs") == 1
    sqltune.play()
    people.do("UPDATE training_samples SET response = 'Our office is in Delft.'")
    assert "office: train, 1 edited of 1 sample\n" in sqltune.well("sync").err


def test_force_tries_a_failed_run_again(sqltune: Sqltune, people: People, office: str) -> None:
    sqltune.play(faults=[BROKEN])
    assert sqltune("sync").code == 1
    sqltune.play()
    sqltune.well("sync", "--force")
    assert people.rows("SELECT state FROM runs ORDER BY run_id") == [("failed",), ("succeeded",)]


def test_a_failure_that_may_pass_is_tried_again_only_after_its_pause(
    sqltune: Sqltune, people: People, office: str
) -> None:
    sqltune.play(faults=[AWAY])
    assert sqltune("sync", SQLTUNE_RETRY_WAIT_SECONDS="3600").code == 1
    waiting = sqltune("sync")
    assert waiting.code == 1
    assert "office: wait, run 1 failed (the service is away); it is tried again from" in waiting.err
    assert people.count("runs") == 1
    people.do("UPDATE runs SET next_attempt_at = '2026-01-01 00:00:00.000000'")
    sqltune.play()
    done = sqltune.well("sync")
    assert "run 1 failed; it may succeed now (backend_unavailable)" in done.err


def test_a_failure_that_may_pass_is_tried_max_attempts_times(
    sqltune: Sqltune, people: People, office: str
) -> None:
    sqltune.play(faults=[AWAY])
    for _attempt in range(2):
        assert sqltune("sync", SQLTUNE_MAX_ATTEMPTS="2").code == 1
    blocked = sqltune("sync", SQLTUNE_MAX_ATTEMPTS="2")
    assert blocked.code == 1
    assert "office: blocked, run 2 failed 2 times in a row: the service is away" in blocked.err
    failures = people.rows("SELECT state, failure_count FROM runs ORDER BY run_id")
    assert failures == [("failed", 1), ("failed", 2)]


def test_a_training_whose_reply_was_lost_is_found_again_and_not_repeated(
    sqltune: Sqltune, people: People, office: str
) -> None:
    sqltune.play(faults=[{"at": "train", "kind": "lost_reply", "number": 1}])
    assert sqltune("sync").code == 1
    assert people.rows("SELECT state FROM backend_calls") == [("unknown",)]
    sqltune.well("sync")
    assert people.count("adapter_versions") == 1


def ask_with_errors_allowed(people: People) -> None:
    """Ask two prompts that are not trained on, of which one may be an error."""
    people.do("UPDATE adapters SET max_error_share = 0.5")
    people.ask("office", "Who are you?", "A model.")
    people.ask("office", "When do we open?", "At nine.")


def test_an_answer_that_fails_is_an_error_row_and_retry_asks_it_alone(
    sqltune: Sqltune, people: People, office: str
) -> None:
    ask_with_errors_allowed(people)
    sqltune.play(faults=[{"at": "answer", "prompt": "Who are you?", "code": "rate_limited"}])
    done = sqltune.well("sync")
    assert "answers (base) are errors: sqltune retry 1 --failed" in done.err
    errors = people.rows("SELECT phase, response, error_code FROM responses WHERE response IS NULL")
    assert sorted(errors) == [("after", None, "rate_limited"), ("base", None, "rate_limited")]
    assert people.count("scores") == 4, "an error has no score"
    assert people.rows("SELECT prompts_compared, error_count FROM gate_decisions") == [(1, 1)]
    sqltune.play(
        trained_answers={"Who are you?": "A model."},
        faults=[{"at": "answer", "prompt": "Where is our office?", "kind": "raise"}],
    )
    again = sqltune.well("retry", "1", "--failed")
    assert "office: run 1 succeeded" in again.err
    assert people.count("responses", "response IS NULL") == 0
    assert people.rows("SELECT prompts_compared, error_count FROM gate_decisions") == [(2, 0)]
    assert people.count("adapter_versions") == 1
    assert people.count("backend_calls") == 1, "retry trains nothing"


def test_retry_says_what_it_cannot_retry(sqltune: Sqltune, people: People, office: str) -> None:
    sqltune.play(faults=[BROKEN])
    sqltune("sync")
    failed = sqltune("retry", "1", "--failed")
    assert (failed.code, "run 1 is failed" in failed.err) == (2, True)
    unknown = sqltune("retry", "77", "--failed")
    assert (unknown.code, "there is no run 77" in unknown.err) == (2, True)
    bare = sqltune("retry", "1")
    assert (bare.code, "add --failed" in bare.err) == (2, True)


def test_errors_never_let_a_version_pass_the_gate(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.do("UPDATE adapters SET min_gain = 0.1")
    sqltune.play(faults=[{"at": "answer", "code": "rate_limited"}])
    done = sqltune("sync")
    assert done.code == 3
    assert "no prompt could be compared" in done.err
    assert people.count("aliases") == 0
    assert people.count("scores") == 0


def test_a_version_that_is_worse_does_not_go_live_and_the_prompts_that_lost_most_are_shown(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.do("UPDATE adapters SET min_gain = 0")
    sqltune.well("sync")
    people.do("UPDATE training_samples SET response = 'In Delft.'")
    worse = sqltune("sync")
    assert worse.code == 3
    assert "rejected: the mean change is below min_gain +0" in worse.err
    assert "worse: 1.000 -> 0.000 Where is our office?" in worse.err
    assert people.rows("SELECT version_number FROM aliases") == [(1,)]


def test_a_run_without_prompts_trains_and_says_that_nothing_was_compared(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.do("DELETE FROM eval_prompts")
    assert "no prompt could be compared" in sqltune.well("sync").err
    assert people.count("adapter_versions") == 1


def test_a_backend_that_is_gone_while_answering_fails_the_run_and_keeps_the_answers(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.ask("office", "Who are you?", "A model.")
    sqltune.play(slots=1, faults=[{"at": "answer", "number": 2, "kind": "raise"}])
    assert sqltune("sync").code == 1
    assert people.count("responses") == 1
    sqltune.play()
    sqltune.well("sync")
    reused = people.count("responses", "reused_run_id = 1")
    assert reused == 1, "the answer that was paid for is used"


def test_a_retry_of_an_old_run_makes_nothing_of_the_newer_ones_stale(
    sqltune: Sqltune, people: People, office: str
) -> None:
    ask_with_errors_allowed(people)
    sqltune.play(faults=[{"at": "answer", "prompt": "Who are you?", "code": "rate_limited"}])
    sqltune.well("sync")
    sqltune.play()
    people.do("UPDATE training_samples SET response = 'Our office is in Delft.'")
    sqltune.well("sync")
    sqltune.well("retry", "1", "--failed")
    assert people.rows("SELECT version_number FROM aliases") == [(2,)]
    assert "office: up to date, nothing changed since run 2" in sqltune.well("sync").err
    assert people.count("runs") == 2


def test_a_retry_of_an_older_evaluation_does_not_take_the_place_of_the_newer_one(
    sqltune: Sqltune, people: People, office: str
) -> None:
    ask_with_errors_allowed(people)
    sqltune.play(faults=[{"at": "answer", "prompt": "Who are you?", "code": "rate_limited"}])
    sqltune.well("sync")
    sqltune.play()
    people.ask("office", "Where do we meet?", "In Utrecht.")
    sqltune.well("sync")
    sqltune.well("retry", "1", "--failed")
    assert people.value("SELECT evaluation_run_id FROM adapter_versions") == 2
    assert people.count("report_before_after") == 4
    assert "run 2 evaluated this version later" in people.value(
        "SELECT reason FROM gate_decisions WHERE run_id = 1"
    )


def test_a_retry_where_nothing_failed_changes_nothing(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    before = people.rows("SELECT attempt_count, finished_at FROM runs")
    done = sqltune.well("retry", "1", "--failed")
    assert "run 1 has no response and no score that is an error" in done.err
    assert people.rows("SELECT attempt_count, finished_at FROM runs") == before


def test_a_retry_waits_for_the_run_that_is_not_finished(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE training_samples SET response = 'Our office is in Delft.'")
    sqltune.play(faults=[{"at": "train", "kind": "error", "code": "run_interrupted"}])
    sqltune("sync")
    refused = sqltune("retry", "1", "--failed")
    assert (refused.code, "run 2 of 'office' is not finished" in refused.err) == (2, True)
    assert people.value("SELECT run_id FROM adapter_states") == 2


def test_a_live_version_that_its_own_evaluation_refuses_is_said_to_stay_live(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE adapters SET min_gain = 0.2")
    people.do("UPDATE eval_prompts SET expected = 'something else'")
    done = sqltune("sync")
    assert done.code == 3
    assert "it is live and stays live until a row in alias_changes moves the alias" in done.err
    assert people.rows("SELECT version_number FROM aliases") == [(1,)]


def test_a_run_whose_base_model_is_gone_when_it_is_resumed_fails_with_the_reason(
    sqltune: Sqltune, people: People, office: str
) -> None:
    sqltune.play(faults=[{"at": "train", "kind": "error", "code": "run_interrupted"}])
    assert sqltune("sync").code != 0
    assert people.value("SELECT state FROM runs") == "training"
    sqltune.play(base_models=["other"])
    done = sqltune("sync")
    assert done.code == 1
    assert "no base model 'toy'" in people.value("SELECT error_message FROM runs WHERE run_id = 1")
    assert people.value("SELECT lease_owner FROM adapter_states") is None
