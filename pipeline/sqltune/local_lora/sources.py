"""Where a base model's files are: a folder or a GGUF file in an allowed place, the Hub's local
cache, an installed package, or the Hub.

Only names and folders are read here; nothing is loaded or downloaded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from sqltune.errors import RequestRejected
from sqltune.local_lora.base_models.carried import advise_carrier, find_carried
from sqltune.local_lora.base_models.hub_cache import find_cached

#: `owner/name` or `name`, as on the Hugging Face Hub.
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_HASHED_SUFFIXES = (".safetensors", ".json", ".model", ".txt", ".jinja")


#: How the revision of a GGUF file begins.
FILE_REVISION = "sha256:"


class Place(Enum):
    """What kind of place a base model was found in."""

    FOLDER = auto()  #: a folder of safetensors
    HUB_CACHE = auto()  #: the same, in the Hub's local cache
    GGUF = auto()  #: a GGUF file, of a package or of the user
    HUB = auto()  #: on the Hub only


@dataclass(frozen=True)
class BaseModelSource:
    """A base model's name, resolved."""

    #: The name as the user wrote it.
    name: str
    #: A folder, a GGUF file, or the name on the Hub.
    location: str
    place: Place
    #: The place in words, for people.
    found_in: str
    #: Branch, tag or commit on the Hub, a commit for its local cache; None for its default branch,
    #: and for files of the user.
    revision: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether `location` is a folder on this machine."""
        return self.place in (Place.FOLDER, Place.HUB_CACHE)


def find_base_model(
    name: str,
    *,
    revision: str | None = None,
    allowed_folders: Iterable[Path | str] = (),
    allow_hub: bool = True,
) -> BaseModelSource:
    """Return where the base model `name` is.

    A name on the Hub is looked for in the Hub's local cache, then in a package that carries it.

    Args:
        name: the path of a folder or of a GGUF file, or a name on the Hub.
        revision: branch, tag or commit on the Hub, or the revision of a GGUF file, which the Hub
            does not know.
        allowed_folders: a path must lie in one of these, symbolic links followed.
        allow_hub: whether the Hub may be asked for what is not on this machine.

    Raises:
        RequestRejected: no such base model, or its folder is not allowed.
    """
    if _is_path(name):
        allowed = [Path(each).expanduser().resolve() for each in allowed_folders]
        path = _allowed_path(name, allowed)
        if path.is_file():
            return _source_of_file(name, path)
        source = _source_in(name, path)
        _refuse_links(name, path, allowed)
        return source
    if not _HUB_NAME.fullmatch(name):
        raise _unknown(name, "it is neither a path nor a name such as 'owner/model'")
    found = _find_on_this_machine(name, revision)
    if found is not None:
        return found
    _require_hub(name, revision, allow_hub=allow_hub)
    return BaseModelSource(name, name, Place.HUB, "the Hugging Face Hub", revision)


def _find_on_this_machine(name: str, revision: str | None) -> BaseModelSource | None:
    is_of_file = revision is not None and revision.startswith(FILE_REVISION)
    folder = None if is_of_file else find_cached(name, revision)
    if folder is not None:
        found_in = "the Hugging Face Hub's local cache"
        return BaseModelSource(name, str(folder), Place.HUB_CACHE, found_in, folder.name)
    # A commit or a branch names files of the Hub, which a package does not have.
    carried = find_carried(name) if is_of_file or revision is None else None
    if carried is not None:
        return BaseModelSource(name, str(carried.path), Place.GGUF, f"package {carried.package}")
    return None


def _require_hub(name: str, revision: str | None, *, allow_hub: bool) -> None:
    advice = advise_carrier(name)
    if revision is not None and revision.startswith(FILE_REVISION):
        raise _unknown(
            name,
            f"revision {revision!r} is of a GGUF file, and no installed package has it{advice}",
        )
    if not allow_hub:
        raise RequestRejected(
            f"base model {name!r} is a name on the Hugging Face Hub, which the settings forbid, "
            f"and it is not on this machine; use a folder or a GGUF file in an allowed "
            f"place{advice}",
            code="base_model_not_allowed",
        )


def hash_folder(folder: Path) -> str:
    """Return SHA-256 over the names and content of a model folder's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in _HASHED_SUFFIXES and path.is_file():
            digest.update(f"{path.name}\0{hash_file(path)}\n".encode())
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Return SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_path(name: str) -> bool:
    looks_like_one = name.startswith(("/", ".", "~")) or name.lower().endswith(".gguf")
    return looks_like_one or "\\" in name or name.count("/") > 1


def _allowed_path(name: str, allowed: Sequence[Path]) -> Path:
    path = Path(name).expanduser().resolve()
    if not any(path.is_relative_to(each) for each in allowed):
        listed = ", ".join(str(each) for each in allowed) or "none"
        raise RequestRejected(
            f"base model {name!r} is not in an allowed folder (allowed: {listed}); move it there "
            "or add its folder to SQLTUNE_BASE_MODEL_FOLDERS",
            code="base_model_not_allowed",
        )
    return path


def _refuse_links(name: str, folder: Path, allowed: Sequence[Path]) -> None:
    """Require that no file of a folder is a link that leads out of the allowed folders."""
    # The Hub's local cache links a snapshot's files to those of the same repository.
    is_snapshot = folder.parent.name == "snapshots"
    places = [*allowed, folder.parent.parent / "blobs"] if is_snapshot else allowed
    for file in folder.iterdir():
        target = file.resolve()
        if file.is_symlink() and not any(target.is_relative_to(place) for place in places):
            raise RequestRejected(
                f"base model {name!r} has a link {file.name} to {target}, which is in no allowed "
                "folder: copy the file, or add its folder to SQLTUNE_BASE_MODEL_FOLDERS",
                code="base_model_not_allowed",
            )


def _source_of_file(name: str, path: Path) -> BaseModelSource:
    return BaseModelSource(name, str(path), Place.GGUF, str(path))


def _source_in(name: str, folder: Path) -> BaseModelSource:
    if not folder.exists():
        raise _unknown(name, f"{folder} does not exist")
    if not (folder / "config.json").is_file():
        raise _unknown(name, f"the folder {folder} has no config.json")
    if not any(folder.glob("*.safetensors")):
        raise _unknown(
            name, f"the folder {folder} has no .safetensors file, and only those are read"
        )
    return BaseModelSource(name, str(folder), Place.FOLDER, str(folder))


def _unknown(name: str, reason: str) -> RequestRejected:
    return RequestRejected(
        f"base model {name!r} cannot be used: {reason}; use a folder or a GGUF file in an "
        "allowed place, or a name on the Hugging Face Hub",
        code="unknown_base_model",
    )
