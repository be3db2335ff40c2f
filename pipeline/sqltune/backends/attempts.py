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
_NAME = re.compile(r"(?P<run_key>.+)\.attempt-(?P<attempt>\d+)")


@dataclass(frozen=True, slots=True)
class AttemptPath:
    """A file or folder that an attempt of a run wrote."""

    path: Path
    attempt: int  #: 0: the name contains none


def attempt_name(run_key: str, attempt: int) -> str:
    """Return the name under which one attempt of a run writes."""
    return f"{run_key}.attempt-{attempt}"


def read_name(name: str) -> tuple[str, int]:
    """Return the run key and the attempt in a name; attempt 0: the name contains none."""
    match = _NAME.fullmatch(name)
    return (match["run_key"], int(match["attempt"])) if match else (name, 0)


def is_run_key(text: str) -> bool:
    """Whether a text has the form of a run key, of this database or of another one."""
    return _RUN_KEY.fullmatch(text) is not None


def find_attempts(
    folder: Path, run_key: str, *, up_to: int, suffix: str = ""
) -> Iterator[AttemptPath]:
    """Yield what the attempts of a run left in a folder, the latest first.

    Args:
        folder: the folder to search.
        run_key: the run.
        up_to: the caller's own attempt; files of later attempts are left out.
        suffix: the end of the file names.
    """
    found = []
    for path in folder.glob(f"{glob.escape(run_key)}*{suffix}"):
        key, attempt = read_name(path.name.removesuffix(suffix))
        if key == run_key and attempt <= up_to:
            found.append(AttemptPath(path, attempt))
    yield from sorted(found, key=lambda item: item.attempt, reverse=True)
