"""Converts a trained adapter into a row of `adapter_versions`, and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from sqltune.backends.base import BaseModel, TrainedAdapter, TrainingOptions
from sqltune.database.tables import versions
from sqltune.errors import VersionRetired
from sqltune.records import AdapterVersion, KeptEpoch, Run


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """The samples of a training."""

    fingerprint: str  #: of the manifest
    sample_count: int  #: those that were trained
    validation_count: int  #: those whose loss was measured


def trained_adapter(version: AdapterVersion) -> TrainedAdapter:
    """Return a stored version as the backend returned it, to be asked or merged.

    Raises:
        VersionRetired: its weights were removed on purpose.
    """
    if version.is_retired:
        raise VersionRetired(
            f"version {version.version_number} of {version.adapter_name!r} is retired, so its "
            "weights are gone: choose another version (report_adapter_versions), or train again "
            "with `sqltune sync --force`"
        )
    return stored_adapter(version)


def stored_adapter(version: AdapterVersion) -> TrainedAdapter:
    """Return a version as the backend stored it, whether or not its weights are kept."""
    return TrainedAdapter(
        external_id=version.external_id,
        artifact_uri=version.artifact_uri,
        artifact_bytes=version.artifact_bytes,
        artifact_sha256=version.artifact_sha256,
        options=TrainingOptions(
            epochs=version.epochs,
            learning_rate=version.learning_rate,
            lora_rank=version.lora_rank,
            lora_alpha=version.lora_alpha,
            batch_size=version.batch_size,
            rehearsal=version.rehearsal,
            seed=version.seed,
            prompt_format=version.prompt_format,
            quantization=version.quantization,
        ),
        rehearsal_pairs=version.rehearsal_pairs,
        warmup_share=version.warmup_share,
    )


def epoch_adapter(trained: TrainedAdapter, kept: KeptEpoch) -> TrainedAdapter:
    """Return the adapter that a training kept after an epoch, from the one that it returned."""
    return replace(
        trained,
        external_id=kept.external_id,
        artifact_uri=kept.artifact_uri,
        artifact_bytes=kept.artifact_bytes,
        artifact_sha256=kept.artifact_sha256,
        best_epoch=kept.epoch,
        eval_loss=kept.eval_loss,
    )


def kept_rows(run: Run, trained: TrainedAdapter, backend: str) -> list[KeptEpoch]:
    """Return the rows of the epochs that a training kept."""
    return [
        KeptEpoch(
            run_id=run.run_id,
            adapter_name=run.adapter_name,
            backend=backend,
            **asdict(weights),
        )
        for weights in trained.kept_epochs
    ]


def new_version(
    run: Run,
    trained: TrainedAdapter,
    backend: str,
    base_model: BaseModel,
    trained_on: TrainedOn,
    train_seconds: float,
) -> versions.NewVersion:
    """Return the row of what a run trained, with the options that were actually used."""
    options = trained.options
    return versions.NewVersion(
        adapter_name=run.adapter_name,
        run_id=run.run_id,
        manifest_id=run.manifest_id or 0,
        fingerprint=trained_on.fingerprint,
        training_key=run.training_key or "",
        backend=backend,
        base_model=base_model.name,
        base_model_revision=base_model.revision,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        lora_rank=options.lora_rank,
        lora_alpha=options.lora_alpha,
        batch_size=options.batch_size,
        warmup_share=trained.warmup_share,
        rehearsal=options.rehearsal,
        rehearsal_pairs=trained.rehearsal_pairs,
        seed=options.seed,
        prompt_format=options.prompt_format,
        quantization=options.quantization,
        sample_count=trained_on.sample_count,
        validation_count=trained_on.validation_count,
        best_epoch=trained.best_epoch,
        eval_loss=trained.eval_loss,
        train_seconds=round(train_seconds, 3),
        cost_usd=trained.cost_usd,
        external_id=trained.external_id,
        artifact_uri=trained.artifact_uri,
        artifact_bytes=trained.artifact_bytes,
        artifact_sha256=trained.artifact_sha256,
        is_trial=run.is_trial,
    )
