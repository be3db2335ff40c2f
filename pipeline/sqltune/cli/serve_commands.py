"""The command that serves OpenAI's and Gradient's API to other programs: serve."""

from __future__ import annotations

from typing import Annotated

import typer

from sqltune.cli.options import read_settings
from sqltune.cli.output import say
from sqltune.cli.stopping import stop_on_signals


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(serve)


def serve(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on [default: 127.0.0.1; env: SQLTUNE_SERVE_HOST]."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port, 0 for a free one [default: 8400; env: SQLTUNE_SERVE_PORT]."),
    ] = None,
) -> None:
    """Serve OpenAI's and Gradient's API: other programs ask what sync trained, and tune adapters.

    Exits with 0 on Ctrl-C and SIGTERM; a training in progress is rolled back and its client gets an
    error.
    """
    from sqltune.wiring import open_server

    settings = read_settings(serve_host=host, serve_port=port)
    said = "stopping: a training in progress is rolled back"
    with stop_on_signals(said) as stop, open_server(settings, say) as address:
        say(f"OPENAI_BASE_URL={address.openai_url}")
        say(f"GRADIENT_API_URL={address.url}")
        for slug, model in settings.serve_models:
            say(f"{slug} is {model}")
        if settings.serve_token is None:
            say("SQLTUNE_SERVE_TOKEN is not set: any token is accepted, from this machine only")
        stop.event.wait()
