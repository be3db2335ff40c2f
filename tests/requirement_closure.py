"""Which distributions a list of requirements comes to, by the metadata of what is installed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(wanted: Iterable[Requirement], python: str) -> set[str]:
    """Names of all distributions that these need on a Python such as "3.12".

    What is not installed is left out, for instance PyTorch's CUDA libraries where there is no GPU.
    """
    done: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(r.name), extra) for r in wanted for extra in {"", *r.extras}]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in done or not is_installed(name):
            continue
        done.add((name, extra))
        markers = {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
        for requirement in map(Requirement, requires(name) or []):
            if requirement.marker is None or requirement.marker.evaluate(markers):
                found = canonicalize_name(requirement.name)
                waiting += [(found, sub) for sub in {"", *requirement.extras}]
    return {name for name, _ in done}


def is_installed(name: str) -> bool:
    """Whether this environment has the distribution."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
