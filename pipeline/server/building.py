"""The parts of the server, put together and taken apart again."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from random import Random

from pipeline.database.connection import Database
from pipeline.errors import ConfigError
from pipeline.server.app import make_app
from pipeline.server.bases import open_bases
from pipeline.server.catalogue import Catalogue
from pipeline.server.metrics import Metrics
from pipeline.server.running import Address, bind, hold_folder, running
from pipeline.server.service import Service
from pipeline.settings import Settings


@contextmanager
def open_server(
    settings: Settings,
    database: Database,
    folder: Path,
    *,
    now: Callable[[], datetime],
    rng: Random,
) -> Iterator[Address]:
    """The server at work for as long as the block lasts.

    Args:
        settings: of this process.
        database: holds our tables.
        folder: for the adapters of clients.
        now: gives the time, in UTC.
        rng: makes ids, seeds and draws.

    Raises:
        ConfigError: the address cannot be had, or is open to others without a token.
        BackendError: a base model cannot be loaded.
    """
    _require_token(settings)
    with hold_folder(folder), bind(settings.serve_host, settings.serve_port) as listener:
        catalogue = Catalogue(database, folder, now)
        bases = open_bases(
            settings.serve_models,
            folder=folder,
            find=catalogue.find,
            allow_hub=settings.allow_hub_models,
            threads=settings.threads,
            most_waiting=settings.serve_queue,
        )
        service = Service(bases, catalogue, now=now, rng=rng)
        metrics = Metrics()
        metrics.watch_waiting(lambda: sum(base.worker.waiting for base in bases.values()))
        app = make_app(service, metrics, token=settings.serve_token)
        with running(app, service, listener) as address:
            yield address


def _require_token(settings: Settings) -> None:
    """Without a token only this machine may connect."""
    if settings.serve_token is None and not _is_loopback(settings.serve_host):
        raise ConfigError(
            f"{settings.serve_host} can be reached from other machines: set SQLTUNE_SERVE_TOKEN, "
            "or listen on 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(entry[4][0]).is_loopback for entry in found)
