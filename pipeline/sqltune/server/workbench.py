"""A base model in memory with the adapters in use, and their files.

Each adapter has a folder with one checkpoint: weights and optimizer in one file, which is replaced
as a whole when a fine-tune call is done. So an adapter can be removed from memory at any time
between two calls. Used only by the thread of its base model.
"""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqltune.database.tables.served import ServedAdapter
from sqltune.local_lora.checkpoints import CHECKPOINT_FILE
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.optimiser import Schedule
from sqltune.local_lora.training import LoraTrainer
from sqltune.prompt_formats import PLAIN
from sqltune.server.defaults import WARMUP_STEPS
from sqltune.server.version_shelf import VersionShelf, VersionWeights

#: An adapter of a client by its id, or a version that `sync` trained.
Lane = str | VersionWeights
#: Lane of the calls to the base model itself.
BASE_LANE = ""
#: Adapters of clients in memory, and versions; beyond, the least recently used one is removed.
MOST_ADAPTERS = 16


class Workbench:
    """One base model and the adapters on it."""

    def __init__(
        self, base: LoadedModel, folder: Path, find: Callable[[str], ServedAdapter]
    ) -> None:
        """Begin with a loaded base model and no adapter.

        Args:
            base: the base model.
            folder: of the adapters, each in a folder of its own.
            find: returns an adapter by its id, and refuses one that is gone.
        """
        self.base = base
        self._folder = folder
        self._find = find
        self._trainers: OrderedDict[str, LoraTrainer] = OrderedDict()
        self._in_training: set[str] = set()
        self._versions = VersionShelf(base, MOST_ADAPTERS)

    def name_of(self, lane: Lane) -> str | None:
        """Return the name of a lane's adapter on the base model, where `load` puts it.

        None for the base model itself, and for an adapter that was never trained, because it
        answers like the base model.

        Raises:
            CallRefused: the adapter is gone.
        """
        if isinstance(lane, VersionWeights):
            return lane.sha256
        if lane == BASE_LANE:
            return None
        self._find(lane)
        is_trained = lane in self._trainers or self._checkpoint(lane).exists()
        return lane if is_trained else None

    def load(self, lane: Lane) -> str | None:
        """Put a lane's adapter on the base model, unless it is there; return its name.

        Raises:
            CallRefused: the adapter is gone.
            BackendError: its weights cannot be used.
        """
        name = self.name_of(lane)
        if isinstance(lane, VersionWeights):
            self._versions.load(lane)
        elif name is not None:
            self._trainer(lane)
        return name

    @contextmanager
    def training(self, adapter_id: str) -> Iterator[LoraTrainer]:
        """Let the block train the adapter: stored at its end, and as it was before if it fails.

        Raises:
            BackendError: it cannot be stored, for instance because the disk is full.
        """
        trainer = self._trainer(adapter_id)
        undo = trainer.snapshot()
        self._in_training.add(adapter_id)
        try:
            yield trainer
            trainer.checkpoint(self.folder(adapter_id))
        except BaseException:
            undo()
            raise
        finally:
            self._in_training.remove(adapter_id)

    def folder(self, adapter_id: str) -> Path:
        """Return the folder of the adapter's files."""
        return self._folder / adapter_id

    def remove(self, adapter_id: str) -> None:
        """Remove the adapter from memory and from the disk."""
        trainer = self._trainers.pop(adapter_id, None)
        if trainer is not None:
            trainer.close()
        shutil.rmtree(self.folder(adapter_id), ignore_errors=True)

    def _trainer(self, adapter_id: str) -> LoraTrainer:
        if adapter_id not in self._trainers:
            self._trainers[adapter_id] = self._open(self._find(adapter_id))
        self._trainers.move_to_end(adapter_id)
        return self._trainers[adapter_id]

    def _open(self, adapter: ServedAdapter) -> LoraTrainer:
        idle = [name for name in self._trainers if name not in self._in_training]
        for name in idle[: max(0, len(self._trainers) - MOST_ADAPTERS + 1)]:
            self._trainers.pop(name).close()
        name = adapter.adapter_id
        if self._checkpoint(name).exists():
            return LoraTrainer.resume(self.base, self.folder(name), name=name)
        return LoraTrainer(self.base, _options(adapter), WARMUP_STEPS, name=name)

    def _checkpoint(self, adapter_id: str) -> Path:
        return self.folder(adapter_id) / CHECKPOINT_FILE


def _options(adapter: ServedAdapter) -> LoraOptions:
    return LoraOptions(
        rank=adapter.lora_rank,
        alpha=adapter.lora_alpha,
        learning_rate=adapter.learning_rate,
        warmup_share=1.0,
        schedule=Schedule.CONSTANT,
        seed=adapter.seed,
        # Clients send texts that have this form already; what is rehearsed beside them gets it.
        prompt_format=PLAIN,
    )
