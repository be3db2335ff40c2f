"""The number format of weights and activations: bf16 where the processor is fast at it."""

from __future__ import annotations

from enum import StrEnum

import torch

#: Below this a model is bound by calls, not by products: float32 costs little, and an answer does
#: not depend on the prompts beside it.
SMALL_MODEL_PARAMETERS = 32_000_000


class Precision(StrEnum):
    """The dtype of the base model's weights; LoRA matrices are trained in float32 in any case."""

    #: bf16 for a large model on a processor that multiplies bf16 in hardware, else float32.
    AUTO = "auto"
    #: Always float32.
    FLOAT32 = "float32"
    #: Always bfloat16.
    BFLOAT16 = "bfloat16"


def choose_dtype(precision: Precision, parameters: int, device: torch.device) -> torch.dtype:
    """Return the dtype for a model of this many parameters."""
    if precision is Precision.FLOAT32:
        return torch.float32
    if precision is Precision.BFLOAT16:
        return torch.bfloat16
    fast = parameters >= SMALL_MODEL_PARAMETERS and multiplies_bfloat16(device)
    return torch.bfloat16 if fast else torch.float32


def multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether the device multiplies bf16 in hardware (processors: AVX512_BF16 or AMX).

    The processor is asked and never timed, so that the same machine always trains the same weights.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def explain_rounding(dtype: torch.dtype) -> str | None:
    """Return why an answer may depend on the prompts of its batch; None for float32."""
    if dtype is torch.float32:
        return None
    name = str(dtype).removeprefix("torch.")
    return (
        f"the base model computes in {name}, so that where two next words are about equally "
        "likely an answer may depend on the prompts that are answered beside it"
    )
