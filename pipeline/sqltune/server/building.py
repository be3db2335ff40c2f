"""The parts of the server, put together and taken apart again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random

from sqltune.database.connection import Database
from sqltune.local_lora.base_models.converted import ConvertedModels
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_found
from sqltune.local_lora.sources import BaseModelSource
from sqltune.server.app import make_app
from sqltune.server.bases import open_bases
from sqltune.server.call_metrics import CallMetrics
from sqltune.server.catalogue import Catalogue
from sqltune.server.folder_lock import lock_folder
from sqltune.server.running import ListenAddress, bind, running
from sqltune.server.service import Service
from sqltune.settings import Settings


@contextmanager
def open_server(
    settings: Settings,
    database: Database,
    folder: Path,
    *,
    now: Callable[[], datetime],
    rng: Random,
    say: Callable[[str], None],
) -> Iterator[ListenAddress]:
    """Run the server for the duration of the block.

    Args:
        settings: of this process.
        database: with our tables.
        folder: for the adapters of clients.
        now: returns the time, in UTC.
        rng: makes ids, seeds and draws.
        say: reports what takes long.

    Raises:
        ConfigError: the address cannot be used, or another server uses the folder.
        BackendError: a base model cannot be loaded.
    """
    with lock_folder(folder), bind(settings.serve_host, settings.serve_port) as listener:
        catalogue = Catalogue(database, folder, now)
        bases = open_bases(
            settings.serve_models,
            folder=folder,
            find=catalogue.find,
            allow_hub=settings.allow_hub_models,
            load=partial(_load, ConvertedModels(settings.cache, say), settings),
            most_waiting=settings.serve_queue,
        )
        service = Service(bases, catalogue, now=now, rng=rng, rehearses=settings.serve_rehearsal)
        metrics = CallMetrics()
        metrics.watch_waiting(lambda: sum(base.thread.waiting for base in bases.values()))
        app = make_app(service, metrics, token=settings.serve_token)
        with running(app, service, listener) as address:
            yield address


def _load(converted: ConvertedModels, settings: Settings, source: BaseModelSource) -> LoadedModel:
    return load_found(source, converted, threads=settings.threads, device=settings.device)
