"""Base models whose weights take a half or a quarter of the memory, through bitsandbytes.

Only the base model's linear layers are quantised; the adapter is trained in float32 as ever (QLoRA,
https://arxiv.org/abs/2305.14314). bitsandbytes names the machines that it supports in its README:
processors with AVX2, Apple's Metal, and CUDA from compute capability 6.0.
"""

from __future__ import annotations

import platform
from enum import StrEnum
from importlib.util import find_spec
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from sqltune.errors import ConfigError

_LEAST_CAPABILITY = (6, 0)
_FAST_PROCESSORS = ("AVX2", "AVX512")


class Quantization(StrEnum):
    """The column `quantization`."""

    #: The weights in the number format that `precision` chooses.
    NONE = "none"
    #: LLM.int8(): one byte per weight.
    INT8 = "int8"
    #: Four bits per weight, with quantised scales.
    NF4 = "nf4"


def require_quantization(asked: Quantization, device: torch.device) -> None:
    """Refuse a quantisation that this machine does not support.

    Raises:
        ConfigError: bitsandbytes is not installed, or does not run on this device.
    """
    if asked is Quantization.NONE:
        return
    missing = [name for name in ("bitsandbytes", "accelerate") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"adapters.quantization is {asked.value!r}, which needs {' and '.join(missing)}: "
            "pip install '.[local,gpu]' in a clone, or set 'none'"
        )
    reason = _find_obstacle(device)
    if reason is not None:
        raise ConfigError(
            f"adapters.quantization is {asked.value!r}, and {reason}: set 'none', or use another "
            "machine"
        )


def bitsandbytes_config(asked: Quantization, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    """Return what transformers needs to quantise a model while it loads it; None: nothing.

    Args:
        asked: the quantisation.
        dtype: in which products are computed.
    """
    if asked is Quantization.NONE:
        return None
    if asked is Quantization.INT8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def keep_trainable(network: Any) -> None:
    """Keep a quantised network as it is on a processor, so that it is asked and trained in turn.

    Some processors answer faster from weights in another order, into which bitsandbytes puts them
    on first use; it does not train from that order, nor accept every width.
    """
    for module in network.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def quantization_of(network: Any) -> Quantization:
    """Return how a loaded network's weights are quantised by bitsandbytes."""
    if getattr(network, "is_loaded_in_8bit", False):
        return Quantization.INT8
    is_4bit = getattr(network, "is_loaded_in_4bit", False)
    return Quantization.NF4 if is_4bit else Quantization.NONE


def _find_obstacle(device: torch.device) -> str | None:
    """Return why bitsandbytes does not run on a device; None: it does."""
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < _LEAST_CAPABILITY:
        return "this GPU is older than compute capability 6.0, the least that bitsandbytes needs"
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    capability = torch.backends.cpu.get_cpu_capability()
    if device.type == "cpu" and is_x86 and capability not in _FAST_PROCESSORS:
        return "this processor has no AVX2, the least that bitsandbytes needs"
    return None
