"""Reads a training selection by all rules of a run, to store its samples or only to check them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqltune.records import Adapter, SelectionName
from sqltune.selection.batches import SampleBatch, digest_refused
from sqltune.selection.content_hash import FingerprintSum
from sqltune.selection.findings import WARNING
from sqltune.selection.forgotten import FORGOTTEN
from sqltune.selection.reader import SelectionReader, open_selection
from sqltune.selection.sample_rules import begin_sample_rules
from sqltune.selection.training_rows import CheckConversation, TooLong, TrainingRows
from sqltune.selection.validation_rows import mark_digests


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What a base model cannot read."""

    #: Returns a text's number of tokens where the base model accepts fewer; None: no limit.
    too_long: TooLong | None = None
    #: Returns why it cannot read a sample with messages; None: nothing more is checked.
    check_conversation: CheckConversation | None = None


@dataclass(slots=True)
class SampleReading:
    """What one reading of a training selection found."""

    rows: TrainingRows
    #: over all rows that are not held out
    selection_sum: FingerprintSum = field(default_factory=FingerprintSum)
    #: over those that can be trained on
    manifest_sum: FingerprintSum = field(default_factory=FingerprintSum)


def read_by_rules(
    reader: SelectionReader,
    adapter: Adapter,
    limits: ModelLimits,
    on_page: Callable[[TrainingRows, SampleBatch], None],
) -> SampleReading:
    """Read an adapter's training selection once.

    Args:
        reader: where the query runs.
        adapter: its row.
        limits: of its base model.
        on_page: called with what was read so far and with the samples of each page.

    Raises:
        DataError: the query cannot be used.
    """
    share = adapter.validation_share
    with open_selection(reader, adapter, SelectionName.TRAINING) as selection:
        rows = TrainingRows(
            selection.columns,
            limits.too_long,
            limits.check_conversation,
            validation_share=share,
            on_personal_data=adapter.on_personal_data,
            warns_of_texts=True,
        )
        reading, rules = SampleReading(rows), begin_sample_rules(adapter.near_duplicate_at)
        for page in selection.pages():
            batch = rows.accept(page)
            rules.add(batch)
            digests = mark_digests(batch.digests, batch.validation)
            reading.manifest_sum.add(digests, len(batch))
            reading.selection_sum.add(digests, len(batch))
            reading.selection_sum.add(*digest_refused(rows.refused, share))
            on_page(rows, batch)
        for key in selection.left_out:
            rows.findings.add(key, None, FORGOTTEN, WARNING)
        rows.counts.forgotten = len(selection.left_out)
    rules.note(rows.findings, has_own_keys=rows.has_own_keys)
    return reading
