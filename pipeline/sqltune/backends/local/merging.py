"""Base model and adapter as one model: loaded for adding them exactly, written in either form."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from sqltune.backends.merging import MergedForm
from sqltune.local_lora.base_models.converted import ConvertedModels
from sqltune.local_lora.gguf_writing import require_gguf_source, write_gguf
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_found
from sqltune.local_lora.merging import write_merged
from sqltune.local_lora.precision import Precision
from sqltune.local_lora.sources import BaseModelSource


def require_form(form: MergedForm, source: BaseModelSource) -> None:
    """Require that what is merged with this base model can be written in a form.

    Raises:
        RequestRejected: it cannot be written as GGUF.
    """
    if form is MergedForm.GGUF:
        require_gguf_source(source)


def load_for_merging(
    source: BaseModelSource, converted: ConvertedModels, revision: str | None, threads: int | None
) -> LoadedModel:
    """Return the base model in float32 and, whatever a row says, not quantised."""
    return load_found(
        source, converted, revision=revision, precision=Precision.FLOAT32, threads=threads
    )


def write_form(
    form: MergedForm, base: LoadedModel, adapter: str, source: BaseModelSource, target: Path
) -> None:
    """Write the merged model to a folder or a file.

    Raises:
        RequestRejected: it cannot be written as GGUF.
        FilesNotWritten: the target cannot be written, for instance because the disk is full.
    """
    match form:
        case MergedForm.FOLDER:
            write_merged(base, adapter, target, base.origin.dtype)
        case MergedForm.GGUF:
            write_gguf(base, adapter, Path(source.location), target)
        case _:
            assert_never(form)
