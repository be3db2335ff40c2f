"""Where models are: a graphics processor where there is one, else the processor."""

from __future__ import annotations

import os
from enum import StrEnum

import torch

from sqltune.errors import ConfigError


class Device(StrEnum):
    """The setting `SQLTUNE_DEVICE`."""

    #: CUDA where a GPU is found, else Apple's Metal, else the processor.
    AUTO = "auto"
    CUDA = "cuda"
    MPS = "mps"
    CPU = "cpu"


def choose_device(asked: Device | str) -> torch.device:
    """Return the device to use.

    Raises:
        ConfigError: one is asked for that this machine, or this build of torch, does not have.
    """
    found = {
        Device.CUDA: torch.cuda.is_available(),
        Device.MPS: torch.backends.mps.is_available(),
        Device.CPU: True,
    }
    device = Device(asked)
    if device is Device.AUTO:
        device = next(each for each, is_there in found.items() if is_there)
    if not found[device]:
        raise ConfigError(
            f"SQLTUNE_DEVICE is {device.value!r}, and torch {torch.__version__} finds no such "
            "device here: install torch's build for it, or set 'auto' or 'cpu'"
        )
    if device is Device.CUDA:
        # Read when cuBLAS is first used, and then the same size that it has on recent GPUs anyway;
        # without it torch does not promise that equal trainings give equal weights.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device(device.value)
