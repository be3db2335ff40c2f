"""One server at a time works on a folder of adapters."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqltune.errors import ConfigError


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock the folder for the duration of the block; it is created if it does not exist.

    Raises:
        ConfigError: another server has locked it.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"another `sqltune serve` uses {folder}: stop it, or set SQLTUNE_ARTIFACTS to "
                "another folder"
            ) from error
        yield
    finally:
        os.close(handle)
