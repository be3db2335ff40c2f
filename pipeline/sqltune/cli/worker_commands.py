"""The command that keeps running: worker."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from sqltune.cli.options import AdapterNames, read_settings
from sqltune.cli.output import say
from sqltune.cli.reporters import make_reporter
from sqltune.cli.stopping import stop_on_signals


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(worker)


def worker(
    adapters: AdapterNames = None,
    poll_seconds: Annotated[
        float | None,
        typer.Option(help="Pause between two scans [default: 1; env: SQLTUNE_POLL_SECONDS]."),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address of /metrics and /healthz [default: 127.0.0.1; env: SQLTUNE_WORKER_HOST]."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of /metrics and /healthz, 0 for a free one [default: none; env: "
            "SQLTUNE_WORKER_PORT]."
        ),
    ] = None,
) -> None:
    """Keep running and sync what is due: requests in `runs`, adapters with a sync_every or a
    reevaluate_every, runs that were left unfinished. Beside them it answers rows of `questions`.

    Any number of workers may run. Exits with 0 on Ctrl-C and SIGTERM; its run stays resumable.
    """
    from sqltune.syncing.watcher import open_watcher
    from sqltune.syncing.worker import Worker
    from sqltune.wiring import open_migrated_runtime

    settings = read_settings(poll_seconds=poll_seconds, worker_host=host, worker_port=port)
    reporter = make_reporter(time.monotonic)
    with (
        stop_on_signals() as stop,
        open_migrated_runtime(settings, reporter) as runtime,
        open_watcher(runtime, time.monotonic) as (watcher, address),
    ):
        if address is not None:
            say(f"{address}/metrics and {address}/healthz")
        say(f"scanning every {settings.poll_seconds:g} s for adapters that are due")
        Worker(runtime, adapters or [], watcher, stop.event, time.monotonic).run()
