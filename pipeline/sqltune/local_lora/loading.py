"""Loads a base model, or its tokenizer alone, and translates what can go wrong on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, assert_never

import torch
from huggingface_hub.errors import HfHubHTTPError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from sqltune.errors import BackendUnavailable, PipelineError, RequestRejected
from sqltune.local_lora.base_models.converted import ConvertedModels, in_folder
from sqltune.local_lora.base_models.converting import load_gguf_tokenizer
from sqltune.local_lora.base_models.gguf_support import describe_gguf
from sqltune.local_lora.cores import usable_cores
from sqltune.local_lora.devices import choose_device
from sqltune.local_lora.hub import fetch_snapshot, quiet_hub
from sqltune.local_lora.identity import NO_LIMIT, file_revision
from sqltune.local_lora.inspecting import Inspected, check_tokens, inspect_weights
from sqltune.local_lora.loaded_model import LoadedModel, Origin
from sqltune.local_lora.precision import Precision, choose_dtype
from sqltune.local_lora.quantization import (
    Quantization,
    bitsandbytes_config,
    keep_trainable,
    require_quantization,
)
from sqltune.local_lora.sources import (
    BaseModelSource,
    Place,
    find_base_model,
    hash_file,
    hash_folder,
)

#: For a configuration that does not say how long a text may be.
UNKNOWN_MAX_LENGTH = 2048
#: Below, one thread is as fast as two on a quiet machine, and many times faster on a busy one.
_SMALL_PARAMETERS = 32_000_000
#: Torch's own choice, before anything changed it: OMP_NUM_THREADS, or the cores without a quota.
_TORCH_THREADS = min(torch.get_num_threads(), usable_cores())


def load_base_model(
    name: str,
    *,
    revision: str | None = None,
    allowed_folders: Iterable[Path | str] = (),
    allow_hub: bool = True,
    precision: Precision | str = Precision.AUTO,
    threads: int | None = None,
    device: str = "cpu",
) -> LoadedModel:
    """Return a base model by its name, ready to be asked and tuned.

    Args:
        name: the path of a folder or a GGUF file, or a name on the Hub.
        revision: branch, tag or commit on the Hub; for files what identifies them, where the caller
            has it already and it need not be computed again.
        allowed_folders: a path must lie in one of these.
        allow_hub: whether a name may be looked up on the Hub.
        precision: dtype of the weights.
        threads: as in `set_threads`, which is called for the loading thread.
        device: where the weights go, as in `SQLTUNE_DEVICE`.

    Raises:
        RequestRejected: no such base model, or not allowed, or not readable without its own code.
        BackendUnavailable: the Hub did not answer.
    """
    source = find_base_model(
        name, revision=revision, allowed_folders=allowed_folders, allow_hub=allow_hub
    )
    return load_found(
        source,
        ConvertedModels(),
        revision=revision,
        precision=precision,
        threads=threads,
        device=device,
    )


def load_found(
    source: BaseModelSource,
    converted: ConvertedModels,
    *,
    revision: str | None = None,
    precision: Precision | str = Precision.AUTO,
    threads: int | None = None,
    device: str = "cpu",
    quantization: Quantization | str = Quantization.NONE,
) -> LoadedModel:
    """Return a base model whose place is known; see `load_base_model`.

    Raises:
        ConfigError: this machine does not support the device or the quantization.
        RequestRejected: it is not readable without its own code.
        BackendUnavailable: the Hub did not answer.
        FilesNotWritten: a GGUF file was to be converted, and the cache cannot be written.
    """
    target, asked = choose_device(device), Quantization(quantization)
    require_quantization(asked, target)
    if source.place is Place.GGUF and revision is None:
        # Before it is converted: what cannot be read is refused in plain words.
        revision = _find_revision(source)
    with _translate_loading(source), quiet_hub(), _without_noise():
        files = _find_files(source, converted, revision)
        inspected, tokenizer = _inspect(files)
        network = _load_network(files, inspected, Precision(precision), target, asked)
        set_threads(network, threads)
        known = files.revision or revision or _find_revision(source)
        return LoadedModel(
            network,
            tokenizer,
            name=source.name,
            revision=known,
            max_length=_max_length(network.config, tokenizer),
            origin=_origin(source, files, known, inspected.config.dtype or torch.float32),
        )


def inspect_source(source: BaseModelSource) -> None:
    """Require that a folder is a base model that can be loaded, from its small files and headers.

    Raises:
        RequestRejected: it is none.
    """
    with _translate_loading(source), _without_noise():
        _inspect(source)


def _inspect(files: BaseModelSource) -> tuple[Inspected, Any]:
    """Return what the files describe, and their tokenizer."""
    inspected = inspect_weights(files.name, Path(files.location))
    tokenizer = _load_tokenizer(files)
    check_tokens(files.name, tokenizer, inspected.embeddings)
    return inspected, tokenizer


def _find_files(
    source: BaseModelSource, converted: ConvertedModels, revision: str | None
) -> BaseModelSource:
    """Return the folder in which transformers finds the files."""
    match source.place:
        case Place.GGUF:
            return in_folder(source, converted.make(source, revision))
        case Place.HUB:
            return fetch_snapshot(source, with_weights=True)
        case Place.FOLDER | Place.HUB_CACHE:
            return source
        case _:
            assert_never(source.place)


def _origin(
    source: BaseModelSource, files: BaseModelSource, revision: str, dtype: torch.dtype
) -> Origin:
    # A name is found on other machines too, a folder only here.
    is_named = source.place in (Place.HUB, Place.HUB_CACHE)
    location, commit = (source.name, revision) if is_named else (files.location, None)
    return Origin(location, commit, dtype)


def set_threads(network: Any, threads: int | None) -> None:
    """Choose torch's threads for what the calling thread does with a network.

    Torch keeps the number per calling thread: one that only takes over a loaded model still has
    torch's own choice.

    Args:
        network: a transformers causal LM.
        threads: how many; None: one for a small model, whose products are so short that threads
            mostly wait for each other, and torch's choice for others.
    """
    is_small = network.num_parameters() < _SMALL_PARAMETERS
    torch.set_num_threads(threads or (1 if is_small else _TORCH_THREADS))


def load_tokenizer(source: BaseModelSource) -> Any:
    """Return the tokenizer alone, which is enough to count tokens; nothing is converted for it.

    Raises:
        RequestRejected: there is none, or it cannot be read without code of its own.
    """
    if source.place is Place.GGUF:
        return load_gguf_tokenizer(Path(source.location))
    with _translate_loading(source), quiet_hub(), _without_noise():
        is_here = source.place is not Place.HUB
        return _load_tokenizer(source if is_here else fetch_snapshot(source, with_weights=False))


def _load_tokenizer(files: BaseModelSource) -> Any:
    return AutoTokenizer.from_pretrained(files.location, trust_remote_code=False)


def _find_revision(source: BaseModelSource) -> str:
    path = Path(source.location)
    if source.place is Place.GGUF:
        return file_revision(hash_file(path), describe_gguf(source.name, path))
    return hash_folder(path)


def _load_network(
    files: BaseModelSource,
    inspected: Inspected,
    precision: Precision,
    device: torch.device,
    quantization: Quantization,
) -> Any:
    dtype = choose_dtype(precision, inspected.parameters, device)
    quantized = bitsandbytes_config(quantization, dtype)
    network: Any = AutoModelForCausalLM.from_pretrained(
        files.location,
        config=inspected.config,
        dtype=dtype,
        quantization_config=quantized,
        # Quantised on the device itself: afterwards such weights cannot be moved.
        device_map={"": device} if quantized else None,
        use_safetensors=True,
        trust_remote_code=False,
    )
    # Of peft's preparation for quantised training, gradients through frozen layers need nothing
    # here, and norms compute in float32 whatever their weights are.
    keep_trainable(network)
    placed = network if quantized else network.to(device)
    return placed.eval().requires_grad_(False)


def _max_length(config: Any, tokenizer: Any) -> int:
    limits = [
        getattr(config.get_text_config(), "max_position_embeddings", None),
        tokenizer.model_max_length,
    ]
    known = [int(limit) for limit in limits if limit and 0 < limit < NO_LIMIT]
    return min(known, default=UNKNOWN_MAX_LENGTH)


@contextmanager
def _without_noise() -> Iterator[None]:
    """Keep transformers' bars and advice away from our own lines; what fails is raised anyway."""
    shown, level = (
        transformers_logging.is_progress_bar_enabled(),
        transformers_logging.get_verbosity(),
    )
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if shown:
            transformers_logging.enable_progress_bar()


@contextmanager
def _translate_loading(source: BaseModelSource) -> Iterator[None]:
    """Turn what transformers and the Hub raise into our errors."""
    try:
        yield
    except (PipelineError, MemoryError):
        raise
    except (HfHubHTTPError, ConnectionError, TimeoutError) as exc:
        status = getattr(getattr(exc, "response", None), "status_code", None)
        if status in (401, 403, 404):
            raise _unusable(source, exc) from exc
        raise BackendUnavailable(
            f"the Hugging Face Hub did not answer for base model {source.name!r}: {exc}",
            status=status,
        ) from exc
    except torch.OutOfMemoryError:
        raise
    except Exception as exc:
        # A damaged configuration may raise anything in the code of its architecture.
        raise _unusable(source, exc) from exc


def _unusable(source: BaseModelSource, exc: Exception) -> RequestRejected:
    reason = " ".join(f"{type(exc).__name__}: {exc}".split())[:300]
    return RequestRejected(
        f"base model {source.name!r} cannot be loaded: {reason}. Check the name and the revision; "
        "it must be a causal language model of transformers with safetensors and without code of "
        "its own",
        code="unknown_base_model",
    )
