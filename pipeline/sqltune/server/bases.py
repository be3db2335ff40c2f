"""The base models that are served: what clients call them, and what really answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqltune.database.tables.served import ServedAdapter
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.sources import BaseModelSource, find_base_model
from sqltune.server.model_thread import ModelThread
from sqltune.server.workbench import Workbench
from sqltune.wire.gradient import BASE_MODEL_SUFFIX, BaseModelItem, Capability

_NAMESPACE = uuid.UUID("6f1c2f0e-52a5-4a4e-9f65-0d4b8a3b1c77")


@dataclass(frozen=True)
class ServedBase:
    """A base model in memory, with the thread that serves it."""

    slug: str
    model: LoadedModel
    thread: ModelThread
    bench: Workbench

    @property
    def id(self) -> str:
        """The id on the wire: the same at every start."""
        return base_model_id(self.slug)

    @property
    def public_name(self) -> str:
        """What really answers, as clients may read it."""
        return _public_name(self.model.name)

    @property
    def item(self) -> BaseModelItem:
        """The entry in the listing; its name says what really answers."""
        return BaseModelItem(
            id=self.id,
            name=f"{self.public_name} (sqltune, in place of {self.slug})",
            slug=self.slug,
            capabilities=[Capability.COMPLETE, Capability.FINE_TUNE],
        )

    @property
    def problem(self) -> str | None:
        """What keeps it from answering, in words; None if nothing does."""
        problem = self.thread.problem
        return problem and f"{self.slug}: {problem}"

    def fits(self, adapter: ServedAdapter) -> bool:
        """Return whether the adapter was trained on the base model that is served now."""
        own = (self.model.name, self.model.revision)
        return (adapter.base_model, adapter.base_model_revision) == own


def base_model_id(slug: str) -> str:
    """Return the id of the base model that clients know by this slug."""
    return f"{uuid.uuid5(_NAMESPACE, slug)}{BASE_MODEL_SUFFIX}"


def open_bases(
    models: Sequence[tuple[str, str]],
    *,
    folder: Path,
    find: Callable[[str], ServedAdapter],
    allow_hub: bool,
    load: Callable[[BaseModelSource], LoadedModel],
    most_waiting: int,
    patience_seconds: float,
) -> dict[str, ServedBase]:
    """Load the base models, each in a separate thread; return them by slug.

    Args:
        models: slug and model: a path, or a name on the Hub.
        folder: of the adapters.
        find: returns an adapter by its id.
        allow_hub: whether the Hub may be asked.
        load: loads one, in the thread that serves it.
        most_waiting: calls that may wait for one base model.
        patience_seconds: how long a base model may be busy without a step or an answer.

    Raises:
        PipelineError: a base model cannot be loaded.
    """
    bases: dict[str, ServedBase] = {}
    try:
        for slug, name in models:
            opener = _Opener(name, folder, find, allow_hub, load)
            thread = ModelThread(
                opener, most_waiting=most_waiting, patience_seconds=patience_seconds
            )
            bench = thread.start()
            bases[slug] = ServedBase(slug, bench.base, thread, bench)
    except BaseException:
        for base in bases.values():
            base.thread.stop()
        raise
    return bases


@dataclass(frozen=True)
class _Opener:
    """Loads a base model in the thread that serves it."""

    name: str
    folder: Path
    find: Callable[[str], ServedAdapter]
    allow_hub: bool
    load: Callable[[BaseModelSource], LoadedModel]

    def __call__(self) -> Workbench:
        # The operator names it, not a row: a path that is named is allowed.
        is_path = Path(self.name).expanduser().exists()
        source = find_base_model(
            self.name,
            allowed_folders=[self.name] if is_path else [],
            allow_hub=self.allow_hub,
        )
        return Workbench(self.load(source), self.folder, self.find)


def _public_name(name: str) -> str:
    """Return a folder's last name alone: clients need not know where it is."""
    return Path(name).name if name.startswith(("/", ".", "~")) else name
