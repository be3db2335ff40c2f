"""Warns of evaluation prompts among the samples: asked what it was trained on, a model shines."""

from __future__ import annotations

from collections.abc import Callable

from sqltune.database.connection import Database
from sqltune.database.queries import load_statements
from sqltune.database.streaming import open_stream
from sqltune.selection.findings import WARNING, Findings
from sqltune.selection.rules import Problem


def note_leaks(
    database: Database,
    run_id: int,
    manifest_id: int,
    findings: Findings,
    *,
    check: Callable[[], None],
    timeout_seconds: float,
) -> None:
    """Note each sample of a manifest whose prompt is one of the run's evaluation prompts.

    The samples are streamed past the few evaluation prompts: long texts have no index that a join
    could use.
    """
    statements = load_statements(database.kind.value)
    asked: dict[bytes, bytes] = {}
    with open_stream(
        database,
        statements["select_run_prompts"],
        {"run_id": run_id},
        check=check,
        timeout_seconds=timeout_seconds,
    ) as stream:
        for page in stream.pages():
            asked.update((prompt, key) for key, prompt in page)
    if not asked:
        return
    with open_stream(
        database,
        statements["select_manifest_prompts"],
        {"manifest_id": manifest_id},
        check=check,
        timeout_seconds=timeout_seconds,
    ) as stream:
        for page in stream.pages():
            for sample_key, prompt in page:
                if prompt in asked:
                    key = asked[prompt].decode()
                    message = f"sample {sample_key.decode()} has this prompt: it was trained on"
                    findings.add(key, "prompt", Problem("leak", message), WARNING)
