"""The fast answer to "have the samples changed?": all rows are hashed, none written."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

from sqltune.database.connection import Database
from sqltune.database.streaming import open_stream
from sqltune.records import Adapter, Sample, SelectionName
from sqltune.selection.batches import SampleBatch, digest_rows, encode_samples
from sqltune.selection.columns import Column, ColumnMap, map_columns
from sqltune.selection.content_hash import Fingerprint, FingerprintSum
from sqltune.selection.sources import TIMEOUT_SECONDS, find_source
from sqltune.selection.training_rows import TrainingRows, without_held_out


def fingerprint_samples(
    database: Database,
    adapter: Adapter,
    check: Callable[[], None],
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Fingerprint:
    """Hash an adapter's training selection; rows that could not be trained on count too.

    Raises:
        DataError: the query cannot be used.
    """
    source = find_source(database, adapter, SelectionName.TRAINING)
    total = FingerprintSum()
    with open_stream(
        database, source.sql, source.values, check=check, timeout_seconds=timeout_seconds
    ) as stream:
        columns = map_columns(stream.column_names, SelectionName.TRAINING)
        # Keys are not content: without them nothing is spent on their text.
        content = ColumnMap(columns.fields, (None, *columns.indexes[1:]))
        for page in stream.pages():
            kept = without_held_out(content.split(page))
            total.add(digest_page(kept), len(kept[0]))
    return total.result()


def select_samples(
    database: Database,
    adapter: Adapter,
    *,
    check: Callable[[], None],
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Generator[Sample, None, None]:
    """Give the samples that may be trained on, one by one, without writing anything.

    Raises:
        DataError: the query cannot be used.
    """
    source = find_source(database, adapter, SelectionName.TRAINING)
    with open_stream(
        database, source.sql, source.values, check=check, timeout_seconds=timeout_seconds
    ) as stream:
        rows = TrainingRows(map_columns(stream.column_names, SelectionName.TRAINING), None)
        for page in stream.pages():
            yield from _samples(rows.accept(page))


def digest_page(columns: list[Column]) -> list[bytes]:
    """Hash a page of rows, also those that nothing could be trained on."""
    if not columns[0]:
        return []
    batch = encode_samples(columns, named=False)
    return digest_rows(columns) if batch is None else list(batch.digests)


def _samples(batch: SampleBatch) -> Iterator[Sample]:
    columns = (
        batch.keys,
        batch.prompts,
        batch.responses,
        batch.system_prompts,
        batch.weights,
        batch.groups,
        batch.splits,
    )
    for key, prompt, response, system_prompt, weight, group_key, split in zip(
        *columns, strict=True
    ):
        yield Sample(
            sample_key=key.decode(),
            prompt=prompt.decode(),
            response=response.decode(),
            system_prompt=None if system_prompt is None else system_prompt.decode(),
            weight=weight,
            group_key=None if group_key is None else group_key.decode(),
            split=None if split is None else split.decode(),
        )
