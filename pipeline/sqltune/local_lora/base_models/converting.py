"""Makes a folder that transformers loads of a GGUF file: bf16 safetensors and the tokenizer."""

from __future__ import annotations

import errno
import io
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from sqltune.errors import RequestRejected
from sqltune.local_lora.base_models.gguf_header import read_header

_LINK = "model.gguf"


def convert_gguf(path: Path, folder: Path) -> None:
    """Write the model of a GGUF file into an existing folder.

    Raises:
        RequestRejected: transformers cannot read it.
        OSError: the folder cannot be written.
    """
    with alone(path) as place, without_noise(), _translate_reading(path):
        network = _read_network(place, path)
        tokenizer = read_gguf_tokenizer(place)
    save_model(network, tokenizer, folder)


def save_model(network: Any, tokenizer: Any, folder: Path) -> None:
    """Write a model in transformers' own form into an existing folder.

    Raises:
        OSError: the folder cannot be written.
    """
    with without_noise(), _translate_safetensors():
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    for weights in folder.glob("*.safetensors"):
        # safetensors lets nobody but the writer read them.
        shutil.copymode(folder / "config.json", weights)


def load_gguf_tokenizer(path: Path) -> Any:
    """Return the tokenizer of a GGUF file without reading its weights.

    Raises:
        RequestRejected: transformers cannot read it.
    """
    with alone(path) as place, without_noise(), _translate_reading(path):
        return read_gguf_tokenizer(place)


def read_gguf_tokenizer(place: Path) -> Any:
    """Return the tokenizer of the GGUF file that is alone in a folder."""
    kind = read_header(place / _LINK).metadata.get("tokenizer.ggml.model")
    # For byte-level BPE, AutoTokenizer makes the same tokenizer, but reads the whole file first for
    # the model's configuration: 9 s for SmolLM2 in place of 0.5 s.
    maker: Any = PreTrainedTokenizerFast if kind == "gpt2" else AutoTokenizer
    return maker.from_pretrained(str(place), gguf_file=_LINK)


def _read_network(place: Path, path: Path) -> Any:
    loader: Any = AutoModelForCausalLM
    network, report = loader.from_pretrained(
        str(place),
        gguf_file=_LINK,
        dtype=torch.bfloat16,
        trust_remote_code=False,
        output_loading_info=True,
        **_unpacked(),
    )
    missing = sorted(report["missing_keys"])
    if missing:
        # transformers fills them with random numbers, and only warns.
        raise _unreadable(path, f"it lacks {len(missing)} tensors, for instance {missing[0]}")
    # It would say that the weights are packed still.
    network.config.__dict__.pop("quantization_config", None)
    return network


def _unpacked() -> dict[str, Any]:
    """Return the option to unpack the weights, which older releases of transformers always do."""
    config = getattr(transformers, "GgufConfig", None)
    return {} if config is None else {"quantization_config": config(_LINK, dequantize=True)}


@contextmanager
def alone(path: Path) -> Iterator[Path]:
    """Yield a folder with nothing in it but the file: transformers reads what lies beside it."""
    with tempfile.TemporaryDirectory(prefix="sqltune-") as folder:
        place = Path(folder)
        (place / _LINK).symlink_to(path.resolve())
        yield place


@contextmanager
def without_noise() -> Iterator[None]:
    """Keep bars and warnings of the libraries away from our own lines."""
    level, has_bars = (
        transformers_logging.get_verbosity(),
        transformers_logging.is_progress_bar_enabled(),
    )
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        # One bar comes from tqdm itself, which only its stream can silence.
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        transformers_logging.set_verbosity(level)
        if has_bars:
            transformers_logging.enable_progress_bar()


@contextmanager
def _translate_reading(path: Path) -> Iterator[None]:
    """Turn whatever transformers and gguf raise for a file into our error."""
    try:
        yield
    except (RequestRejected, MemoryError):
        raise
    except Exception as exc:
        reason = " ".join(f"{type(exc).__name__}: {exc}".split())[:300]
        raise _unreadable(path, reason) from exc


@contextmanager
def _translate_safetensors() -> Iterator[None]:
    """Raise OSError for what safetensors reports of the system in words."""
    try:
        yield
    except SafetensorError as exc:
        number = re.search(r"os error (\d+)", str(exc))
        raise OSError(int(number[1]) if number else errno.EIO, str(exc)) from exc


def _unreadable(path: Path, reason: str) -> RequestRejected:
    return RequestRejected(
        f"{path.name} cannot be read as a base model by transformers "
        f"{transformers.__version__}: {reason}; use another file, or the model's safetensors",
        code="base_model_unreadable",
    )
