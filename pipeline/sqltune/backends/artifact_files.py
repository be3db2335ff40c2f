"""Stored artifacts in a folder, recognised by the run keys in their names.

An artifacts folder may be shared with other databases, and people put other files into it: what has
no run key in its name is ignored.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqltune.backends.attempts import is_run_key, read_name
from sqltune.backends.inventory import ArtifactKind, StoredArtifact
from sqltune.errors import BackendError

#: The temporary names that local_lora/files.py gives to what it is still writing.
_DRAFT = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.tmp")


def list_folder(folder: Path, kind: ArtifactKind, suffix: str = "") -> Iterator[StoredArtifact]:
    """Yield the files and folders named by a run key that end in `suffix`, drafts included."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        draft = _DRAFT.fullmatch(path.name)
        name = draft["name"] if draft else path.name
        run_key, _ = read_name(name.removesuffix(suffix))
        if path.is_symlink() or not name.endswith(suffix) or not is_run_key(run_key):
            continue
        artifact = _read_artifact(path, ArtifactKind.DRAFT if draft else kind, run_key)
        if artifact is not None:
            yield artifact


def remove_files(artifact: StoredArtifact, folders: tuple[Path, ...]) -> None:
    """Remove an artifact that is directly in one of the folders.

    Raises:
        BackendError: it is elsewhere, or cannot be removed.
    """
    path = Path(artifact.address)
    if path.parent not in [folder.resolve() for folder in folders]:
        raise BackendError(f"{path} is not in this backend's folders", code="artifact_not_found")
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return  # removed by another process meanwhile
    except OSError as error:
        raise BackendError(f"cannot remove {path}: {error}", code="cannot_write") from error


def _read_artifact(path: Path, kind: ArtifactKind, run_key: str) -> StoredArtifact | None:
    try:
        files = [path, *path.rglob("*")] if path.is_dir() else [path]
        stats = [file.lstat() for file in files]
        size = sum(s.st_size for f, s in zip(files, stats, strict=True) if f.is_file())
    except FileNotFoundError:
        return None  # renamed or removed by a run meanwhile
    return StoredArtifact(
        kind=kind,
        address=str(path.resolve()),
        name=path.name,
        run_key=run_key,
        size_bytes=size,
        changed_at=datetime.fromtimestamp(max(s.st_mtime for s in stats), UTC).replace(tzinfo=None),
    )
