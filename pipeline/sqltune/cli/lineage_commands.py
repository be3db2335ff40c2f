"""Commands about what versions were trained on, and about removing it: why, retire, forget."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from sqltune.cli.options import AsCsv, AsJson, read_settings
from sqltune.cli.output import say, write_json
from sqltune.cli.reporters import make_reporter
from sqltune.cli.tables import OutputForm, choose_form, write_data, write_rows, write_table
from sqltune.errors import ConfigError

if TYPE_CHECKING:
    from sqltune.operations.explaining import Explanation
    from sqltune.operations.forgetting import ErasurePlan
    from sqltune.runtime import Runtime

#: Names that a cell lists; `--json` has all.
_LISTED = 20
_WHY_COLUMNS = ("sample_key", "similarity", "prompt", "response")


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(why)
    app.command()(retire)
    app.command()(forget)


def why(
    adapter: Annotated[
        str,
        typer.Argument(help="An adapter, whose live version is meant, or NAME@live, or NAME@v3."),
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
    as_csv: AsCsv = False,
) -> None:
    """Show the trained samples whose texts are most like an answer of a version, with their keys.

    Likeness of text, from 0 to 1; it does not measure what a sample did to the weights.
    """
    form = choose_form(as_json=as_json, as_csv=as_csv)
    from sqltune.operations.explaining import AskedPrompt, explain
    from sqltune.wiring import open_migrated_runtime

    question = AskedPrompt(prompt, system_prompt, answer)
    with open_migrated_runtime(read_settings(), make_reporter(time.monotonic)) as runtime:
        explanation = explain(runtime, adapter, question, limit=limit)
    if form is OutputForm.JSON:
        write_json(asdict(explanation))
    elif form is OutputForm.CSV:
        write_data([asdict(sample) for sample in explanation.samples], form)
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


def forget(
    adapter: Annotated[
        str | None, typer.Argument(help="The adapter whose rows these are.", show_default=False)
    ] = None,
    in_all: Annotated[
        bool, typer.Option("--all", help="Rows with these keys in every adapter.")
    ] = False,
    sample: Annotated[
        list[str] | None,
        typer.Option(help="A sample_key, as report_lineage has it; may be given more than once."),
    ] = None,
    query: Annotated[
        str | None, typer.Option(help="A SELECT that returns sample_key, guarded like a selection.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove what the plan shows.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what forgetting rows removes, and with --yes remove it for good.

    Their texts are removed from all tables, and no sync trains on them again, even while the source
    rows are there. Weights of versions that saw them are kept: `sqltune retire` removes those.
    """
    form = choose_form(as_json=as_json, as_csv=as_csv)
    from sqltune.operations import forgetting
    from sqltune.wiring import open_migrated_runtime

    if (adapter is None) == (not in_all):
        raise ConfigError("name an adapter, or give --all for the rows of every adapter")
    if not sample and query is None:
        raise ConfigError("say which rows: --sample KEY, or --query 'SELECT sample_key FROM ...'")
    with open_migrated_runtime(read_settings(), make_reporter(time.monotonic)) as runtime:
        keys = [*(sample or ()), *(forgetting.select_keys(runtime, query) if query else ())]
        plan = forgetting.plan_erasure(runtime, adapter, keys)
        _show_plan(plan, form)
        for key in plan.unknown[:_LISTED]:
            say(f"no stored sample has the key {key!r}: see sample_key in report_lineage")
        if yes:
            _forget(runtime, plan)
        else:
            say("nothing was removed (--yes does)")


def _forget(runtime: Runtime, plan: ErasurePlan) -> None:
    from sqltune.operations import forgetting

    erasure_id = forgetting.forget(runtime, plan)
    if erasure_id is None:
        say("all of it was forgotten before")
    else:
        say(f"forgotten; certificate: report_erasures, erasure_id {erasure_id}")
    for name in plan.quoting:
        say(f"adapters: {name} still quotes it: rewrite it, or the next run records it again")


def _show_plan(plan: ErasurePlan, form: OutputForm) -> None:
    rows = {
        "rows": list(plan.keys),
        "never selected": list(plan.unseen),
        "seen by": [str(version) for version in plan.seen_by],
        "texts of samples": len(plan.samples),
        "evaluation prompts that hold them": len(plan.prompts),
        "weights kept, until `sqltune retire`": [str(v) for v in plan.with_weights],
        "other rows that hold the text": list(plan.left),
        "queries that quote it, for you to rewrite": list(plan.quoting),
        "unfinished erasures": list(plan.unfinished),
    }
    if form is OutputForm.JSON:
        write_json(rows)
        return
    table = [
        {"forget": name, "what": _listed(value)} for name, value in rows.items() if value != []
    ]
    write_rows(table, form, empty="nothing to forget")


def _listed(value: object) -> object:
    if not isinstance(value, list) or len(value) <= _LISTED:
        return ", ".join(value) if isinstance(value, list) else value
    return f"{', '.join(value[:_LISTED])} and {len(value) - _LISTED:,} more"


def _show(explanation: Explanation) -> None:
    say(f"{explanation.adapter_name} v{explanation.version_number}: {explanation.answer}")
    rows = [asdict(sample) for sample in explanation.samples]
    write_table(rows, _WHY_COLUMNS)
