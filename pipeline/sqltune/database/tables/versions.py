"""Adapter versions: what finished trainings produced."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqltune.database.connection import Session
from sqltune.database.times import format_time
from sqltune.records import AdapterVersion, KeptEpoch

#: The final loss is the mean over the last tenth of the steps: a single step varies too much.
_FINAL_SHARE = 10


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a finished training produced, as it is stored."""

    adapter_name: str
    run_id: int
    manifest_id: int
    fingerprint: str
    training_key: str
    backend: str
    base_model: str
    base_model_revision: str | None
    epochs: int
    learning_rate: float | None
    lora_rank: int | None
    lora_alpha: int | None
    batch_size: int | None
    warmup_share: float | None
    rehearsal: str
    rehearsal_pairs: int
    seed: int
    prompt_format: str
    quantization: str
    sample_count: int
    train_seconds: float
    cost_usd: float | None
    external_id: str | None
    artifact_uri: str | None
    artifact_bytes: int | None
    artifact_sha256: str | None
    is_trial: bool  #: it does not count as the adapter's latest
    validation_count: int = 0
    best_epoch: int | None = None  #: None: the last one
    eval_loss: float | None = None  #: None: no samples are for validation


def insert_version(session: Session, version: NewVersion, *, now: datetime) -> int:
    """Write the next version of the adapter and return its number."""
    row = session.fetch_one("get_last_version_number", adapter_name=version.adapter_name)
    number = int(row.last_number if row else 0) + 1
    names = set(version.__dataclass_fields__) - {"is_trial"}
    values = {name: getattr(version, name) for name in names}
    if not version.is_trial:
        session.execute("clear_latest_version", adapter_name=version.adapter_name)
    session.execute(
        "insert_version",
        **values,
        **_training_summary(session, version.run_id),
        version_number=number,
        is_latest=int(not version.is_trial),
        adapter_label=f"{version.adapter_name} v{number}",
        now=format_time(now),
    )
    return number


def get_version(session: Session, adapter_name: str, version_number: int) -> AdapterVersion | None:
    """Return one version; None if there is none with this number."""
    row = session.fetch_one("get_version", adapter_name=adapter_name, version_number=version_number)
    return _version(row) if row is not None else None


def get_latest_version(session: Session, adapter_name: str) -> AdapterVersion | None:
    """Return the version that was trained last; None if nothing was trained yet."""
    row = session.fetch_one("get_latest_version", adapter_name=adapter_name)
    return _version(row) if row is not None else None


def list_versions(session: Session) -> list[AdapterVersion]:
    """Return all versions of all adapters."""
    return [_version(row) for row in session.fetch_all("list_versions")]


def retire_version(
    session: Session, adapter_name: str, version_number: int, *, now: datetime
) -> None:
    """Record that the weights of a version are removed; the first time counts."""
    session.execute(
        "retire_version",
        adapter_name=adapter_name,
        version_number=version_number,
        now=format_time(now),
    )


def insert_kept_epoch(session: Session, kept: KeptEpoch, *, now: datetime) -> None:
    """Write that the weights after an epoch are stored."""
    session.execute("insert_kept_epoch", **asdict(kept), now=format_time(now))


def get_kept_epoch(session: Session, run_id: int, epoch: int) -> KeptEpoch | None:
    """Return the weights that a run kept after an epoch; None if there are none."""
    row = session.fetch_one("get_kept_epoch", run_id=run_id, epoch=epoch)
    return _kept_epoch(row) if row is not None else None


def list_kept_epochs(session: Session) -> list[KeptEpoch]:
    """Return the kept epochs of all runs."""
    return [_kept_epoch(row) for row in session.fetch_all("list_kept_epochs")]


def list_kept_epochs_of_run(session: Session, run_id: int) -> list[KeptEpoch]:
    """Return the kept epochs of one run, in order."""
    rows = session.fetch_all("list_kept_epochs_of_run", run_id=run_id)
    return [_kept_epoch(row) for row in rows]


def delete_kept_epoch(session: Session, run_id: int, epoch: int) -> None:
    """Delete the row of a kept epoch whose weights are removed."""
    session.execute("delete_kept_epoch", run_id=run_id, epoch=epoch)


def _training_summary(session: Session, run_id: int) -> dict[str, Any]:
    row = session.fetch_one("get_training_summary", run_id=run_id)
    if row is None or not row.steps:
        return {"steps": None, "tokens_processed": None, "final_train_loss": None}
    tail = max(1, row.steps // _FINAL_SHARE)
    loss = session.fetch_one("get_mean_loss_from", run_id=run_id, step=row.last_step - tail + 1)
    return {
        "steps": row.steps,
        "tokens_processed": int(row.tokens),
        "final_train_loss": loss.train_loss if loss else None,
    }


def _kept_epoch(row: Any) -> KeptEpoch:
    return KeptEpoch(**{name: getattr(row, name) for name in KeptEpoch.__dataclass_fields__})


def _version(row: Any) -> AdapterVersion:
    names = set(AdapterVersion.__dataclass_fields__) - {"is_retired"}
    values = {name: getattr(row, name) for name in names}
    return AdapterVersion(**values, is_retired=row.retired_at is not None)
