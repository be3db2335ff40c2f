"""The state that an adapter should be in, by its row and the rows that its queries select."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqltune import wanted_keys
from sqltune.backends.base import BaseModel
from sqltune.backends.describing import describe_base_model
from sqltune.backends.quantizing import require_quantization
from sqltune.planning.adapter_rules import check_adapter
from sqltune.planning.contract import require_columns
from sqltune.records import Adapter, Run, SelectionName
from sqltune.runtime import Runtime
from sqltune.selection import (
    SampleScan,
    join_names,
    require_stable,
    scan_prompts,
    scan_samples,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The wanted keys and what they were computed from."""

    base_model: BaseModel
    fingerprint: str
    eval_fingerprint: str
    samples: int
    prompts: int
    training_key: str
    evaluation_key: str
    validation: int = 0  #: samples that are never trained, not counted in `samples`
    held_out: Mapping[str, int] = field(default_factory=dict)  #: further rows, by their split
    training_columns: str | None = None  #: optional columns in use; None: not selected now
    eval_columns: str | None = None  #: the same of the evaluation selection


def find_wanted(
    runtime: Runtime,
    adapter: Adapter,
    check: Callable[[], None],
    base_model: BaseModel | None = None,
    scan: SampleScan | None = None,
) -> Wanted:
    """Read the adapter's selections and return the keys that its row asks for.

    Args:
        runtime: where to read.
        adapter: its row.
        check: called while a service or rows are waited for; what it raises passes through.
        base_model: the base model to assume; None asks the backend.
        scan: of samples that were selected earlier; None reads the adapter's selection.

    Raises:
        ConfigError: a column of the row, or a setting, is wrong.
        DataError: a query is refused, does not run, or lacks a column that the last run used.
        BackendError: the backend does not have the base model.
    """
    check_adapter(adapter)
    backend = runtime.backend(adapter.backend)
    if base_model is None:
        name, revision = adapter.base_model, adapter.base_model_revision
        base_model = describe_base_model(backend, name, revision, check)
        require_quantization(backend, adapter.quantization)
    reader = runtime.selection_reader(check)
    scan = scan or scan_samples(reader, adapter)
    training = scan.fingerprint
    prompts = scan_prompts(reader, adapter)
    require_columns(runtime, adapter, training=scan.columns, evaluation=prompts.columns)
    return Wanted(
        base_model=base_model,
        fingerprint=training.text,
        eval_fingerprint=prompts.fingerprint.text,
        samples=training.row_count - scan.validation_count,
        prompts=prompts.fingerprint.row_count,
        training_key=wanted_keys.training_key(adapter, base_model, training.text),
        evaluation_key=wanted_keys.evaluation_key(adapter, prompts.fingerprint.text),
        validation=scan.validation_count,
        held_out=scan.held_out,
        training_columns=join_names(scan.columns.used) if scan.columns else None,
        eval_columns=join_names(prompts.columns.used),
    )


def require_stable_queries(
    runtime: Runtime,
    adapter: Adapter,
    wanted: Wanted,
    last: Run | None,
    check: Callable[[], None],
    *,
    read_again: str | None = None,
) -> None:
    """Refuse a query that returns other rows each time; what equals the last run's is not read.

    Args:
        runtime: where to read.
        adapter: its row.
        wanted: what was read.
        last: the adapter's last run; None: there was none.
        check: called while rows are read; what it raises passes through.
        read_again: the fingerprint of another reading of the samples; None: they were read once.

    Raises:
        DataError: names the query and the cure.
    """
    reader = runtime.selection_reader(check)
    known = (read_again, None if last is None else last.fingerprint)
    if wanted.fingerprint not in known:
        require_stable(reader, adapter, SelectionName.TRAINING, wanted.fingerprint)
    if last is None or last.eval_fingerprint != wanted.eval_fingerprint:
        require_stable(reader, adapter, SelectionName.EVALUATION, wanted.eval_fingerprint)


def assume_base_model(adapter: Adapter, last: Run | None) -> BaseModel:
    """Return the base model as the last run recorded it, without asking the backend."""
    name, revision = adapter.base_model, adapter.base_model_revision
    if last is not None and (last.backend, last.base_model) == (adapter.backend, name):
        revision = revision or last.base_model_revision
    return BaseModel(name=name, revision=revision, max_tokens=None, is_simulated=False)
