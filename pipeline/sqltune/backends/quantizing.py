"""Whether a machine can keep a base model's weights quantised, said before anything is sent.

A backend implements `Quantizing` if it loads base models; backends that do not are refused by the
rules of options.py.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sqltune.backends.base import Backend


@runtime_checkable
class Quantizing(Protocol):
    """Loads base models on this machine."""

    def require_quantization(self, quantization: str) -> None:
        """Refuse what this machine does not support.

        Raises:
            ConfigError: a package is missing, or the device is not supported.
        """
        ...


def require_quantization(backend: Backend, quantization: str) -> None:
    """Refuse a quantisation that a backend does not support on this machine.

    Raises:
        ConfigError: says what is missing and what to do.
    """
    if isinstance(backend, Quantizing):
        backend.require_quantization(quantization)
