"""Documents packed into rows of equal length, each with separate positions and attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tests.pretraining.corpus import Document, stream_documents
from tests.pretraining.tokenizer import with_dropout

#: Share of documents that are cut into smaller pieces than usual.
DROPOUT_SHARE = 0.3
#: Documents among which the one is chosen that fills a row best.
WAITING_DOCUMENTS = 64


@dataclass(frozen=True)
class Batch:
    """Packed rows, ready for one optimizer step."""

    #: (rows, length) int64
    token_ids: Tensor
    #: (rows, length) int64, from 0 in each document
    positions: Tensor
    #: (rows, length) int64, number of the document within the row
    documents: Tensor
    #: (rows, length) float32, weight of each token as a target; 0 on padding
    weights: Tensor


Encoded = tuple[list[int], list[float]]


def stream_batches(
    tokenizer: Tokenizer, *, seed: int | str, rows: int, length: int, pad_id: int
) -> Iterator[Batch]:
    """Yield batches without end; the same ones for the same seed, except for random merges."""
    waiting = stream_encoded(tokenizer, seed, length)
    pool = list(islice(waiting, WAITING_DOCUMENTS))
    while True:
        packed = [_fill_row(pool, waiting, length) for _ in range(rows)]
        yield _to_batch(packed, length, pad_id)


def stream_encoded(tokenizer: Tokenizer, seed: int | str, length: int) -> Iterator[Encoded]:
    """Yield each document as token ids with their weights, no longer than a row."""
    rng = Random(f"{seed}:merges")
    dropping = with_dropout(tokenizer)
    for document in stream_documents(seed):
        chosen = dropping if rng.random() < DROPOUT_SHARE else tokenizer
        ids, weights = encode(document, chosen)
        yield ids[:length], weights[:length]


def encode(document: Document, tokenizer: Tokenizer) -> Encoded:
    """Return the token ids of a document's segments and the weight of each as a target."""
    ids: list[int] = []
    weights: list[float] = []
    for text, weight in document:
        piece = tokenizer.encode(text).ids
        ids += piece
        weights += [weight] * len(piece)
    return ids, weights


def _fill_row(pool: list[Encoded], waiting: Iterator[Encoded], length: int) -> list[Encoded]:
    row: list[Encoded] = []
    room = length
    while True:
        fitting = [d for d in pool if len(d[0]) <= room]
        if not fitting:
            return row
        # The first row member is the oldest one, so that no long document waits forever.
        best = max(fitting, key=lambda d: len(d[0])) if row else pool[0]
        pool.remove(best)
        pool.append(next(waiting))
        row.append(best)
        room -= len(best[0])


def _to_batch(packed: list[list[Encoded]], length: int, pad_id: int) -> Batch:
    shape = (len(packed), length)
    token_ids = torch.full(shape, pad_id, dtype=torch.long)
    positions, documents = (
        torch.zeros(shape, dtype=torch.long),
        torch.zeros(shape, dtype=torch.long),
    )
    weights = torch.zeros(shape)
    for row, members in enumerate(packed):
        start = 0
        for number, (ids, weight) in enumerate(members, start=1):
            end = start + len(ids)
            token_ids[row, start:end] = torch.tensor(ids)
            positions[row, start:end] = torch.arange(len(ids))
            documents[row, start:end] = number
            # The first token of a document cannot be predicted from what precedes it.
            weights[row, start + 1 : end] = torch.tensor(weight[1:])
            start = end
    return Batch(token_ids, positions, documents, weights)
