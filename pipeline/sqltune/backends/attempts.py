"""Names of files that contain the key of the run and the attempt that writes them.

An attempt is one claim of the adapter. Each attempt writes only under names of its own, so one that
lost its lease while it was stalled cannot touch what its successor writes.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: The form of a run key: the name of the machine, and a unique part.
_RUN_KEY = re.compile(r"[^\s/]{0,31}-[0-9a-f]{32}")
_NAME = re.compile(r"(?P<run_key>.+?)(\.epoch-(?P<epoch>\d+))?\.attempt-(?P<attempt>\d+)")


@dataclass(frozen=True, slots=True)
class AttemptPath:
    """A file or folder that an attempt of a run wrote."""

    path: Path
    attempt: int  #: 0: the name contains none
    epoch: int | None = None  #: of weights that were kept after an epoch


def attempt_name(run_key: str, attempt: int, epoch: int | None = None) -> str:
    """Return the name under which one attempt of a run writes, or what it keeps after an epoch."""
    kept = "" if epoch is None else f".epoch-{epoch}"
    return f"{run_key}{kept}.attempt-{attempt}"


def read_name(name: str) -> tuple[str, int]:
    """Return the run key and the attempt in a name; attempt 0: the name contains none."""
    run_key, _, attempt = _parse(name)
    return run_key, attempt


def is_run_key(text: str) -> bool:
    """Whether a text has the form of a run key, of this database or of another one."""
    return _RUN_KEY.fullmatch(text) is not None


def find_attempts(
    folder: Path, run_key: str, *, up_to: int, suffix: str = ""
) -> Iterator[AttemptPath]:
    """Yield what the attempts of a run left in a folder, the latest first, kept epochs left out.

    Args:
        folder: the folder to search.
        run_key: the run.
        up_to: the caller's own attempt; files of later attempts are left out.
        suffix: the end of the file names.
    """
    found = _find(folder, run_key, up_to=up_to, suffix=suffix)
    yield from (item for item in found if item.epoch is None)


def find_epochs(
    folder: Path, run_key: str, *, up_to: int, suffix: str = ""
) -> Iterator[AttemptPath]:
    """Yield what the attempts of a run kept after epochs, the latest attempt first.

    The arguments are those of `find_attempts`.
    """
    found = _find(folder, run_key, up_to=up_to, suffix=suffix)
    yield from (item for item in found if item.epoch is not None)


def _find(folder: Path, run_key: str, *, up_to: int, suffix: str) -> list[AttemptPath]:
    found = []
    for path in folder.glob(f"{glob.escape(run_key)}*{suffix}"):
        key, epoch, attempt = _parse(path.name.removesuffix(suffix))
        if key == run_key and attempt <= up_to:
            found.append(AttemptPath(path, attempt, epoch))
    return sorted(found, key=lambda item: item.attempt, reverse=True)


def _parse(name: str) -> tuple[str, int | None, int]:
    match = _NAME.fullmatch(name)
    if match is None:
        return name, None, 0
    epoch = match["epoch"]
    return match["run_key"], None if epoch is None else int(epoch), int(match["attempt"])
