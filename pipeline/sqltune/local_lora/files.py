"""Files that appear complete or not at all: written under another name, synced and renamed."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sqltune.errors import FilesNotWritten

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_folder(
    folder: Path, files: Mapping[str, bytes], *, announce: Callable[[], None] | None = None
) -> None:
    """Write a folder of files; one that is there already is replaced as a whole.

    Args:
        folder: where to.
        files: contents by name.
        announce: called when all is written and only the name is missing; if it raises, nothing
            appears.

    Raises:
        FilesNotWritten: it cannot be written, for instance because the disk is full.
    """
    draft = _beside(folder)
    with _translate_writing(folder, draft):
        draft.mkdir(parents=True)
        for name, content in files.items():
            _write_synced(draft / name, content)
        _sync_folder(draft)
        _announce(announce, draft)
        old = _beside(folder)
        with suppress(FileNotFoundError):
            folder.rename(old)
        draft.rename(folder)
        _sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Write a file; one that is there already is replaced.

    Raises:
        FilesNotWritten: it cannot be written, for instance because the disk is full.
    """
    draft = _beside(path)
    with _translate_writing(path, draft):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_synced(draft, content)
        draft.replace(path)
        _sync_folder(path.parent)


def _announce(announce: Callable[[], None] | None, draft: Path) -> None:
    if announce is None:
        return
    try:
        announce()
    except BaseException:
        # The folder must not appear, so its draft is removed.
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make renames in the folder survive a power cut, where the system can."""
    with suppress(OSError, AttributeError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _translate_writing(target: Path, draft: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        shutil.rmtree(draft, ignore_errors=True)
        with suppress(OSError):
            draft.unlink()
        if exc.errno in _DISK_FULL:
            raise FilesNotWritten(
                f"no disk space left to write {target}: free some, or set another folder for "
                "artifacts; what was there before is untouched",
                code="no_disk_space",
            ) from exc
        raise FilesNotWritten(
            f"cannot write {target}: {exc}; check the folder's owner and permissions",
            code="cannot_write",
        ) from exc
