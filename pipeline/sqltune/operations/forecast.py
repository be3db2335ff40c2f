"""What a sync would do, adapter by adapter, with row and token counts. Writes nothing and sends no
sample.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from sqltune import wanted_keys
from sqltune.backends.recipes import Recipe, RecipeMaker
from sqltune.backends.token_counts import Tokens, count_epoch_tokens
from sqltune.database.named_versions import find_live
from sqltune.errors import PipelineError, RunInterrupted
from sqltune.operations.row_checks import RowReport, RowSummary, examine_rows
from sqltune.operations.waiting_requests import (
    WaitingRequest,
    describe_waiting,
    find_plain_request,
    list_asked,
)
from sqltune.planning.plan import (
    Blocked,
    Disabled,
    Evaluate,
    Paused,
    Plan,
    Refuse,
    Resume,
    Train,
)
from sqltune.planning.planner import plan_adapter
from sqltune.planning.predictions import find_rows_to_ask
from sqltune.planning.wanted import Wanted
from sqltune.records import Adapter, RunState, SyncDecision
from sqltune.runtime import Runtime
from sqltune.selection import select_samples
from sqltune.syncing.due import choose_adapters
from sqltune.syncing.waiting import is_live_due, is_prediction_due


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a sync would do for one adapter."""

    adapter_name: str
    decision: SyncDecision
    reason: str
    samples: int | None  #: that would be trained; None: the selections were not read
    validation: int | None  #: never trained, measured after every epoch; None: as above
    held_out: dict[str, int] | None  #: rows by a split that is neither trained nor for validation
    prompts: int | None  #: None: the selections were not read
    tokens_per_epoch: int | None  #: None: not counted
    token_count: str | None  #: exact, estimated; None: not counted
    epochs: int | None  #: None: nothing would be trained
    base_model: str  #: as the adapter names it
    base_model_revision: str | None  #: what the name stands for now; None: not known
    base_model_found_in: str | None  #: where on this machine, in words; None: not known
    #: what it would be trained with, filled in; None: the backend decides, or nothing is trained
    recipe: Recipe | None = None
    sample_rows: RowSummary | None = None  #: None: nothing would be trained
    prompt_rows: RowSummary | None = None  #: None: nothing would be asked
    fault: str | None = None  #: why a sync would fail now; None: it would not, as far as is known
    requests: tuple[WaitingRequest, ...] = ()  #: what rows of runs and alias_changes ask for


def forecast(
    runtime: Runtime,
    names: Sequence[str],
    *,
    force: bool,
    count_tokens: bool,
    stop: threading.Event | None = None,
) -> list[Forecast]:
    """Return what a sync would do, one forecast per adapter.

    Args:
        runtime: where to read.
        names: adapters; none means all that are enabled.
        force: forecast what `sync --force` would do.
        count_tokens: ask the backend for the base model as it is now, and count tokens. If False,
            the backend is not called: the base model is assumed to be that of the last run.
        stop: ends the reading.
    """

    def check() -> None:
        if stop is not None and stop.is_set():
            raise RunInterrupted("stopped while planning")

    # All plans come first: an adapter that cannot be planned should not be found out after minutes.
    planned = []
    for adapter in choose_adapters(runtime, names):
        asked = list_asked(runtime, adapter.adapter_name)
        request = find_plain_request(adapter, asked)
        plan = plan_adapter(
            runtime,
            adapter,
            force=force or (request is not None and request.is_forced is True),
            check=check,
            asks_backend=count_tokens,
            request=request,
        )
        waiting = describe_waiting(runtime, adapter, asked, check, asks_backend=count_tokens)
        planned.append((adapter, plan, waiting))
    return [
        replace(_make(runtime, adapter, plan, count_tokens, check), requests=tuple(waiting))
        for adapter, plan, waiting in planned
    ]


def _make(
    runtime: Runtime, adapter: Adapter, plan: Plan, count_tokens: bool, check: Callable[[], None]
) -> Forecast:
    wanted = _wanted(plan)
    tokens, recipe = None, None
    report = _examine(runtime, adapter, plan, count_tokens, check)
    if count_tokens and wanted is not None and wanted.samples:
        tokens = _count_tokens(runtime, adapter, wanted, check)
        if isinstance(plan, Train):
            recipe = _make_recipe(runtime, adapter, wanted, tokens, check)
    return Forecast(
        adapter_name=adapter.adapter_name,
        decision=plan.decision,
        reason=plan.reason + _describe_live(runtime, adapter, check),
        samples=wanted.samples if wanted else None,
        validation=wanted.validation if wanted else None,
        held_out=dict(wanted.held_out) if wanted else None,
        prompts=wanted.prompts if wanted else None,
        tokens_per_epoch=tokens.count if tokens else None,
        token_count=tokens.kind if tokens else None,
        epochs=adapter.epochs if isinstance(plan, Train) else None,
        base_model=adapter.base_model,
        base_model_revision=wanted.base_model.revision if wanted else None,
        base_model_found_in=wanted.base_model.found_in if wanted else None,
        recipe=recipe,
        sample_rows=report.samples if report else None,
        prompt_rows=report.prompts if report else None,
        fault=_find_fault(plan, report),
    )


def _examine(
    runtime: Runtime, adapter: Adapter, plan: Plan, asks_backend: bool, check: Callable[[], None]
) -> RowReport | None:
    """Apply the rules of a run to the rows that one would read; None: none would begin."""
    if not isinstance(plan, Train | Evaluate):
        return None
    base_model = plan.wanted.base_model if asks_backend else None
    manifest_id = plan.version.manifest_id if isinstance(plan, Evaluate) else None
    return examine_rows(runtime, adapter, base_model, check, manifest_id=manifest_id)


def _find_fault(plan: Plan, report: RowReport | None) -> str | None:
    if report is not None and report.fault is not None:
        return str(report.fault)
    is_failed = isinstance(plan, Blocked) and plan.run.state is RunState.FAILED
    return plan.reason if is_failed or isinstance(plan, Refuse) else None


def _describe_live(runtime: Runtime, adapter: Adapter, check: Callable[[], None]) -> str:
    """Return that what is live is evaluated again, and what it is asked, where that is due."""
    now, words = runtime.now(), ""
    with runtime.database.read() as session:
        version = find_live(session, adapter.adapter_name)
        if version is not None and is_live_due(session, adapter, now):
            words = f"; v{version.version_number}, which is live, is due (reevaluate_every "
            words += f"{adapter.reevaluate_every})"
        predicts = is_prediction_due(session, adapter, now, is_scheduled=True)
    if not predicts or version is None:
        return words
    try:
        found, _ = find_rows_to_ask(runtime, adapter, version, check=check)
    except PipelineError as error:
        return f"{words}; the prediction_query cannot be used: {error}"
    return words if found is None else f"{words}; v{version.version_number} is to answer {found}"


def _wanted(plan: Plan) -> Wanted | None:
    return None if isinstance(plan, Resume | Refuse | Paused | Disabled) else plan.wanted


def _count_tokens(
    runtime: Runtime, adapter: Adapter, wanted: Wanted, check: Callable[[], None]
) -> Tokens | None:
    selected = select_samples(runtime.selection_reader(check), adapter)
    # Rows after the last counted one would keep a connection open.
    with closing(selected) as samples:
        return count_epoch_tokens(
            runtime.backend(adapter.backend),
            wanted.base_model,
            samples,
            wanted.samples,
            prompt_format=adapter.prompt_format,
        )


def _make_recipe(
    runtime: Runtime,
    adapter: Adapter,
    wanted: Wanted,
    tokens: Tokens | None,
    check: Callable[[], None],
) -> Recipe | None:
    backend = runtime.backend(adapter.backend)
    if not isinstance(backend, RecipeMaker):
        return None
    return backend.make_recipe(
        wanted.base_model,
        wanted_keys.training_options(adapter),
        wanted.samples,
        tokens.count if tokens else None,
        lambda: select_samples(runtime.selection_reader(check), adapter),
    )
