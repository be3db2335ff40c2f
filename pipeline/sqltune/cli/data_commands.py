"""Commands that move rows between files and tables: import and export."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from sqltune.cli.options import read_settings
from sqltune.cli.output import json_line, say
from sqltune.cli.reporters import make_reporter
from sqltune.errors import ConfigError

if TYPE_CHECKING:
    from sqltune.backends.merging import MergedForm


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("import")(import_rows)
    app.command("export")(export_rows)


def import_rows(
    file: Annotated[Path, typer.Argument(help="A .csv, .tsv, .jsonl, .json or .parquet file.")],
    dataset: Annotated[
        str,
        typer.Option(help="The dataset of the rows: for the default queries, an adapter's name."),
    ],
    table: Annotated[
        str, typer.Option(help="training_samples or eval_prompts.")
    ] = "training_samples",
    renamed: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            help="FILE_COLUMN=COLUMN, such as question=prompt; may be given more than once.",
        ),
    ] = None,
) -> None:
    """Insert the rows of a file, except those that the dataset has already.

    A file has the columns of the table, or a form of public training files: messages (OpenAI),
    conversations (ShareGPT), instruction and output (Alpaca), prompt and completion. If rows are
    bad, each is named and nothing is inserted.
    """
    from sqltune.operations import importing
    from sqltune.wiring import open_migrated_database

    if table not in list(importing.InputTable):
        raise ConfigError(f"--table must be training_samples or eval_prompts, got {table!r}")
    reporter = make_reporter(time.monotonic)
    with open_migrated_database(read_settings()) as database:
        done = importing.import_file(
            database,
            file,
            importing.InputTable(table),
            dataset,
            mapping=importing.read_mapping(renamed or (), importing.InputTable(table)),
            on_progress=lambda rows: reporter.progress("importing", rows, None),
        )
    reporter.finish()
    known = f"; {done.known:,} were there already" if done.known else ""
    form = f" ({done.form})" if str(done.form or "") else ""
    say(f"{done.inserted:,} rows inserted into {table}, dataset {dataset!r}{known}{form}")


def export_rows(
    adapter: Annotated[str, typer.Argument(help="An adapter's name.")],
    version: Annotated[
        int | None, typer.Option(help="A version number; the latest when not given.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; stdout when not given.")
    ] = None,
    merged: Annotated[
        Path | None,
        typer.Option(
            help="A new folder: write the version's weights merged into its base model there, for "
            "transformers, instead of samples."
        ),
    ] = None,
    gguf: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A new file: write the same as one GGUF file in F16, for llama.cpp and Ollama. "
            "Only for base models that came from a GGUF file.",
        ),
    ] = None,
) -> None:
    """Export the exact samples that a version was trained on, as JSON lines in UTF-8."""
    target = _merged_target(output, merged, gguf)
    if target is not None:
        _export_merged(adapter, version, *target)
        return
    from sqltune.operations.exporting import export_samples
    from sqltune.wiring import open_migrated_database

    with open_migrated_database(read_settings()) as database:
        exported = export_samples(database, adapter, version)
        if exported.removed_count:
            said = "forgotten or expired, and are left out"
            say(f"{exported.removed_count:,} samples of this version were {said}")
        if output is None:
            for sample in exported.objects:
                sys.stdout.buffer.write(json_line(sample))
            sys.stdout.buffer.flush()
            return
        count = 0
        with _open_output(output) as stream:
            for sample in exported.objects:
                stream.write(json_line(sample))
                count += 1
    say(f"{count:,} samples written to {output}")


@contextmanager
def _open_output(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write, which another user of the machine has not put there as a link."""
    if path.is_symlink() and (path.is_file() or not path.exists()):
        raise ConfigError(f"{path} is a symbolic link: name the file that it leads to")
    try:
        with path.open("wb") as stream:
            yield stream
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror or error}; free some space or name another file"
        ) from error


def _merged_target(
    output: Path | None, merged: Path | None, gguf: Path | None
) -> tuple[Path, MergedForm] | None:
    from sqltune.backends.merging import MergedForm

    if merged is not None and gguf is not None:
        raise ConfigError("give --merged or --gguf, not both")
    if output is not None and (merged or gguf):
        raise ConfigError("--output is for samples: leave it out with --merged and --gguf")
    if gguf is not None:
        return gguf, MergedForm.GGUF
    return None if merged is None else (merged, MergedForm.FOLDER)


def _export_merged(adapter: str, version: int | None, target: Path, form: MergedForm) -> None:
    from sqltune.operations.exporting import export_merged
    from sqltune.wiring import open_migrated_runtime

    with open_migrated_runtime(read_settings(), make_reporter(time.monotonic)) as runtime:
        exported = export_merged(runtime, adapter, version, target, form)
    say(f"version {exported.version_number} of {adapter!r} written to {target} as one model")
