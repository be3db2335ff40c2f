"""Converts a trained adapter into a row of `adapter_versions`, and back."""

from __future__ import annotations

from sqltune.backends.base import BaseModel, TrainedAdapter, TrainingOptions
from sqltune.database.tables import versions
from sqltune.records import AdapterVersion, Run


def trained_adapter(version: AdapterVersion) -> TrainedAdapter:
    """Return a stored version as the backend returned it."""
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
        ),
        rehearsal_pairs=version.rehearsal_pairs,
        warmup_share=version.warmup_share,
    )


def new_version(
    run: Run,
    trained: TrainedAdapter,
    backend: str,
    base_model: BaseModel,
    fingerprint: str,
    sample_count: int,
    train_seconds: float,
) -> versions.NewVersion:
    """Return the row of what a run trained, with the options that were actually used."""
    options = trained.options
    return versions.NewVersion(
        adapter_name=run.adapter_name,
        run_id=run.run_id,
        manifest_id=run.manifest_id or 0,
        fingerprint=fingerprint,
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
        sample_count=sample_count,
        train_seconds=round(train_seconds, 3),
        cost_usd=trained.cost_usd,
        external_id=trained.external_id,
        artifact_uri=trained.artifact_uri,
        artifact_bytes=trained.artifact_bytes,
        artifact_sha256=trained.artifact_sha256,
        is_trial=run.is_trial,
    )
