"""What a base model's name means now, found without torch: its revision and longest text.

A folder's revision is a hash of its files, a GGUF file's is its hash and its quantisation. Hashing
gigabytes and inspecting weights at every sync would be slow, so what was found is stored with the
names, sizes and times of the files, and looked for again when any of them differs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, assert_never

from sqltune.errors import FilesNotWritten
from sqltune.local_lora.base_models.gguf_support import (
    GgufDescription,
    describe_gguf,
    require_gguf,
)
from sqltune.local_lora.files import write_file
from sqltune.local_lora.hub import fetch_configuration
from sqltune.local_lora.model_folder import check_small_files
from sqltune.local_lora.sources import (
    FILE_REVISION,
    BaseModelSource,
    Place,
    hash_file,
    hash_folder,
)

#: Tokenizers without a limit of their own say 10^30.
NO_LIMIT = 10**9


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A base model according to its files."""

    #: a commit on the Hub, SHA-256 over a folder's files, or `sha256:... Q4_1` for a GGUF file
    revision: str
    max_tokens: int | None  #: None: neither configuration nor tokenizer says


class Identities:
    """Finds identities, with the hashes of folders stored in one small file."""

    def __init__(
        self, memory: Path, inspect: Callable[[BaseModelSource], None] = lambda source: None
    ) -> None:
        """Store what is found in the file `memory`, which may be deleted at any time.

        Args:
            memory: the file.
            inspect: refuses a folder that is no base model; called once for its files as they are.
        """
        self._memory = memory
        self._inspect = inspect

    def identify(self, source: BaseModelSource) -> ModelIdentity:
        """Return the identity of a base model.

        Raises:
            RequestRejected: the Hub has no such model or revision, or its files cannot be used.
            BackendUnavailable: the Hub does not answer, and the model is not in its local cache.
        """
        path = Path(source.location)
        match source.place:
            case Place.FOLDER:
                return ModelIdentity(self._look_into(source)["sha256"], _max_tokens(path))
            case Place.HUB_CACHE:
                self._look_into(source)
                return ModelIdentity(path.name, _max_tokens(path))
            case Place.GGUF:
                return self._identify_gguf(source.name, path)
            case Place.HUB:
                return _identify_on_hub(source)
            case _:
                assert_never(source.place)

    def _look_into(self, source: BaseModelSource) -> dict[str, Any]:
        """Return what is known of a folder's files: that they can be used, and their hash."""
        folder = Path(source.location)

        def look() -> dict[str, Any]:
            # First: what cannot be used need not be hashed.
            self._inspect(source)
            # The cache names a folder by its commit.
            return {"sha256": hash_folder(folder) if source.place is Place.FOLDER else folder.name}

        state = [*_state(sorted(folder.iterdir())), *_readers("transformers")]
        return self._remember(folder, state, look)

    def _identify_gguf(self, name: str, path: Path) -> ModelIdentity:
        def look() -> dict[str, Any]:
            # The header first: what cannot be read need not be hashed.
            description = describe_gguf(name, path)
            return {"sha256": hash_file(path), "gguf": asdict(description)}

        require_gguf()
        found = self._remember(path, [*_state([path]), *_readers("gguf", "transformers")], look)
        description = GgufDescription(**found["gguf"])
        return ModelIdentity(file_revision(found["sha256"], description), description.max_tokens)

    def _remember(
        self, path: Path, state: list[list[Any]], look: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return what was found when the files were in this state, or look again."""
        known = self._read()
        entry = known.get(str(path))
        if isinstance(entry, dict) and entry.get("files") == state:
            return entry
        found = look()
        self._write({**known, str(path): {"files": state, **found}})
        return found

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._memory.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, content: dict[str, Any]) -> None:
        # Not stored: hashed again next time.
        with suppress(FilesNotWritten):
            write_file(self._memory, json.dumps(content).encode("utf-8"))


def file_revision(sha256: str, description: GgufDescription) -> str:
    """Return the revision of a GGUF file."""
    return f"{FILE_REVISION}{sha256} {description.quantization}"


def _readers(*packages: str) -> list[list[Any]]:
    """Return the releases of packages: another one may read other files."""
    return [[name, version(name)] for name in packages if find_spec(name) is not None]


def _state(paths: Iterable[Path]) -> list[list[Any]]:
    files = [path for path in paths if path.is_file()]
    return [[f.name, f.stat().st_size, f.stat().st_mtime_ns] for f in files]


def _max_tokens(folder: Path) -> int | None:
    config = _read_json(folder / "config.json")
    text = config.get("text_config")
    limits = [
        config.get("max_position_embeddings"),
        text.get("max_position_embeddings") if isinstance(text, dict) else None,
        config.get("n_positions"),
        _read_json(folder / "tokenizer_config.json").get("model_max_length"),
    ]
    known = [int(n) for n in limits if isinstance(n, int | float) and 1 <= n < NO_LIMIT]
    return min(known, default=None)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _identify_on_hub(source: BaseModelSource) -> ModelIdentity:
    config = fetch_configuration(source)
    check_small_files(source.name, config.parent)
    # The cache keeps each revision in a folder named by its commit.
    return ModelIdentity(config.parent.name, _max_tokens(config.parent))
