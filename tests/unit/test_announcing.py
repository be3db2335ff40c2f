"""Announcing what happened: delivered once, tried again, and in nobody's way."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from sqltune.database.times import format_time
from sqltune.settings import Settings
from sqltune.webhooks.announcing import MAX_ATTEMPTS, announce, begin_announcing
from tests.unit.office import Office
from tests.webhook_receiver import Receiver, receive

NO_SUCH_BACKEND = "UPDATE adapters SET backend = 'abacus'"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receive() as received:
        yield received


def settings_of(office: Office, receiver: Receiver) -> Settings:
    return replace(office.runtime.settings, webhook_url=receiver.url)


def sync_heard(office: Office, settings: Settings) -> None:
    """Sync an office whose webhook was set before; what happens is not announced yet."""
    begin_announcing(office.runtime.database, settings, now=office.runtime.now())
    office.sync()


def call_again(office: Office, settings: Settings, *, after: timedelta) -> None:
    announce(office.runtime.database, settings, now=lambda: office.runtime.now() + after)


def calls(office: Office) -> list[tuple[object, ...]]:
    return office.rows("SELECT event, state, attempt_count, outcome FROM webhook_calls")


def test_a_sync_announces_what_went_live_and_says_it_once(
    office: Office, receiver: Receiver
) -> None:
    office.runtime = replace(office.runtime, settings=settings_of(office, receiver))
    office.sync()
    office.sync()
    (body,) = receiver.bodies
    news = json.loads(body)
    assert (news["adapter"], news["event"], news["run_id"]) == ("office", "promoted", 1)
    assert news["message"].startswith("v1 is live, moved by the gate: ")
    assert calls(office) == [("promoted", "delivered", 1, "HTTP 200")]


def test_a_body_is_signed_with_the_secret(office: Office, receiver: Receiver) -> None:
    settings = replace(settings_of(office, receiver), webhook_secret="of two")
    sync_heard(office, settings)
    call_again(office, settings, after=timedelta(0))
    digest = hmac.new(b"of two", receiver.bodies[0], hashlib.sha256).hexdigest()
    assert receiver.headers[0]["X-Sqltune-Signature"] == f"sha256={digest}"
    assert receiver.headers[0]["Idempotency-Key"] == "office/promoted/1"


def test_without_an_address_nothing_is_stored(office: Office) -> None:
    office.sync()
    call_again(office, office.runtime.settings, after=timedelta(0))
    assert calls(office) == []


def test_what_was_not_chosen_is_not_announced(office: Office, receiver: Receiver) -> None:
    settings = replace(settings_of(office, receiver), webhook_events=("failed", "stuck"))
    sync_heard(office, settings)
    call_again(office, settings, after=timedelta(0))
    assert calls(office) == []


def test_a_call_is_tried_again_with_growing_pauses_and_then_given_up(
    office: Office, receiver: Receiver
) -> None:
    settings = settings_of(office, receiver)
    sync_heard(office, settings)
    receiver.statuses = [500] * 20
    for minutes in range(30):
        call_again(office, settings, after=timedelta(minutes=minutes / 2))
    assert len(receiver.bodies) == MAX_ATTEMPTS
    assert len(set(receiver.bodies)) == 1
    assert calls(office) == [("promoted", "given_up", 5, "HTTP 500")]


def test_a_call_that_waits_is_not_made_to_an_address_that_was_set_later(
    office: Office, receiver: Receiver
) -> None:
    settings = settings_of(office, receiver)
    sync_heard(office, settings)
    receiver.statuses = [500]
    call_again(office, settings, after=timedelta(0))
    other = replace(settings, webhook_url=f"{receiver.url}/other")
    for hours in (1, 2):
        call_again(office, other, after=timedelta(hours=hours))
    assert len(receiver.bodies) == 1
    call_again(office, settings, after=timedelta(hours=3))
    assert calls(office) == [("promoted", "delivered", 2, "HTTP 200")]


def test_the_pause_begins_with_the_attempt_and_not_with_those_before_it(
    office: Office, receiver: Receiver
) -> None:
    settings = settings_of(office, receiver)
    sync_heard(office, settings)
    receiver.statuses = [500]
    hours = count(1)
    begin = office.runtime.now()
    announce(office.runtime.database, settings, now=lambda: begin + timedelta(hours=next(hours)))
    ((next_attempt_at,),) = office.rows("SELECT next_attempt_at FROM webhook_calls")
    assert next_attempt_at > format_time(begin + timedelta(hours=3))


def test_a_failed_sync_is_announced_and_its_receiver_that_is_down_fails_nothing(
    office: Office,
) -> None:
    with receive() as gone:
        settings = settings_of(office, gone)
    office.runtime = replace(office.runtime, settings=settings)
    office.do(NO_SUCH_BACKEND)
    (outcome,) = office.sync()
    assert outcome.error_message
    ((event, state, attempts, text),) = calls(office)
    assert (event, state, attempts) == ("failed", "waiting", 1)
    assert text == "no reply: ConnectError"
    assert "secret-part" not in repr(settings)


def test_a_proxy_that_is_none_fails_no_sync(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.runtime = replace(office.runtime, settings=settings_of(office, receiver))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "abacus://127.0.0.1")
    office.sync()
    assert calls(office) == [("promoted", "waiting", 1, "no reply: ValueError")]


def test_two_runners_that_announce_at_once_call_once(office: Office, receiver: Receiver) -> None:
    settings, now = settings_of(office, receiver), office.runtime.now()
    sync_heard(office, settings)
    start = threading.Barrier(2)

    def run() -> None:
        start.wait()
        announce(office.runtime.database, settings, now=lambda: now)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.bodies) == 1
    assert calls(office) == [("promoted", "delivered", 1, "HTTP 200")]


def test_what_happened_before_an_address_was_set_is_not_announced_to_it(
    office: Office, receiver: Receiver
) -> None:
    office.sync()
    settings, no_time = settings_of(office, receiver), timedelta(0)
    call_again(office, settings, after=no_time)
    assert calls(office) == []
    office.do(NO_SUCH_BACKEND)
    office.sync()
    call_again(office, settings, after=no_time)
    assert [event for event, *_ in calls(office)] == ["failed"]
    # Another address begins with what happens from now on.
    office.do("DELETE FROM webhook_calls")
    other = replace(settings, webhook_url=f"{receiver.url}/other")
    call_again(office, other, after=no_time)
    assert len(receiver.bodies) == 1
    assert str(receiver.url) not in str(office.rows("SELECT * FROM webhooks"))
