"""The command that stays: worker."""

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
        typer.Option(help="Pause between two looks [default: 1; env: SQLTUNE_POLL_SECONDS]."),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="Where metrics are told [default: 127.0.0.1; env: SQLTUNE_WORKER_HOST]."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of /metrics and /healthz, 0 for a free one [default: none; env: "
            "SQLTUNE_WORKER_PORT]."
        ),
    ] = None,
) -> None:
    """Stay, and sync what is due: rows of `runs` that ask, adapters with a sync_every, runs that
    nobody ended.

    Any number may run. Ends with 0 on Ctrl-C and SIGTERM; its run stays resumable.
    """
    from sqltune.syncing import worker as loop
    from sqltune.syncing.watcher import open_watcher
    from sqltune.wiring import open_migrated_runtime

    settings = read_settings(poll_seconds=poll_seconds, worker_host=host, worker_port=port)
    reporter = make_reporter(time.monotonic)
    with (
        stop_on_signals() as stop,
        open_migrated_runtime(settings, reporter) as runtime,
        open_watcher(settings, time.monotonic) as (watcher, address),
    ):
        if address is not None:
            say(f"{address}/metrics and {address}/healthz")
        say(f"looking every {settings.poll_seconds:g} s for something to do")
        loop.work(runtime, adapters or [], watcher, stop=stop.event, monotonic=time.monotonic)
