"""Announces to the webhook what happened, each thing in a row and a call of its own.

What is to be announced is found in the rows of runs and aliases, so that no run waits for it and
none can die between its end and the announcement. A call is made until it is delivered, at most
five times: a receiver that gets it twice, after a kill, knows it by its id.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import blake2b

from sqltune.database.connection import Database
from sqltune.database.tables import webhook_calls
from sqltune.database.tables.webhook_calls import WaitingCall
from sqltune.settings import Settings
from sqltune.webhooks.forms import name_call, write_body
from sqltune.webhooks.sending import CallOutcome, send

#: What happened longer ago, while no runner was there, is no news.
NEWS_SPAN = timedelta(days=1)
MAX_ATTEMPTS = 5
_KEY_BYTES = 16
#: Before the second attempt; it doubles each time.
FIRST_PAUSE = timedelta(seconds=30)


def announce(database: Database, settings: Settings, *, now: Callable[[], datetime]) -> None:
    """Find news, and make the calls whose time has come, until one is not delivered.

    Args:
        database: with the rows.
        settings: webhook_url None: nothing is done.
        now: UTC; asked again for each call, since each may take seconds.

    Raises:
        DatabaseError: the rows could not be read or written.
    """
    begun_at = begin_announcing(database, settings, now=now())
    if begun_at is None:
        return
    _store_news(database, settings, since=max(begun_at, now() - NEWS_SPAN), now=now())
    with database.read() as session:
        due = list(webhook_calls.fetch_due_calls(session, since=begun_at, now=now()))
    for call in due:
        # A receiver that is down would take as long to fail with every other call.
        if not _make(database, settings, call, now):
            return


def begin_announcing(database: Database, settings: Settings, *, now: datetime) -> datetime | None:
    """Return since when the webhook is called: from now on, where its address is new.

    Args:
        database: with the rows.
        settings: webhook_url None: there is no webhook.
        now: UTC.

    Raises:
        DatabaseError: the rows could not be read or written.
    """
    if settings.webhook_url is None:
        return None
    key = blake2b(settings.webhook_url.encode(), digest_size=_KEY_BYTES).hexdigest()
    with database.read() as session:
        begun_at = webhook_calls.get_begin(session, key)
    if begun_at is not None:
        return begun_at
    with database.transaction() as session:
        webhook_calls.insert_webhook(session, key, now=now)
    return now


def _store_news(database: Database, settings: Settings, *, since: datetime, now: datetime) -> None:
    with database.read() as session:
        news = webhook_calls.find_news(session, since=since)
    chosen = [notice for notice in news if notice.event in settings.webhook_events]
    if chosen:
        with database.transaction() as session:
            webhook_calls.insert_calls(session, chosen, now=now)


def _make(
    database: Database, settings: Settings, call: WaitingCall, now: Callable[[], datetime]
) -> bool:
    """Make one call, unless another runner does; return whether the receiver may be asked more."""
    retry_at = now() + FIRST_PAUSE * 2**call.attempt_count
    with database.transaction() as session:
        claimed = webhook_calls.claim_call(session, call, retry_at=retry_at)
    if claimed is None:
        return True
    outcome, settled_at = _attempt(settings, claimed), now()
    is_last = claimed.attempt_count >= MAX_ATTEMPTS
    state = "delivered" if outcome.is_delivered else "given_up" if is_last else "waiting"
    with database.transaction() as session:
        webhook_calls.settle_call(
            session, claimed, state=state, outcome=outcome.text, now=settled_at
        )
    return outcome.is_delivered


def _attempt(settings: Settings, call: WaitingCall) -> CallOutcome:
    if call.attempt_count > MAX_ATTEMPTS:
        return CallOutcome(False, "its runner died with the last attempt")
    notice = call.notice
    body = write_body(notice, settings.webhook_form)
    return send(str(settings.webhook_url), settings.webhook_secret, body, name_call(notice))
