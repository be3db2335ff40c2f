"""Where a base model's files are: the embedded one, an allowed folder, or a name on the Hub.

Only names and folders are read here; nothing is loaded or downloaded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqltune.errors import RequestRejected

EMBEDDED_NAME = "sqltune/embedded"
EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
#: `owner/name` or `name`, as on the Hugging Face Hub.
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_HASHED_SUFFIXES = (".safetensors", ".json", ".model", ".txt", ".jinja")


@dataclass(frozen=True)
class BaseModelSource:
    """A base model's name, resolved."""

    #: The name as the user wrote it.
    name: str
    #: What transformers' from_pretrained takes: a folder, or the name on the Hub.
    location: str
    #: Whether `location` is a folder on this machine.
    is_folder: bool
    #: Branch, tag or commit on the Hub; None for the default one and for folders.
    revision: str | None = None


def find_base_model(
    name: str,
    *,
    revision: str | None = None,
    allowed_folders: Iterable[Path | str] = (),
    allow_hub: bool = True,
) -> BaseModelSource:
    """Return where the base model `name` is.

    Args:
        name: `sqltune/embedded`, a folder's path, or a name on the Hub.
        revision: branch, tag or commit on the Hub.
        allowed_folders: a path must lie in one of these, symbolic links followed.
        allow_hub: whether names on the Hub may be used.

    Raises:
        RequestRejected: no such base model, or its folder is not allowed.
    """
    if name == EMBEDDED_NAME:
        return _source_in(name, EMBEDDED_FOLDER)
    if _is_path(name):
        return _source_in(name, _allowed_folder(name, allowed_folders))
    if not _HUB_NAME.fullmatch(name):
        raise _unknown(name, "it is neither a folder nor a name such as 'owner/model'")
    if not allow_hub:
        raise RequestRejected(
            f"base model {name!r} is a name on the Hugging Face Hub, which the settings forbid; "
            f"use {EMBEDDED_NAME!r} or a folder in an allowed place",
            code="base_model_not_allowed",
        )
    return BaseModelSource(name, name, is_folder=False, revision=revision)


def hash_folder(folder: Path) -> str:
    """Return SHA-256 over the names and content of a model folder's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in _HASHED_SUFFIXES and path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{path.name}\0{content}\n".encode())
    return digest.hexdigest()


def _is_path(name: str) -> bool:
    return name.startswith(("/", ".", "~")) or "\\" in name or name.count("/") > 1


def _allowed_folder(name: str, allowed_folders: Iterable[Path | str]) -> Path:
    folder = Path(name).expanduser().resolve()
    allowed = [Path(each).expanduser().resolve() for each in allowed_folders]
    if not any(folder.is_relative_to(each) for each in allowed):
        listed = ", ".join(str(each) for each in allowed) or "none"
        raise RequestRejected(
            f"base model {name!r} is not in an allowed folder (allowed: {listed}); move it there "
            "or add its folder to SQLTUNE_BASE_MODEL_FOLDERS",
            code="base_model_not_allowed",
        )
    return folder


def _source_in(name: str, folder: Path) -> BaseModelSource:
    if not (folder / "config.json").is_file():
        raise _unknown(name, f"the folder {folder} has no config.json")
    if not any(folder.glob("*.safetensors")):
        raise _unknown(
            name, f"the folder {folder} has no .safetensors file, and only those are read"
        )
    return BaseModelSource(name, str(folder), is_folder=True)


def _unknown(name: str, reason: str) -> RequestRejected:
    return RequestRejected(
        f"base model {name!r} cannot be used: {reason}; use {EMBEDDED_NAME!r}, a folder in an "
        "allowed place, or a name on the Hugging Face Hub",
        code="unknown_base_model",
    )
