"""Commands about what versions were trained on, and about removing it: why, retire."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from sqltune.cli.options import AsJson, read_settings
from sqltune.cli.output import say, write_json, write_table
from sqltune.cli.reporters import make_reporter

if TYPE_CHECKING:
    from sqltune.operations.explaining import Explanation

_WHY_COLUMNS = ("sample_key", "similarity", "prompt", "response")


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(why)
    app.command()(retire)


def why(
    adapter: Annotated[
        str, typer.Argument(help="An adapter, whose live version is meant, or NAME@v3.")
    ],
    prompt: Annotated[str, typer.Argument(help="The prompt to ask.")],
    answer: Annotated[
        str | None, typer.Option(help="The answer to explain; the version is asked if not given.")
    ] = None,
    system_prompt: Annotated[
        str | None, typer.Option(help="What precedes the prompt as the system's message.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many samples to show.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show the trained samples whose texts are most like an answer of a version, with their keys.

    Likeness of text, from 0 to 1; it does not measure what a sample did to the weights.
    """
    from sqltune.operations.explaining import AskedPrompt, explain
    from sqltune.wiring import open_migrated_runtime

    question = AskedPrompt(prompt, system_prompt, answer)
    with open_migrated_runtime(read_settings(), make_reporter(time.monotonic)) as runtime:
        explanation = explain(runtime, adapter, question, limit=limit)
    if as_json:
        write_json(asdict(explanation))
    else:
        _show(explanation)


def retire(
    adapter: Annotated[str, typer.Argument(help="The adapter_name.")],
    version: Annotated[int, typer.Argument(help="The version_number; none that an alias names.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be removed, and remove nothing.")
    ] = False,
) -> None:
    """Remove the weights of an old version for good; its row, samples and answers are kept.

    The weights that its run kept after each epoch (kept_epochs) are removed too.
    """
    from sqltune.operations import retiring
    from sqltune.runtime import SilentReporter
    from sqltune.wiring import open_migrated_runtime

    with open_migrated_runtime(read_settings(), SilentReporter()) as runtime:
        if dry_run:
            say(f"would retire {retiring.plan_retirement(runtime, adapter, version)}")
        else:
            say(f"retired {retiring.retire(runtime, adapter, version)}")


def _show(explanation: Explanation) -> None:
    say(f"{explanation.adapter_name} v{explanation.version_number}: {explanation.answer}")
    rows = [asdict(sample) for sample in explanation.samples]
    write_table(rows, _WHY_COLUMNS)
