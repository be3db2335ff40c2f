"""Files that appear complete or not at all: written under another name, synced and renamed."""

from __future__ import annotations

import errno
import glob
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
    with drafted_folder(folder, announce=announce) as draft:
        for name, content in files.items():
            _write_synced(draft / name, content)


@contextmanager
def drafted_folder(
    folder: Path,
    *,
    setting: str = "SQLTUNE_ARTIFACTS",
    announce: Callable[[], None] | None = None,
) -> Iterator[Path]:
    """Yield a folder to write files into, which replaces `folder` when the block ends.

    Args:
        folder: where to.
        setting: names the setting of the folder in the error's advice.
        announce: see `write_folder`.

    Raises:
        FilesNotWritten: it cannot be written, for instance because the disk is full.
    """
    draft = _beside(folder)
    with _translate_writing(folder, draft, setting):
        draft.mkdir(parents=True)
        yield draft
        _sync_files(draft)
        if announce is not None:
            announce()
        _replace_folder(folder, draft)


def remove_drafts(folder: Path) -> None:
    """Remove what killed processes left of a folder; nobody may be writing it."""
    for draft in folder.parent.glob(f".{glob.escape(folder.name)}.*.tmp"):
        shutil.rmtree(draft, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Write a file; one that is there already is replaced.

    Raises:
        FilesNotWritten: it cannot be written, for instance because the disk is full.
    """
    with drafted_file(path) as draft:
        draft.write_bytes(content)


@contextmanager
def drafted_file(path: Path, *, setting: str = "SQLTUNE_ARTIFACTS") -> Iterator[Path]:
    """Yield a name to write a file under, which replaces `path` when the block ends.

    Args:
        path: where to.
        setting: names the setting of the file's folder in the error's advice.

    Raises:
        FilesNotWritten: it cannot be written, for instance because the disk is full.
    """
    draft = _beside(path)
    with _translate_writing(path, draft, setting):
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        _sync_file(draft)
        _keep_mode(path, draft)
        draft.replace(path)
        _sync_folder(path.parent)


def _replace_folder(folder: Path, draft: Path) -> None:
    old = _beside(folder)
    _keep_mode(folder, draft)
    with suppress(FileNotFoundError):
        folder.rename(old)
    draft.rename(folder)
    _sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _keep_mode(path: Path, draft: Path) -> None:
    """Copy the rights of what a draft replaces, which an operator may have chosen."""
    if path.exists() and not path.is_symlink():
        shutil.copymode(path, draft)


def _sync_files(folder: Path) -> None:
    for path in folder.iterdir():
        _sync_file(path)
    _sync_folder(folder)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


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
def _translate_writing(
    target: Path, draft: Path, setting: str = "SQLTUNE_ARTIFACTS"
) -> Iterator[None]:
    try:
        yield
    except BaseException as exc:
        # Whatever the reason, a draft must not stay.
        shutil.rmtree(draft, ignore_errors=True)
        with suppress(OSError):
            draft.unlink()
        if isinstance(exc, OSError):
            raise not_written(target, exc, setting) from exc
        raise


def not_written(target: Path, exc: OSError, setting: str) -> FilesNotWritten:
    """Return the error for a file or folder that the system did not write."""
    if exc.errno in _DISK_FULL:
        return FilesNotWritten(
            f"no disk space left to write {target}: free some, or set {setting} to another folder; "
            "what was there before is untouched",
            code="no_disk_space",
        )
    if exc.errno == errno.EROFS:
        return FilesNotWritten(
            f"cannot write {target}: its file system is mounted read-only; set {setting} to "
            "another folder",
            code="cannot_write",
        )
    return FilesNotWritten(
        f"cannot write {target}: {exc}; check the folder's owner and permissions, or set {setting} "
        "to another folder",
        code="cannot_write",
    )
