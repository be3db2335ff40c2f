"""Reads an adapter's samples without writing: their fingerprint, or the samples themselves.

The fingerprint is the fast answer to whether the samples have changed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

from sqltune.database.tables.message_texts import read_messages
from sqltune.records import Adapter, Sample, SelectionName
from sqltune.selection.batches import SampleBatch, digest_rows, encode_samples
from sqltune.selection.columns import Column
from sqltune.selection.content_hash import Fingerprint, FingerprintSum
from sqltune.selection.reader import SelectionReader, open_selection
from sqltune.selection.training_rows import TrainingRows, without_held_out
from sqltune.selection.unfolding import unfold_messages


def fingerprint_samples(reader: SelectionReader, adapter: Adapter) -> Fingerprint:
    """Hash an adapter's training selection; rows that cannot be trained on count too.

    Raises:
        DataError: the query cannot be used.
    """
    total = FingerprintSum()
    with closing(digest_samples(reader, adapter)) as pages:
        for digests in pages:
            total.add(digests, len(digests))
    return total.result()


def digest_samples(reader: SelectionReader, adapter: Adapter) -> Generator[list[bytes], None, None]:
    """Yield the content hashes of an adapter's training selection, page by page.

    Raises:
        DataError: the query cannot be used.
    """
    with open_selection(reader, adapter, SelectionName.TRAINING) as selection:
        # Keys are not content: leaving them out saves the time to encode them.
        columns = selection.columns.without_key()
        for page in selection.pages():
            yield digest_page(without_held_out(columns.split(page)))


def select_samples(reader: SelectionReader, adapter: Adapter) -> Generator[Sample, None, None]:
    """Yield the samples that can be trained on, one by one.

    Raises:
        DataError: the query cannot be used.
    """
    with open_selection(reader, adapter, SelectionName.TRAINING) as selection:
        rows = TrainingRows(selection.columns, None)
        for page in selection.pages():
            yield from _samples(rows.accept(page))


def digest_page(columns: list[Column]) -> list[bytes]:
    """Hash a page of rows, including those that cannot be trained on."""
    if not columns[0]:
        return []
    columns = unfold_messages(columns, SelectionName.TRAINING)
    batch = encode_samples(columns, named=False)
    return digest_rows(columns) if batch is None else list(batch.digests)


def _samples(batch: SampleBatch) -> Iterator[Sample]:
    columns = (
        batch.keys,
        batch.prompts,
        batch.responses,
        batch.system_prompts,
        batch.messages,
        batch.weights,
        batch.groups,
        batch.splits,
    )
    for key, prompt, response, system_prompt, messages, weight, group_key, split in zip(
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
            messages=None if messages is None else read_messages(messages.decode()),
        )
