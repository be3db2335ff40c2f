"""Checks the rows of a selection without a run: the rules of a run, and nothing is written.

What takes the manifest to be found (repeated texts, leaks) is left to the run: it is a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from sqltune.errors import DataError
from sqltune.records import Adapter, SelectionName
from sqltune.selection.bad_rows import RowCounts, find_prompt_fault, find_sample_fault
from sqltune.selection.batches import SampleBatch
from sqltune.selection.eval_prompts import examine_prompts
from sqltune.selection.findings import WARNING, Findings
from sqltune.selection.forgotten import FORGOTTEN
from sqltune.selection.reader import SelectionReader, open_selection
from sqltune.selection.repeats import repeated_key
from sqltune.selection.training_rows import CheckConversation, TooLong, TrainingRows

#: Eight bytes of a hash distinguish a million keys and take a quarter of the memory.
_PREFIX_BYTES = 8


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """What the rules found in one selection."""

    counts: RowCounts
    findings: Findings
    fault: DataError | None  #: why a run would fail; None: it would not


def check_samples(
    reader: SelectionReader,
    adapter: Adapter,
    *,
    too_long: TooLong | None,
    check_conversation: CheckConversation | None,
    listed_in: str,
) -> CheckedRows:
    """Check an adapter's training selection as `write_manifest` does.

    Args:
        reader: where the query runs.
        adapter: its row.
        too_long: as of `write_manifest`.
        check_conversation: as of `write_manifest`.
        listed_in: where people read the findings.

    Raises:
        DataError: the query cannot be used.
    """
    with open_selection(reader, adapter, SelectionName.TRAINING) as selection:
        rows = TrainingRows(
            selection.columns,
            too_long,
            check_conversation,
            validation_share=adapter.validation_share,
            on_personal_data=adapter.on_personal_data,
        )
        keys: set[bytes] = set()
        # The keys of a dataset are those of its table.
        may_repeat = rows.has_own_keys and adapter.training_query is not None
        for page in selection.pages():
            batch = rows.accept(page)
            if may_repeat:
                _note_repeated_keys(rows, batch, keys)
        for key in selection.left_out:
            rows.findings.add(key, None, FORGOTTEN, WARNING)
        rows.counts.forgotten = len(selection.left_out)
    fault = find_sample_fault(rows.counts, rows.findings, adapter, listed_in)
    return CheckedRows(rows.counts, rows.findings, fault)


def check_prompts(
    reader: SelectionReader, adapter: Adapter, *, scorers: Mapping[str, bool], listed_in: str
) -> CheckedRows:
    """Check an adapter's evaluation selection as `freeze_eval_prompts` does.

    Raises:
        DataError: the query cannot be used.
    """
    counts, findings = examine_prompts(reader, adapter, scorers)
    return CheckedRows(counts, findings, find_prompt_fault(counts, findings, adapter, listed_in))


def _note_repeated_keys(rows: TrainingRows, batch: SampleBatch, seen: set[bytes]) -> None:
    for index, key in enumerate(batch.keys):
        prefix = blake2b(key, digest_size=_PREFIX_BYTES).digest()
        if prefix not in seen:
            seen.add(prefix)
            continue
        name = key.decode()
        rows.counts.skipped += 1
        rows.counts.validation -= index in batch.validation
        rows.findings.add(name, "sample_key", repeated_key(name))
