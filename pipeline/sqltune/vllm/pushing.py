"""Brings a running vLLM in step with the alias live, each call in a row of its own.

What is to be done is found by comparing the rows of aliases with what vLLM lists, so that no run
waits for it, a server that was restarted gets its adapters back, and a reply that was lost is made
good. A call is tried until it is done or what is live has changed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePath

from sqltune.database.connection import Database
from sqltune.database.tables import vllm_calls
from sqltune.database.tables.vllm_calls import CallKind, LiveWeights, VllmCall
from sqltune.errors import BackendError
from sqltune.settings import Settings
from sqltune.vllm.client import CALL_SECONDS, VllmClient, VllmModel, VllmOutcome
from sqltune.vllm.names import locate_weights, name_lora, name_server, read_lora_name

logger = logging.getLogger(__name__)

#: A worker asks the server for its list this often, and at once where what is live has changed.
LISTING_PAUSE = timedelta(seconds=15)
#: Before the second attempt; it doubles each time, up to the longest.
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=10)
#: How long a claim may be silent; connecting and replying may each take as long as a call.
_CLAIM = timedelta(seconds=3 * CALL_SECONDS)
_NOT_WANTED = "another version is live, or vLLM has another base model"


@dataclass
class Pushing:
    """A worker's pushing: often enough, and not at every poll."""

    database: Database
    settings: Settings
    stop: threading.Event
    #: What was live at the last pass; None: there was none.
    seen: list[LiveWeights] | None = None
    next_at: datetime | None = None
    pause: timedelta = LISTING_PAUSE

    def push_due(self, now: datetime) -> None:
        """Make a pass if what is live has changed, or the time has come.

        Raises:
            DatabaseError: the rows could not be read or written.
        """
        with self.database.read() as session:
            live = vllm_calls.list_live_weights(session)
        if live == self.seen and self.next_at is not None and now < self.next_at:
            return
        is_reached = push_live(self.database, self.settings, now=now, stop=self.stop)
        self.pause = LISTING_PAUSE if is_reached else min(2 * self.pause, LONGEST_PAUSE)
        self.seen, self.next_at = live, now + self.pause


def push_live(
    database: Database, settings: Settings, *, now: datetime, stop: threading.Event
) -> bool:
    """Compare what is live with what vLLM lists, and make the calls that are due.

    Args:
        database: with the rows.
        settings: vllm_url None: nothing is done.
        now: UTC.
        stop: set when this process is to end: no further call is made.

    Returns:
        Whether the server was reached; what is wrong is logged.

    Raises:
        DatabaseError: the rows could not be read or written.
    """
    if settings.vllm_url is None:
        return True
    client = VllmClient(settings.vllm_url, settings.vllm_api_key)
    # Before the list is asked for: a call that another runner makes meanwhile has the next number.
    with database.read() as session:
        last = vllm_calls.list_last_numbers(session, name_server(settings.vllm_url))
    try:
        models = client.list_models()
    except BackendError as error:
        logger.warning("vLLM is not in step: %s", error, extra={"event": "not_pushed"})
        return False
    _Pass(database, settings, client, {model.id: model for model in models}, last, now, stop).run()
    return True


@dataclass(frozen=True)
class _Pass:
    """One comparison, with what follows from it."""

    database: Database
    settings: Settings
    client: VllmClient
    listed: Mapping[str, VllmModel]
    #: The number of the last call for each name before the list was asked for.
    last_numbers: Mapping[str, int]
    now: datetime
    stop: threading.Event
    #: Loaded by this pass.
    loaded: set[str] = field(default_factory=set)

    @property
    def server(self) -> str:
        """The server as rows name it."""
        return name_server(self.client.url)

    def run(self) -> None:
        """Settle what is answered by the list, load what is live, then unload what was."""
        with self.database.read() as session:
            live = vllm_calls.list_live_weights(session)
        wanted = {name_lora(each): each for each in live if self._is_served(each.base_model)}
        self._settle_answered(wanted)
        missing = [each for name, each in wanted.items() if not self._has(name, each)]
        if self._make("load", missing):
            self._make("unload", self._find_replaced(wanted))

    def _is_served(self, base_model: str) -> bool:
        """Return whether the server has this base model, by its name or the end of its path."""
        names = [
            name
            for model in self.listed.values()
            if model.parent is None
            for name in (model.id, model.root or model.id)
        ]
        return PurePath(base_model).name in {PurePath(name).name for name in names}

    def _has(self, name: str, weights: LiveWeights) -> bool:
        """Return whether the server has loaded these weights under this name."""
        model = self.listed.get(name)
        if model is None:
            return False
        own = PurePath(weights.artifact_uri).name
        return model.root is None or PurePath(model.root).name == own

    def _find_replaced(self, wanted: Mapping[str, LiveWeights]) -> list[LiveWeights]:
        """Return what is loaded and was live; not before the version in its place is loaded."""
        awaited = {
            each.adapter_name
            for name, each in wanted.items()
            if not self._has(name, each) and name not in self.loaded
        }
        found = []
        for name in self.listed:
            meant = read_lora_name(name)
            if meant is None or name in wanted or meant[0] in awaited:
                continue
            with self.database.read() as session:
                weights = vllm_calls.find_weights_once_live(session, *meant)
            if weights is not None and self._has(name, weights):
                found.append(weights)
        return found

    def _settle_answered(self, wanted: Mapping[str, LiveWeights]) -> None:
        """Settle the calls that wait and are not to be made any more."""
        for call in self._list_waiting():
            weights, is_load = wanted.get(call.lora_name), call.call_kind == "load"
            if is_load and weights is None:
                self._settle(call, "withdrawn", _NOT_WANTED)
            elif is_load and weights is not None and self._has(call.lora_name, weights):
                self._settle(call, "done", "vLLM lists it")
            elif not is_load and weights is not None:
                self._settle(call, "withdrawn", "it is live again")
            elif not is_load and call.lora_name not in self.listed:
                self._settle(call, "done", "vLLM no longer lists it")

    def _make(self, kind: CallKind, needed: Iterable[LiveWeights]) -> bool:
        """Store the calls that are needed, and make those whose time has come.

        Returns:
            Whether the server may be asked more: one that is down, or slow, would take as long
            to fail with every other call.
        """
        waiting = {(call.call_kind, call.lora_name) for call in self._list_waiting()}
        for weights in needed:
            if (kind, name_lora(weights)) not in waiting:
                with self.database.transaction() as session:
                    vllm_calls.insert_call(session, self._intend(kind, weights), now=self.now)
        due = (c for c in self._list_waiting() if c.call_kind == kind and c.is_due)
        return all(not self.stop.is_set() and self._attempt(call) for call in due)

    def _intend(self, kind: CallKind, weights: LiveWeights) -> VllmCall:
        return VllmCall(
            server=self.server,
            lora_name=name_lora(weights),
            call_kind=kind,
            adapter_name=weights.adapter_name,
            version_number=weights.version_number,
            lora_path=locate_weights(weights, self.settings) if kind == "load" else None,
            call_number=self.last_numbers.get(name_lora(weights), 0) + 1,
        )

    def _attempt(self, call: VllmCall) -> bool:
        """Make one call, unless another runner does; return whether the server answers."""
        with self.database.transaction() as session:
            if not vllm_calls.claim_call(session, call, retry_at=self.now + _CLAIM):
                return True
        outcome = self._send(call)
        if outcome.is_done:
            self._settle(call, "done", outcome.text)
            self.loaded.add(call.lora_name)
            return True
        pause = min(FIRST_PAUSE * 2 ** min(call.attempt_count, 10), LONGEST_PAUSE)
        self._settle(call, "waiting", outcome.text, at=self.now + pause)
        return outcome.is_answered

    def _send(self, call: VllmCall) -> VllmOutcome:
        if call.call_kind == "unload":
            return self.client.unload(call.lora_name)
        return self.client.load(call.lora_name, str(call.lora_path))

    def _list_waiting(self) -> list[VllmCall]:
        with self.database.read() as session:
            return vllm_calls.list_waiting_calls(session, self.server, now=self.now)

    def _settle(
        self, call: VllmCall, state: str, outcome: str, *, at: datetime | None = None
    ) -> None:
        with self.database.transaction() as session:
            vllm_calls.settle_call(session, call, state=state, outcome=outcome, at=at or self.now)
