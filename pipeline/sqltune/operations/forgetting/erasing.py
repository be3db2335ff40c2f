"""Forget samples: record it, remove the texts where they are, and only then the samples' own.

Until the last step the texts are in `contents`, so that a second `forget` finds what a first one
left, wherever it was ended. Each step is a short transaction that is counted in the certificate.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from sqltune.database import purging
from sqltune.database.tables import erasures, runs
from sqltune.database.tables.erasures import Certificate
from sqltune.database.tables.forgotten_hashes import ForgottenHash
from sqltune.errors import ConfigError
from sqltune.operations.forgetting.planning import ErasurePlan, plan_erasure
from sqltune.operations.forgetting.removing import Removal
from sqltune.operations.promoting import os_user
from sqltune.runtime import Runtime
from sqltune.selection.forgotten import (
    ANSWER,
    ANY_ADAPTER,
    PROMPT,
    ROW,
    TEXTS,
    ForgetKey,
    require_key,
)
from sqltune.syncing.lease import lease_adapter

_SECRET_BYTES = 32


def forget(runtime: Runtime, plan: ErasurePlan) -> str | None:
    """Remove everything that a plan names, so that none of it is trained again.

    Returns:
        The erasure_id of the certificate; None: all of it was forgotten before.

    Raises:
        ConfigError: a runner works on one of the adapters, or an unfinished run needs the rows.
        DatabaseUnavailable: another process keeps deleted texts in the file; all else is done.
    """
    with _leases(runtime, plan.adapters):
        plan = plan_erasure(runtime, plan.adapter_name, plan.keys)
        key, erasure_id = _begin(runtime, plan)
        if erasure_id is None:
            return None
        removal = Removal(runtime, plan, key, erasure_id)
        removal.remove_answers()
        removal.remove_predictions()
        removal.remove_questions()
        removal.remove_corrections()
        removal.remove_messages()
        removal.remove_files()
        removal.remove_prompts()
        removal.remove_samples()
    purging.purge_deleted(runtime.database)
    with runtime.database.transaction() as session:
        for each in {erasure_id, *plan.unfinished}:
            erasures.complete_erasure(session, each, now=runtime.now())
    return erasure_id


@contextmanager
def _leases(runtime: Runtime, adapters: Sequence[str]) -> Iterator[None]:
    """Own the leases of some adapters, none of which has an unfinished run."""
    with ExitStack() as stack:
        for name in adapters:
            lease = stack.enter_context(lease_adapter(runtime, name, threading.Event()))
            if lease is None:
                raise ConfigError(f"a runner works on {name}: repeat the command when it has ended")
            with runtime.database.read() as session:
                run = runs.find_unfinished_run(session, name)
            if run is not None:
                raise ConfigError(
                    f"run {run.run_id} of {name!r} is unfinished and may train what is to be "
                    f"forgotten: let it end, or cancel it with `sqltune cancel {run.run_id}`"
                )
        yield


def _begin(runtime: Runtime, plan: ErasurePlan) -> tuple[ForgetKey, str | None]:
    """Record what may never be trained again, before anything is removed.

    Returns:
        The key of the hashes, and the certificate: a new one, or one that broke off, where all was
        recorded before; None: nothing is left to do.
    """
    known = runtime.load_forgotten()
    with runtime.database.transaction() as session:
        key = require_key(
            session,
            runtime.settings.forget_key,
            lambda: secrets.token_bytes(_SECRET_BYTES),
            now=runtime.now(),
        )
        hashes = set(_hashes_of(plan, key)) - (known.hashes if known else frozenset())
        if not hashes:
            return key, plan.unfinished[0] if plan.unfinished else None
        certificate = Certificate(
            erasure_id=runtime.new_id(),
            adapter_name=plan.adapter_name,
            requested_by=os_user(),
            sample_count=len(plan.keys),
            samples_left=len(plan.left),
            queries_left=", ".join(plan.quoting) or None,
        )
        erasures.begin_erasure(session, certificate, hashes, plan.seen_by, now=runtime.now())
    return key, certificate.erasure_id


def _hashes_of(plan: ErasurePlan, key: ForgetKey) -> Iterator[ForgottenHash]:
    adapter = (plan.adapter_name or ANY_ADAPTER).encode()
    yield from (key.hash(ROW, adapter, sample_key.encode()) for sample_key in plan.keys)
    yield from (key.hash(TEXTS, *sample.texts) for sample in plan.samples)
    yield from (key.hash(PROMPT, *prompt.texts) for prompt in plan.prompts)
    yield from (key.hash(ANSWER, text) for text in plan.needles.texts)
