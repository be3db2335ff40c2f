"""What a sync would do, adapter by adapter, with row and token counts. Writes nothing and sends no
sample.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from sqltune.backends.base import BaseModel
from sqltune.backends.token_counts import Tokens, count_epoch_tokens
from sqltune.errors import RunInterrupted
from sqltune.planning.planner import Decision, Plan, plan_adapter
from sqltune.records import Adapter
from sqltune.runtime import Runtime
from sqltune.selection import SelectionReader, select_samples
from sqltune.syncing.worker import choose_adapters


def forecast(
    runtime: Runtime,
    names: Sequence[str],
    *,
    force: bool,
    count_tokens: bool,
    stop: threading.Event | None = None,
) -> list[dict[str, Any]]:
    """Give one row per adapter: decision, reason, rows, prompts and tokens per epoch.

    Args:
        runtime: where to read.
        names: adapters; none: all that are enabled.
        force: forecast as `sync --force` would do.
        count_tokens: ask the backend what the base model is now, and count. Without, it is not
            called: the base model is taken to be what it was in the last run.
        stop: ends the reading.
    """

    def check() -> None:
        if stop is not None and stop.is_set():
            raise RunInterrupted("stopped while planning")

    plans = [
        # Tokens are counted by the backend: who wants none of them wants no word from it at all.
        plan_adapter(runtime, adapter, force=force, check=check, asks_backend=count_tokens)
        for adapter in choose_adapters(runtime, names)
    ]
    return [_row(runtime, plan, count_tokens, check) for plan in plans]


def _row(
    runtime: Runtime, plan: Plan, count_tokens: bool, check: Callable[[], None]
) -> dict[str, Any]:
    wanted = plan.wanted
    tokens = None
    if count_tokens and wanted is not None and wanted.samples:
        tokens = _tokens(runtime, plan.adapter, wanted.base_model, wanted.samples, check)
    return {
        "adapter_name": plan.adapter.adapter_name,
        "decision": plan.decision.value,
        "reason": plan.reason,
        "samples": wanted.samples if wanted else None,
        "prompts": wanted.prompts if wanted else None,
        "tokens_per_epoch": tokens.count if tokens else None,
        "token_count": tokens.kind if tokens else None,
        "epochs": plan.adapter.epochs if plan.decision is Decision.TRAIN else None,
    }


def _tokens(
    runtime: Runtime,
    adapter: Adapter,
    base_model: BaseModel,
    rows: int,
    check: Callable[[], None],
) -> Tokens | None:
    limit = runtime.settings.selection_timeout_seconds
    reader = SelectionReader(runtime.selection_database, check, limit)
    selected = select_samples(reader, adapter)
    # Closed here: the rows after the last one that counts keep a connection open.
    with closing(selected) as samples:
        return count_epoch_tokens(runtime.backend(adapter.backend), base_model, samples, rows)
