"""The command `ask`: one question to a version, answered here and now."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from sqltune.cli.options import AsJson, read_settings
from sqltune.cli.output import say, write_json, write_text
from sqltune.cli.reporters import make_reporter
from sqltune.cli.tables import write_table

if TYPE_CHECKING:
    from sqltune.operations.asking import Reply


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(ask)


def ask(
    adapter: Annotated[
        str,
        typer.Argument(help="An adapter, whose live version is meant, or NAME@live, or NAME@v3."),
    ],
    prompt: Annotated[str, typer.Argument(help="What to ask; - reads it from stdin.")],
    base: Annotated[
        bool, typer.Option("--base", help="Show the base model's answer beside it.")
    ] = False,
    system: Annotated[
        str | None, typer.Option(help="What precedes the prompt as the system's message.")
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Of the answer; the adapter's if not given.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, help="0: greedy; the adapter's if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a version, and print its answer; nothing is stored.

    Rows of `questions` are answered by `sqltune sync` and `sqltune worker`, and stored.
    """
    from sqltune.operations import asking
    from sqltune.wiring import open_migrated_runtime

    text = sys.stdin.read().rstrip("\n") if prompt == "-" else prompt
    asked = asking.AskedOnce(text, system, max_new_tokens, temperature)
    with open_migrated_runtime(read_settings(), make_reporter(time.monotonic)) as runtime:
        reply = asking.ask(runtime, adapter, asked, with_base=base)
    if as_json:
        write_json(asdict(reply))
    else:
        _show(reply)


def _show(reply: Reply) -> None:
    if reply.base_answer is None:
        say(f"{reply.adapter_name} v{reply.version_number}:")
        write_text(reply.answer.answer)
    else:
        write_table(list(_answers(reply)), ("model", "answer"))


def _answers(reply: Reply) -> Iterator[dict[str, object]]:
    if reply.base_answer is not None:
        yield {"model": reply.base_model, "answer": reply.base_answer.answer}
    version = f"{reply.adapter_name} v{reply.version_number}"
    yield {"model": version, "answer": reply.answer.answer}
