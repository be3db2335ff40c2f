"""The parts of the server, put together and taken apart again."""

from __future__ import annotations

import logging
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
from sqltune.server.bodies import MOST_BYTES
from sqltune.server.call_metrics import CallMetrics
from sqltune.server.catalogue import Catalogue
from sqltune.server.connections import Limits
from sqltune.server.exposure import local_hosts
from sqltune.server.external_function import ExternalFunction
from sqltune.server.folder_lock import lock_folder
from sqltune.server.openai_api.routes import OpenAiRoutes
from sqltune.server.running import ListenAddress, bind, most_connections, running
from sqltune.server.service import Service
from sqltune.server.tuned_models import TunedModels
from sqltune.server.use_recording import EndedRequest, UseRecorder
from sqltune.settings import Settings

logger = logging.getLogger(__name__)


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
    connections = most_connections()
    with lock_folder(folder), bind(settings.serve_host, settings.serve_port) as listener:
        catalogue = Catalogue(database, folder, now)
        bases = open_bases(
            settings.serve_models,
            folder=folder,
            find=catalogue.find,
            allow_hub=settings.allow_hub_models,
            load=partial(_load, ConvertedModels(settings.cache, say), settings),
            # The other half of the connections is for calls that wait for no base model.
            most_waiting=min(settings.serve_queue, connections // 2),
            patience_seconds=settings.stall_seconds,
        )
        service = Service(bases, catalogue, now=now, rng=rng, rehearses=settings.serve_rehearsal)
        models = TunedModels(database, settings.artifacts, bases)
        metrics = CallMetrics()
        use = UseRecorder(database, server_key=f"{rng.getrandbits(128):032x}", now=now)

        def count(request: EndedRequest) -> None:
            metrics.count_request(request)
            use.count(request)

        metrics.watch_waiting(lambda: sum(base.thread.waiting for base in bases.values()))
        app = make_app(
            service,
            metrics,
            lambda bodies: [
                *OpenAiRoutes(models, bodies, count=count, now=now, rng=rng).list_routes(),
                *ExternalFunction(models, bodies, count=count).list_routes(),
            ],
            new_id=lambda: f"req_{rng.getrandbits(96):024x}",
            token=settings.serve_token,
            hosts=None if settings.serve_token else local_hosts(settings.serve_host, listener),
        )
        limits = Limits(connections, body_bytes=2 * MOST_BYTES)
        with recording(use), running(app, listener, limits) as address:
            where = (address.host, address.port)
            logger.info("the server listens on %s:%d", *where, extra={"event": "serve_started"})
            try:
                yield address
            finally:
                # First the calls, so that every waiting client gets a reply.
                service.stop()
        logger.info("the server has stopped", extra={"event": "serve_stopped"})


@contextmanager
def recording(use: UseRecorder) -> Iterator[None]:
    """Write what is counted for the duration of the block, and the rest at its end."""
    use.start()
    try:
        yield
    finally:
        use.stop()


def _load(converted: ConvertedModels, settings: Settings, source: BaseModelSource) -> LoadedModel:
    return load_found(source, converted, threads=settings.threads, device=settings.device)
