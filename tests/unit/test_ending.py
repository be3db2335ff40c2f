"""How runs end: what their row says afterwards, and when they are tried again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from sqltune.database.tables import runs
from sqltune.errors import BackendUnavailable, DataError
from sqltune.records import RunState
from sqltune.runtime import Runtime
from sqltune.syncing.ending import cancel_run, cancelled_end, end_run, failed_end, pause_run
from sqltune.syncing.lease import AdapterLease
from tests.unit.office import Office

RUN = (
    "INSERT INTO runs (run_id, adapter_name, state, run_kind, run_key)"
    " VALUES (1, 'office', 'training', 'train', 'key-1')"
)
ENDED = runs.RunEnd(RunState.SUCCEEDED, next_step="nothing: it is done")


@pytest.fixture
def lease(office: Office) -> Iterator[AdapterLease]:
    """The lease of an adapter whose run is training."""
    office.do(RUN)
    with office.lease() as lease:
        yield lease


def row(office: Office, columns: str) -> tuple[Any, ...]:
    (found,) = office.rows(f"SELECT {columns} FROM runs")
    return found


def failure(runtime: Runtime, earlier: int = 0) -> runs.RunEnd:
    return failed_end(runtime, BackendUnavailable("the service is down"), earlier)


@pytest.mark.parametrize(
    ("error", "code", "is_retryable"),
    [
        (BackendUnavailable("down"), "backend_unavailable", True),
        (DataError("bad", code="bad_rows"), "bad_rows", False),
        (OSError(28, "No space left on device"), "os_error", True),
        (KeyError("internal"), "internal_error", False),
    ],
)
def test_the_error_decides_whether_a_failure_is_tried_again(
    office: Office, error: Exception, code: str, is_retryable: bool
) -> None:
    end = failed_end(office.runtime, error, 0)
    assert (end.state, end.error_code, end.is_retryable) == (RunState.FAILED, code, is_retryable)
    assert (end.next_attempt_at is not None) is is_retryable
    assert end.failure_count == 1


def test_each_failure_in_a_row_doubles_the_pause(office: Office) -> None:
    object.__setattr__(office.runtime.settings, "retry_wait_seconds", 100.0)
    for earlier, seconds in ((0, 100), (1, 200), (2, 400)):
        before = office.runtime.now()
        end = failure(office.runtime, earlier)
        assert end.next_attempt_at is not None
        pause = end.next_attempt_at - before
        assert timedelta(seconds=seconds) <= pause < timedelta(seconds=seconds + 60)


def test_a_failed_run_leaves_its_adapter_to_be_tried_again(
    office: Office, lease: AdapterLease
) -> None:
    end_run(lease, 1, failure(office.runtime))
    assert row(office, "state, error_code, failure_count") == ("failed", "backend_unavailable", 1)
    assert office.rows("SELECT run_id, retry_at IS NOT NULL FROM adapter_states") == [(None, 1)]


def test_the_last_attempt_leaves_nothing_to_be_tried_again(
    office: Office, lease: AdapterLease
) -> None:
    end_run(lease, 1, failure(office.runtime, office.runtime.settings.max_attempts - 1))
    assert office.rows("SELECT retry_at FROM adapter_states") == [(None,)]


def test_a_run_that_has_ended_keeps_its_end(office: Office, lease: AdapterLease) -> None:
    end_run(lease, 1, ENDED)
    end_run(lease, 1, failure(office.runtime))
    assert row(office, "state, error_code") == ("succeeded", None)
    assert office.rows("SELECT event FROM run_events") == [("succeeded",)]


def test_a_retryable_failure_of_a_run_that_is_to_be_paused_pauses_it(
    office: Office, lease: AdapterLease
) -> None:
    office.do("UPDATE runs SET desired_state = 'paused'")
    end_run(lease, 1, failure(office.runtime))
    assert row(office, "state, resume_state, finished_at") == ("paused", "training", None)


def test_a_final_failure_of_a_run_that_is_to_be_paused_ends_it(
    office: Office, lease: AdapterLease
) -> None:
    office.do("UPDATE runs SET desired_state = 'paused'")
    end_run(lease, 1, failed_end(office.runtime, DataError("bad"), 0))
    assert row(office, "state, desired_state") == ("failed", "running")


def test_a_failure_of_a_run_that_is_to_be_cancelled_cancels_it(
    office: Office, lease: AdapterLease
) -> None:
    office.do("UPDATE runs SET desired_state = 'cancelled'")
    end_run(lease, 1, failure(office.runtime))
    assert row(office, "state, is_retryable, next_attempt_at") == ("cancelled", None, None)
    assert office.rows("SELECT retry_at FROM adapter_states") == [(None,)]


def test_a_trial_is_not_tried_again_and_leaves_its_adapters_retry_alone(
    office: Office, lease: AdapterLease
) -> None:
    office.do("UPDATE runs SET is_trial = 1", "UPDATE adapter_states SET retry_at = '2030-01-01'")
    end_run(lease, 1, failure(office.runtime))
    assert row(office, "state, next_attempt_at") == ("failed", None)
    assert office.rows("SELECT run_id, retry_at FROM adapter_states") == [(None, "2030-01-01")]


def test_pausing_remembers_where_the_run_resumes(office: Office, lease: AdapterLease) -> None:
    pause_run(lease, 1)
    assert row(office, "state, resume_state") == ("paused", "training")


def test_an_ended_run_is_not_paused(office: Office, lease: AdapterLease) -> None:
    end_run(lease, 1, ENDED)
    pause_run(lease, 1)
    assert row(office, "state") == ("succeeded",)


def test_cancelling_records_that_a_person_asked(office: Office, lease: AdapterLease) -> None:
    cancel_run(lease, 1)
    assert row(office, "state, error_code, error_message") == ("cancelled", None, "cancelled")


def test_a_run_whose_row_was_deleted_ends_without_an_error(
    office: Office, lease: AdapterLease
) -> None:
    office.do("DELETE FROM runs")
    end_run(lease, 1, cancelled_end(None, "cancelled"))
    assert office.rows("SELECT COUNT(*) FROM run_events") == [(0,)]


def test_a_request_is_ended_by_the_same_update_and_a_begun_run_is_not(office: Office) -> None:
    office.do("INSERT INTO runs (run_id, adapter_name) VALUES (1, 'office')")
    refused = runs.RunEnd(RunState.FAILED, "request_refused", "why", is_retryable=False)
    now = office.runtime.now()
    with office.runtime.database.transaction() as session:
        assert runs.end_request(session, 1, refused, now=now)
        assert not runs.end_request(session, 1, refused, now=now)
    assert row(office, "state, error_code, run_kind") == ("failed", "request_refused", None)
    office.do("DELETE FROM runs", RUN)
    with office.runtime.database.transaction() as session:
        assert not runs.end_request(session, 1, refused, now=now)
    assert row(office, "state") == ("training",)
