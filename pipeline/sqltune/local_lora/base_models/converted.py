"""The folders made of GGUF files: each is made once, by one process, and appears complete."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqltune.errors import RequestRejected
from sqltune.local_lora.files import drafted_folder, not_written, remove_drafts
from sqltune.local_lora.sources import FILE_REVISION, BaseModelSource, Place, hash_file

DEFAULT_CACHE = Path("~/.cache/sqltune")
#: Made of a GGUF file; a folder without it, or with another form, is made again.
SOURCE_FILE = "sqltune_source.json"
_FORM = 1
_SETTING = "SQLTUNE_CACHE"

logger = logging.getLogger(__name__)


def _log(message: str) -> None:
    logger.info(message, extra={"event": "base_model_converted"})


class ConvertedModels:
    """What was made of GGUF files, in the folder `base_models` of a cache."""

    def __init__(self, cache: Path = DEFAULT_CACHE, say: Callable[[str], None] = _log) -> None:
        """Keep folders in `cache`, and report with `say` what takes long."""
        self._root = cache.expanduser().resolve() / "base_models"
        self._say = say

    def find(self, source: BaseModelSource, revision: str | None) -> Path | None:
        """Return the folder of a GGUF file if it was made already."""
        folder = self._folder(source, _sha256_of(source, revision))
        return folder if _is_complete(folder) else None

    def prefer(self, source: BaseModelSource, revision: str | None) -> BaseModelSource:
        """Return the folder of a GGUF file as a source if it was made already, else the file."""
        folder = self.find(source, revision) if source.place is Place.GGUF else None
        return source if folder is None else in_folder(source, folder)

    def make(self, source: BaseModelSource, revision: str | None) -> Path:
        """Return the folder of a GGUF file, making it on first use.

        Args:
            source: of the file.
            revision: the file's, where it is known and need not be computed.

        Raises:
            RequestRejected: the file cannot be read, or is another one by now.
            FilesNotWritten: the cache cannot be written, for instance because the disk is full.
        """
        sha256 = _sha256_of(source, revision)
        folder = self._folder(source, sha256)
        if not _is_complete(folder):
            with self._locked(folder, source):
                # Another process may have made it while this one waited.
                if not _is_complete(folder):
                    self._convert(source, folder, sha256)
        return folder

    def _convert(self, source: BaseModelSource, folder: Path, sha256: str) -> None:
        from sqltune.local_lora.base_models.converting import convert_gguf

        path = Path(source.location)
        size = path.stat().st_size / 1_000_000
        self._say(
            f"converting base model {source.name} once, from {source.found_in} ({size:,.0f} MB) to "
            f"{folder}"
        )
        remove_drafts(folder)
        with drafted_folder(folder, setting=_SETTING) as draft:
            convert_gguf(path, draft)
            _refuse_changed(source, sha256)
            content = {"form": _FORM, "sha256": sha256, "source": source.found_in}
            (draft / SOURCE_FILE).write_text(json.dumps(content), "utf-8")
        self._say(f"base model {source.name} is converted")

    @contextmanager
    def _locked(self, folder: Path, source: BaseModelSource) -> Iterator[None]:
        import fcntl

        try:
            self._root.mkdir(parents=True, exist_ok=True)
            how = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            handle = os.open(self._root / f".{folder.name}.lock", how, 0o666)
        except OSError as exc:
            raise not_written(folder, exc, _SETTING) from exc
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._say(f"waiting for another process, which converts base model {source.name}")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _folder(self, source: BaseModelSource, sha256: str) -> Path:
        stem = re.sub(r"[^\w.-]+", "-", Path(source.location).name.removesuffix(".gguf"))
        return self._root / f"{stem[:80]}-{sha256[:16]}"


def in_folder(source: BaseModelSource, folder: Path) -> BaseModelSource:
    """Return a source whose files were converted into a folder."""
    return replace(source, location=str(folder), place=Place.FOLDER)


def _sha256_of(source: BaseModelSource, revision: str | None) -> str:
    if revision is not None and revision.startswith(FILE_REVISION):
        return revision.removeprefix(FILE_REVISION).split()[0]
    return hash_file(Path(source.location))


def _refuse_changed(source: BaseModelSource, sha256: str) -> None:
    if hash_file(Path(source.location)) != sha256:
        raise RequestRejected(
            f"base model {source.name!r} has changed: {source.location} is not the file any more "
            f"whose SHA-256 is {sha256}; restore it, or plan again",
            code="base_model_changed",
        )


def _is_complete(folder: Path) -> bool:
    try:
        content: Any = json.loads((folder / SOURCE_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("form") == _FORM
