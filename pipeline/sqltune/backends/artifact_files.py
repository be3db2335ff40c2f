"""What runs left in a folder, told by the names that carry their keys.

A folder of artifacts may be shared with other databases, and people put things into folders: what
does not carry a run's key is not looked at.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqltune.backends.attempts import is_run_key, read_name
from sqltune.backends.base import ArtifactKind, StoredArtifact
from sqltune.errors import BackendError

#: As local_lora/files.py names what has not got its name yet.
_DRAFT = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.tmp")


def list_folder(folder: Path, kind: ArtifactKind, suffix: str = "") -> Iterator[StoredArtifact]:
    """Give what in a folder carries a run's key and ends in `suffix`, drafts too."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        draft = _DRAFT.fullmatch(path.name)
        name = draft["name"] if draft else path.name
        run_key, _ = read_name(name.removesuffix(suffix))
        if path.is_symlink() or not name.endswith(suffix) or not is_run_key(run_key):
            continue
        item = _item(path, ArtifactKind.DRAFT if draft else kind, run_key)
        if item is not None:
            yield item


def remove_files(item: StoredArtifact, folders: tuple[Path, ...]) -> None:
    """Remove an item that lies directly in one of the folders.

    Raises:
        BackendError: it lies elsewhere, or could not be removed.
    """
    path = Path(item.address)
    if path.parent not in [folder.resolve() for folder in folders]:
        raise BackendError(f"{path} is none of the files kept here", code="artifact_not_found")
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return  # somebody else removed it meanwhile
    except OSError as error:
        raise BackendError(f"cannot remove {path}: {error}", code="cannot_write") from error


def _item(path: Path, kind: ArtifactKind, run_key: str) -> StoredArtifact | None:
    try:
        files = [path, *path.rglob("*")] if path.is_dir() else [path]
        stats = [file.lstat() for file in files]
        size = sum(s.st_size for f, s in zip(files, stats, strict=True) if f.is_file())
    except FileNotFoundError:
        return None  # a run at work has renamed or removed it
    return StoredArtifact(
        kind=kind,
        address=str(path.resolve()),
        name=path.name,
        run_key=run_key,
        size_bytes=size,
        changed_at=datetime.fromtimestamp(max(s.st_mtime for s in stats), UTC).replace(tzinfo=None),
    )
