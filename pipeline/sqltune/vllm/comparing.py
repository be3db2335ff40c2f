"""Brings a running vLLM in step with the alias live, each call in a row of its own.

What is to be done is found by comparing the rows of aliases with what vLLM lists, so that no run
waits for it, a server that was restarted gets its adapters back, and a reply that was lost is made
good. A call is tried until it is done or what is live has changed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath

from sqltune.database.connection import Database
from sqltune.database.tables import vllm_calls
from sqltune.database.tables.vllm_calls import CallKind, LiveWeights, Settlement, VllmCall
from sqltune.errors import BackendError
from sqltune.settings import Settings
from sqltune.vllm.client import VllmClient, VllmModel, VllmOutcome
from sqltune.vllm.names import locate_weights, name_lora, read_lora_name

logger = logging.getLogger(__name__)

#: Before the second attempt; it doubles each time, up to the longest.
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=10)
#: How long vLLM may be carrying out a call of which nothing is heard; only its list is asked.
IN_FLIGHT = timedelta(minutes=2)
_NOT_WANTED = "another version is live, or vLLM has another base model"


def compare(
    database: Database,
    settings: Settings,
    url: str,
    *,
    now: Callable[[], datetime],
    stop: threading.Event,
) -> bool:
    """Make the calls that are due at one server; return whether it was reached."""
    client = VllmClient(url, settings.vllm_api_key)
    # Before the list is asked for: what another runner does meanwhile is not in it.
    began = now()
    with database.read() as session:
        last = vllm_calls.list_last_numbers(session, url)
        waiting = vllm_calls.list_waiting_calls(session, url, now=began)
    try:
        models = client.list_models()
    except BackendError as error:
        logger.warning("vLLM is not in step: %s", error, extra={"event": "not_pushed"})
        return False
    listed = {model.id: model for model in models}
    _LiveComparison(database, settings, client, listed, last, now, stop).run(waiting)
    return True


@dataclass(frozen=True, slots=True)
class _Made:
    """What came of the calls of one kind."""

    names: Set[str]  #: of those that are done
    #: Whether the server may be asked more: one that is down, or slow, would take as long to fail
    #: with every other call.
    is_answering: bool


@dataclass(frozen=True)
class _LiveComparison:
    """What follows from one list of a server."""

    database: Database
    settings: Settings
    client: VllmClient
    listed: Mapping[str, VllmModel]
    #: The number of the last call for each name before the list was asked for.
    last_numbers: Mapping[str, int]
    now: Callable[[], datetime]
    stop: threading.Event

    def run(self, waiting: Sequence[VllmCall]) -> None:
        """Settle what is answered by the list, load what is live, then unload what was.

        Args:
            waiting: calls that were not settled before the list was asked for.
        """
        with self.database.read() as session:
            live = vllm_calls.list_live_weights(session)
        wanted = {name_lora(each): each for each in live if self._is_served(each.base_model)}
        self._settle(list(self._find_answered(waiting, wanted)))
        missing = {name: each for name, each in wanted.items() if not self._has(name, each)}
        loaded = self._make("load", missing)
        if loaded.is_answering:
            there = [each for n, each in wanted.items() if n not in missing or n in loaded.names]
            self._make("unload", self._find_replaced(wanted, there))

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

    def _find_replaced(
        self, wanted: Mapping[str, LiveWeights], there: Sequence[LiveWeights]
    ) -> dict[str, LiveWeights]:
        """Return what is loaded and was live, and in whose place another version is loaded."""
        adapters = {each.adapter_name for each in there}
        meant = {read_lora_name(name) for name in self.listed if name not in wanted}
        versions = {version for version in meant if version and version[0] in adapters}
        with self.database.read() as session:
            known = vllm_calls.list_weights_once_live(session, versions)
        return {name_lora(each): each for each in known if self._has(name_lora(each), each)}

    def _find_answered(
        self, waiting: Sequence[VllmCall], wanted: Mapping[str, LiveWeights]
    ) -> Iterator[Settlement]:
        """Yield the ends of the calls that are not to be made any more."""
        now = self.now()
        for call in waiting:
            weights, is_load = wanted.get(call.lora_name), call.call_kind == "load"
            if is_load and weights is None:
                yield Settlement(call, "withdrawn", _NOT_WANTED, now)
            elif is_load and weights is not None and self._has(call.lora_name, weights):
                yield Settlement(call, "done", "vLLM lists it", now)
            elif not is_load and weights is not None:
                yield Settlement(call, "withdrawn", "it is live again", now)
            elif not is_load and call.lora_name not in self.listed:
                yield Settlement(call, "done", "vLLM no longer lists it", now)

    def _make(self, kind: CallKind, needed: Mapping[str, LiveWeights]) -> _Made:
        """Store the calls that are needed, and make those of them whose time has come."""
        waiting = {(call.call_kind, call.lora_name) for call in self._list_waiting()}
        new = [self._intend(kind, n, w) for n, w in needed.items() if (kind, n) not in waiting]
        if new:
            now = self.now()
            with self.database.transaction() as session:
                vllm_calls.insert_calls(session, new, now=now)
        done: set[str] = set()
        for call in self._list_waiting():
            if call.call_kind != kind or call.lora_name not in needed or not call.is_due:
                continue
            if self.stop.is_set():
                return _Made(done, is_answering=False)
            outcome = self._attempt(call)
            if outcome is not None and outcome.is_done:
                done.add(call.lora_name)
            elif outcome is not None and not outcome.is_answered:
                return _Made(done, is_answering=False)
        return _Made(done, is_answering=True)

    def _intend(self, kind: CallKind, name: str, weights: LiveWeights) -> VllmCall:
        return VllmCall(
            server=self.client.url,
            lora_name=name,
            call_kind=kind,
            adapter_name=weights.adapter_name,
            version_number=weights.version_number,
            lora_path=locate_weights(weights, self.settings) if kind == "load" else None,
            call_number=self.last_numbers.get(name, 0) + 1,
        )

    def _attempt(self, call: VllmCall) -> VllmOutcome | None:
        """Make one call and record its outcome; None: another runner makes it."""
        retry_at = self.now() + IN_FLIGHT
        with self.database.transaction() as session:
            claimed = vllm_calls.claim_call(session, call, retry_at=retry_at)
        if claimed is None:
            return None
        outcome = self._send(claimed)
        state: vllm_calls.CallState = "done" if outcome.is_done else "waiting"
        at = self.now() if outcome.is_done else self.now() + _pause(claimed, outcome)
        self._settle([Settlement(claimed, state, outcome.text, at)])
        return outcome

    def _send(self, call: VllmCall) -> VllmOutcome:
        if call.call_kind == "unload":
            return self.client.unload(call.lora_name)
        return self.client.load(call.lora_name, str(call.lora_path))

    def _list_waiting(self) -> list[VllmCall]:
        now = self.now()
        with self.database.read() as session:
            return vllm_calls.list_waiting_calls(session, self.client.url, now=now)

    def _settle(self, settlements: Sequence[Settlement]) -> None:
        if settlements:
            with self.database.transaction() as session:
                vllm_calls.settle_calls(session, settlements)


def _pause(call: VllmCall, outcome: VllmOutcome) -> timedelta:
    """Return how long a call waits for its next attempt."""
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(call.attempt_count - 1, 10), LONGEST_PAUSE)
    return pause if outcome.is_answered else max(pause, IN_FLIGHT)
