"""Checks the rows of a selection without a run: by the rules of a run, and nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from sqltune.database.connection import Database
from sqltune.errors import DataError
from sqltune.records import Adapter
from sqltune.selection.bad_rows import RowCounts, find_prompt_fault, find_sample_fault
from sqltune.selection.batches import SampleBatch
from sqltune.selection.eval_prompts import PromptReading, count_leaked, examine_prompts
from sqltune.selection.findings import WARNING, Findings
from sqltune.selection.leaks import AskedRow, search_manifest
from sqltune.selection.reader import SelectionReader
from sqltune.selection.repeats import repeated_key
from sqltune.selection.rules import Problem
from sqltune.selection.sample_reading import ModelLimits, read_by_rules
from sqltune.selection.training_rows import TrainingRows

#: Eight bytes of a hash distinguish a million keys and take a quarter of the memory.
_PREFIX_BYTES = 8


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """What the rules found in one selection."""

    counts: RowCounts
    findings: Findings
    fault: DataError | None  #: why a run would fail; None: it would not
    fingerprint: str  #: of the selection, as a plan computes it


@dataclass(frozen=True, slots=True)
class CheckedPrompts:
    """What the rules found in an evaluation selection."""

    rows: CheckedRows
    sql_scorers: Collection[str]  #: the views that score prompts
    reading: PromptReading


def check_prompts(
    reader: SelectionReader, adapter: Adapter, *, scorers: Mapping[str, bool], listed_in: str
) -> CheckedPrompts:
    """Check an adapter's evaluation selection as `freeze_eval_prompts` does.

    Leaks are found by the check of the samples that comes after it.

    Raises:
        DataError: the query cannot be used.
    """
    reading = examine_prompts(reader, adapter, scorers)
    fault = find_prompt_fault(reading.counts, reading.findings, adapter, listed_in)
    rows = CheckedRows(reading.counts, reading.findings, fault, reading.total.result().text)
    return CheckedPrompts(rows, reading.sql_scorers, reading)


def warn_of_prompts(prompts: CheckedPrompts, row_key: str, rule: str, message: str) -> None:
    """Add a warning to what was found."""
    prompts.rows.findings.add(row_key, None, Problem(rule, message), WARNING)


def check_samples(
    reader: SelectionReader,
    adapter: Adapter,
    prompts: CheckedPrompts,
    *,
    limits: ModelLimits,
    listed_in: str,
) -> CheckedRows:
    """Check an adapter's training selection as `write_manifest` does, and its prompts for leaks.

    Args:
        reader: where the query runs.
        adapter: its row.
        prompts: get the warnings of leaks.
        limits: of the base model.
        listed_in: where people read the findings.

    Raises:
        DataError: the query cannot be used.
    """
    keys: set[bytes] = set()

    def on_page(rows: TrainingRows, batch: SampleBatch) -> None:
        # The keys of a dataset are those of its table.
        may_repeat = rows.has_own_keys and adapter.training_query is not None
        repeated = _note_repeated_keys(rows, batch, keys) if may_repeat else set()
        left_out = repeated | batch.validation
        samples = zip(
            *(batch.keys, batch.prompts, batch.system_prompts, batch.messages, batch.groups),
            strict=True,
        )
        prompts.reading.leaks.add(
            AskedRow._make(row) for index, row in enumerate(samples) if index not in left_out
        )

    reading = read_by_rules(reader, adapter, limits, on_page)
    prompts.reading.leaks.finish()
    count_leaked(prompts.reading)
    counts, findings = reading.rows.counts, reading.rows.findings
    fault = find_sample_fault(counts, findings, adapter, listed_in)
    return CheckedRows(counts, findings, fault, reading.selection_sum.result().text)


def check_leaks(
    database: Database, reader: SelectionReader, manifest_id: int, prompts: CheckedPrompts
) -> None:
    """Check prompts for leaks where nothing is trained: by what a version was trained on.

    Args:
        database: where the manifest is.
        reader: for how long, and until when.
        manifest_id: of the version.
        prompts: get the warnings.
    """
    search_manifest(
        database,
        manifest_id,
        prompts.reading.leaks,
        check=reader.check,
        timeout_seconds=reader.timeout_seconds,
    )
    count_leaked(prompts.reading)


def _note_repeated_keys(rows: TrainingRows, batch: SampleBatch, seen: set[bytes]) -> set[int]:
    """Note samples whose key an earlier one has, and return their places in the page."""
    repeated = set()
    for index, key in enumerate(batch.keys):
        prefix = blake2b(key, digest_size=_PREFIX_BYTES).digest()
        if prefix not in seen:
            seen.add(prefix)
            continue
        name = key.decode()
        rows.counts.skipped += 1
        rows.counts.validation -= index in batch.validation
        rows.findings.add(name, "sample_key", repeated_key(name))
        repeated.add(index)
    return repeated
