"""The two stages of a run that ask, before and after the training; each version at its own home."""

from __future__ import annotations

from sqltune import wanted_keys
from sqltune.backends.base import Backend, BaseModel
from sqltune.errors import BackendError, ConfigError, PipelineError
from sqltune.evaluation.phase import answer_phase
from sqltune.evaluation.scoring import plan_scoring
from sqltune.records import AdapterVersion, Phase, Run
from sqltune.run.versions import trained_adapter
from sqltune.run.work import Work, add_event, find_version

#: Codes of a backend that has lost an adapter.
_WEIGHTS_GONE = frozenset({"artifact_not_found"})


def answer_before(work: Work, run: Run) -> None:
    """Ask the base model, and the version that was live when the run began."""
    _answer(work, Phase.BASE, None)
    if run.before_version is None:
        return
    version = find_version(work, run.before_version)
    try:
        _answer(work, Phase.BEFORE, version)
    except (BackendError, ConfigError) as error:
        if not _is_gone(work, run, version, error):
            raise
        # Else nothing could ever take the place of a version whose weights were lost.
        message = f"v{run.before_version} answers only what it was asked before: {error}"
        with work.runtime.database.transaction(work.claim) as session:
            add_event(work, session, "before_not_answered", message)
        work.runtime.reporter.say(f"  {message}")


def answer_after(work: Work, run: Run) -> None:
    """Ask the new version the same prompts under the same settings."""
    _answer(work, Phase.AFTER, find_version(work, run.version_number))


def _is_gone(work: Work, run: Run, version: AdapterVersion, error: PipelineError) -> bool:
    """Whether the version before can be asked no more, whatever a person does to this run."""
    if error.code in _WEIGHTS_GONE:
        return True
    # Another backend than the run's own may be closed, or not allowed any more. What may pass is
    # tried again first: without the version before, a worse one could go live.
    is_last = run.failure_count + 1 >= work.runtime.settings.max_attempts
    return version.backend != work.adapter.backend and (is_last or not error.retryable)


def _home_of(work: Work, version: AdapterVersion) -> tuple[Backend, BaseModel]:
    """Give the backend and the base model that a version was trained on."""
    base = work.base_model
    if version.backend == work.adapter.backend and version.base_model == base.name:
        return work.backend, base
    backend = work.runtime.backend(version.backend)
    return backend, backend.describe(version.base_model, version.base_model_revision)


def _answer(work: Work, phase: Phase, version: AdapterVersion | None) -> None:
    runtime = work.runtime
    total = work.run().prompts_selected
    backend, base_model = (
        (work.backend, work.base_model) if version is None else _home_of(work, version)
    )
    backend_name = work.adapter.backend if version is None else version.backend
    adapter = None if version is None else trained_adapter(version)
    result = answer_phase(
        runtime.database,
        work.claim,
        work.run_id,
        phase,
        backend,
        base_model,
        adapter,
        work.decoding,
        wanted_keys.model_key(base_model, backend_name, adapter),
        wanted_keys.decoding_key(work.decoding),
        check=work.check,
        now=runtime.now,
        on_progress=lambda done: runtime.reporter.progress(
            f"answering ({phase.value})", done, total
        ),
        scoring=plan_scoring(work.adapter),
    )
    runtime.reporter.finish()
    if result.errors:
        runtime.reporter.say(
            f"  {result.errors:,} answers ({phase.value}) are errors: "
            f"sqltune retry {work.run_id} --failed"
        )
