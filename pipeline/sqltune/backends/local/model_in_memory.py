"""The one base model in memory, the adapters on it, and whose turn it is to use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqltune.backends.base import BaseModel, TrainedAdapter
from sqltune.backends.local.turns import ModelKey, ModelTurns
from sqltune.local_lora.stored_weights import find_own_folder, require_weights

if TYPE_CHECKING:
    from sqltune.local_lora.loaded_model import LoadedModel

#: Adapters that stay on the base model beside one that is trained: those that were asked last.
_ADAPTERS_KEPT = 8


class ModelInMemory:
    """Loads a base model when it is used, in place of another one: two may not fit into memory."""

    def __init__(
        self,
        artifacts: Path,
        load: Callable[[BaseModel, str], LoadedModel],
        threads: int | None,
    ) -> None:
        """Begin without a base model.

        Args:
            artifacts: folder of weights.
            load: returns a base model in a quantization.
            threads: of torch; None: by the size of the model.
        """
        self._artifacts = artifacts
        self._load = load
        self._threads = threads
        self._turns = ModelTurns()
        self._loaded: tuple[ModelKey, LoadedModel] | None = None
        self._dtypes: dict[ModelKey, Any] = {}  # of every one that was loaded
        self._asked: list[str] = []  # adapters on the base model, the one asked last at the end

    @contextmanager
    def use(
        self, base_model: BaseModel, quantization: str, *, waits: bool = True
    ) -> Iterator[tuple[LoadedModel, Callable[[], None]]]:
        """Wait for a turn, and yield the base model with what gives way to others now and then.

        Args:
            base_model: what is used.
            quantization: of its weights.
            waits: False: while another base model is in use, an error is raised instead.
        """
        key = _key_of(base_model, quantization)
        with self._turns.take(key, waits=waits) as give_way:
            if self._loaded is None or self._loaded[0] != key:
                self.release()
                self._loaded = (key, self._load(base_model, quantization))
                self._dtypes[key] = self._loaded[1].dtype
            from sqltune.local_lora.loading import set_threads

            model = self._loaded[1]
            # It may be used, and so loaded, in another thread than before.
            set_threads(model.network, self._threads)
            yield model, give_way

    def load_adapter(self, model: LoadedModel, adapter: TrainedAdapter) -> str:
        """Load the adapter's weights, once; return their name on the base model.

        Raises:
            BackendError: they are not there, or are others.
        """
        name = adapter.artifact_sha256 or str(adapter.artifact_uri)
        folder = find_own_folder(self._artifacts, adapter.artifact_uri)
        require_weights(folder, adapter.artifact_sha256)
        if name not in model.adapters:
            self._asked = [known for known in self._asked if known in model.adapters]
            if len(self._asked) >= _ADAPTERS_KEPT:
                model.unload_adapter(self._asked.pop(0))
            model.load_adapter(folder, name)
        self._asked = [*(known for known in self._asked if known != name), name]
        return name

    def find_dtype(self, base_model: BaseModel, quantization: str) -> Any:
        """Return the number format of a base model, also once another one is loaded.

        None: it was never loaded.
        """
        return self._dtypes.get(_key_of(base_model, quantization))

    def release(self) -> None:
        """Release the base model."""
        self._loaded = None


def _key_of(base_model: BaseModel, quantization: str) -> ModelKey:
    return base_model.name, base_model.revision, quantization
