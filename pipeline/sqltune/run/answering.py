"""The two states of a run in which prompts are asked, before and after the training.

Each version is asked at the backend that trained it.
"""

from __future__ import annotations

from sqltune import wanted_keys
from sqltune.backends.base import Backend, BaseModel
from sqltune.backends.describing import describe_base_model
from sqltune.backends.variation import explain_variation
from sqltune.errors import BackendError, ConfigError, DataError, PipelineError, VersionRetired
from sqltune.evaluation import AnsweringModel, answer_phase, plan_scoring
from sqltune.records import AdapterVersion, Phase, Run, RunKind
from sqltune.run.versions import trained_adapter
from sqltune.run.work import Work, add_event, get_version

#: Code of an error about an adapter that was lost.
_LOST = "artifact_not_found"


def answer_before(work: Work, run: Run) -> None:
    """Ask the base model, and the version that was live when the run began."""
    _answer(work, run, Phase.BASE, None)
    if run.before_version is None:
        return
    version = get_version(work, run.before_version)
    try:
        _answer(work, run, Phase.BEFORE, version)
    except (BackendError, ConfigError) as error:
        if not _is_gone(work, run, version, error):
            raise
        # Otherwise a version whose weights were lost could never be replaced.
        message = (
            f"v{run.before_version} cannot be asked, so its earlier answers count, or the base "
            f"model's in place of all where one is missing: {error}"
        )
        with work.scope.transaction() as session:
            add_event(work, session, "before_not_answered", message)
        work.say(message)


def answer_after(work: Work, run: Run) -> None:
    """Ask the version the same prompts with the same settings.

    Raises:
        DataError: its weights are lost.
        VersionRetired: its weights were removed on purpose.
    """
    version = get_version(work, run.version_number)
    try:
        asked = _answer(work, run, Phase.AFTER, version)
    except BackendError as error:
        if error.code != _LOST:
            raise
        raise DataError(
            f"the weights of version {version.version_number} of {version.adapter_name!r} are "
            f"gone: {error}; put them back, or train its samples again: a row of runs with "
            f"manifest_id {version.manifest_id} asks for that",
            code=error.code,
        ) from error
    reason = explain_variation(asked.backend, asked.base_model, asked.adapter, asked.decoding)
    if reason is not None:
        with work.scope.transaction() as session:
            add_event(work, session, "answers_may_vary", reason)


def _is_gone(work: Work, run: Run, version: AdapterVersion, error: PipelineError) -> bool:
    """Whether the version before can no longer be asked, whatever is done about this run."""
    if error.code in (_LOST, VersionRetired.code):
        return True
    # A backend other than the run's own may be closed or no longer allowed. What may be temporary
    # is retried first: without the version before, a worse one could go live.
    is_last = run.failure_count + 1 >= work.runtime.settings.max_attempts
    return version.backend != work.adapter.backend and (is_last or not error.retryable)


def _answer(work: Work, run: Run, phase: Phase, version: AdapterVersion | None) -> AnsweringModel:
    """Ask a version, or the base model, the prompts that are not answered yet in this phase."""
    model = answering_model(work, version)
    reporter, total = work.runtime.reporter, run.prompts_selected
    reporter.progress(f"answering ({phase.value})", 0, total)
    result = answer_phase(
        work.scope,
        phase,
        model,
        on_progress=lambda done: reporter.progress(f"answering ({phase.value})", done, total),
        scoring=plan_scoring(work.adapter),
        reuses=_takes_known_answers(run, phase),
    )
    reporter.finish()
    if result.errors:
        work.say(
            f"{result.errors:,} answers ({phase.value}) are errors: "
            f"sqltune retry {run.run_id} --failed"
        )
    return model


def _takes_known_answers(run: Run, phase: Phase) -> bool:
    """Whether answers of other runs are taken, which say how a model answered at that time."""
    if run.run_kind is RunKind.REEVALUATE:
        return phase is Phase.BASE and run.before_version is not None
    return run.run_kind is RunKind.TRAIN or not run.is_forced


def answering_model(work: Work, version: AdapterVersion | None) -> AnsweringModel:
    """Return a version, or the base model, as it is asked in this run.

    Raises:
        VersionRetired: its weights were removed on purpose.
        BackendError, ConfigError: its backend does not have it.
    """
    if version is None:
        backend_name, backend, base_model = work.adapter.backend, work.backend, work.base_model
        adapter = None
    else:
        backend_name, adapter = version.backend, trained_adapter(version)
        backend, base_model = _backend_of(work, version)
    forgotten = work.runtime.load_forgotten()
    return AnsweringModel(
        backend=backend,
        base_model=base_model,
        adapter=adapter,
        decoding=work.decoding,
        model_key=wanted_keys.model_key(base_model, backend_name, adapter),
        decoding_key=wanted_keys.decoding_key(work.decoding),
        is_forgotten=forgotten.holds_answer if forgotten else lambda text: False,
    )


def _backend_of(work: Work, version: AdapterVersion) -> tuple[Backend, BaseModel]:
    """Return the backend and the base model that a version was trained on."""
    base = work.base_model
    if version.backend == work.adapter.backend and version.base_model == base.name:
        return work.backend, base
    backend = work.runtime.backend(version.backend)
    name, revision = version.base_model, version.base_model_revision
    return backend, describe_base_model(backend, name, revision, work.scope.check)
