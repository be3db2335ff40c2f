"""Warns of evaluation prompts among the samples: on those, a trained model scores too well."""

from __future__ import annotations

from contextlib import AbstractContextManager

from sqltune.database.queries import load_statements
from sqltune.database.run_scope import RunScope
from sqltune.database.streaming import RowStream, open_stream
from sqltune.selection.findings import WARNING, Findings
from sqltune.selection.rules import Problem


def note_leaks(
    scope: RunScope, manifest_id: int, findings: Findings, *, timeout_seconds: float
) -> None:
    """Note each sample of a manifest whose prompt is one of the run's evaluation prompts.

    The samples are streamed and compared with the few evaluation prompts in memory: long texts have
    no index that a join could use.
    """
    statements = load_statements(scope.database.kind.value)

    def stream(name: str, **values: int) -> AbstractContextManager[RowStream]:
        return open_stream(
            scope.database,
            statements[name],
            values,
            check=scope.check,
            timeout_seconds=timeout_seconds,
        )

    with stream("select_run_prompts", run_id=scope.run_id) as prompts:
        asked = {prompt: key for page in prompts.pages() for key, prompt in page}
    if not asked:
        return
    with stream("select_manifest_prompts", manifest_id=manifest_id) as samples:
        for page in samples.pages():
            for sample_key, prompt in page:
                if prompt in asked:
                    message = f"sample {sample_key.decode()} has the same prompt and is trained on"
                    key = asked[prompt].decode()
                    findings.add(key, "prompt", Problem("leak", message), WARNING)
