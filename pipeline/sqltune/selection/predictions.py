"""Which rows of a prediction selection are to be asked: new, changed, or not answered well.

A reading takes memory for a few pages and eight bytes a row. What is to be asked waits in a file
without a name, so that no connection stays open while models answer.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import IO

from sqltune.database.connection import Database
from sqltune.database.tables import predictions
from sqltune.database.tables.message_texts import read_messages
from sqltune.database.tables.predictions import KnownPrediction
from sqltune.records import Adapter, Message, SelectionName
from sqltune.selection.content_hash import Fingerprint, FingerprintSum
from sqltune.selection.findings import Findings
from sqltune.selection.prediction_rows import PredictionRow, read_prediction_rows
from sqltune.selection.reader import SelectionReader, open_selection
from sqltune.selection.rules import Problem

#: Rows whose predictions are looked up at once.
_LOOKED_UP = 500
#: Texts that wait in memory before they wait in a file.
_IN_MEMORY_BYTES = 4_000_000
#: So many rows are compared without numpy, which takes a while to load.
_FEW_ROWS = 100_000
_DUPLICATE = "duplicate_key"
#: An answer that `sqltune forget` removed; the same version would give it again.
_FORGOTTEN = "forgotten"


class RowNeed(StrEnum):
    """Why a row is to be asked, or that it cannot be."""

    NEW = "new"
    CHANGED = "changed"
    OLDER = "answered by another version"
    AGAIN = "asked again"  #: all rows are asked
    RETRIED = "tried again"  #: the answer was an error
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class PredictionTask:
    """What is asked, of which rows, and which of them count as answered."""

    adapter: Adapter
    version_number: int
    asks_all: bool
    max_attempts: int  #: how often a row is asked whose answer is an error
    run_id: int | None = None  #: the run that asks; None: none does yet


@dataclass(frozen=True, slots=True)
class RowToAsk:
    """A row that is to be asked, or that has an error of its own."""

    key: str
    content_hash: str
    need: RowNeed
    attempt_count: int  #: this one included
    prompt: str
    system_prompt: str | None
    messages_text: str | None
    error_code: str | None = None  #: with bad
    error_message: str | None = None
    was_duplicate: bool = False  #: what is stored of it is that its key is another row's too
    has_answer: bool = False  #: of this version to this content: an error does not replace it
    is_stored: bool = False  #: there is a prediction, which this one replaces

    @property
    def messages(self) -> tuple[Message, ...] | None:
        """The conversation; None: only the prompt."""
        return read_messages(self.messages_text)


@dataclass(slots=True)
class PredictionScan:
    """What one reading of a prediction selection found."""

    waiting: IO[str]
    findings: Findings = field(default_factory=lambda: Findings(SelectionName.PREDICTION))
    row_count: int = 0
    key_hashes: array[int] = field(default_factory=lambda: array("q"))
    repeated: frozenset[int] = frozenset()  #: hashes of keys that several rows have
    counts: Counter[RowNeed] = field(default_factory=Counter)  #: of what is to be done
    new_count: int = 0  #: rows without a prediction about which something is to be done
    total: FingerprintSum = field(default_factory=FingerprintSum)  #: of keys and contents

    @property
    def ask_count(self) -> int:
        """How many rows are to be asked."""
        return self.counts.total() - self.counts[RowNeed.BAD]

    def rows(self) -> Iterator[RowToAsk]:
        """Yield what is to be asked, and once each the rows that cannot be."""
        seen: set[int] = set()
        for row in self._read():
            if (hashed := hash(row.key)) not in self.repeated:
                yield row
            elif not row.was_duplicate and hashed not in seen:
                seen.add(hashed)
                yield _as_duplicate(row)

    def duplicates(self) -> Iterator[RowToAsk]:
        """Yield one row of each key that several have, whether that is stored or not."""
        seen: set[int] = set()
        for row in self._read() if self.repeated else ():
            if (hashed := hash(row.key)) in self.repeated and hashed not in seen:
                seen.add(hashed)
                yield _as_duplicate(row)

    def _read(self) -> Iterator[RowToAsk]:
        self.waiting.seek(0)
        for line in self.waiting:
            key, content_hash, need, *rest = json.loads(line)
            yield RowToAsk(key, content_hash, RowNeed(need), *rest)


@contextmanager
def scan_predictions(
    database: Database, reader: SelectionReader, task: PredictionTask, *, counts_only: bool = False
) -> Iterator[PredictionScan]:
    """Read an adapter's prediction selection and yield what is to be asked of it.

    Args:
        database: with the predictions that are known.
        reader: where the query runs.
        task: what is asked.
        counts_only: the rows come without their texts.

    Raises:
        DataError: the query cannot be used.
    """
    # What was forgotten is not asked of the selection: a prediction stores no text of its row.
    reader = replace(reader, forgotten=None)
    with SpooledTemporaryFile(
        max_size=_IN_MEMORY_BYTES, mode="w+", encoding="utf-8", newline="\n"
    ) as waiting:
        scan = PredictionScan(waiting)
        with open_selection(reader, task.adapter, SelectionName.PREDICTION) as selection:
            for page in read_prediction_rows(selection):
                scan.total.add(map(_digest, page), len(page))
                for start in range(0, len(page), _LOOKED_UP):
                    rows = page[start : start + _LOOKED_UP]
                    for row in _find_rows(database, scan, task, rows):
                        row = _without_texts(row) if counts_only else row
                        print(json.dumps(astuple(row), ensure_ascii=False), file=waiting)
        scan.repeated = _find_repeated(scan.key_hashes)
        for row in scan.rows():
            scan.counts[row.need] += 1
            scan.new_count += not row.is_stored
        for row in scan.duplicates():
            scan.findings.add(row.key, "row_key", Problem(_DUPLICATE, row.error_message or ""))
        yield scan


def fingerprint_predictions(reader: SelectionReader, adapter: Adapter) -> Fingerprint:
    """Hash the keys and contents of an adapter's prediction selection, and look nothing up.

    Raises:
        DataError: the query cannot be used.
    """
    total = FingerprintSum()
    reader = replace(reader, forgotten=None)
    with open_selection(reader, adapter, SelectionName.PREDICTION) as selection:
        for page in read_prediction_rows(selection):
            total.add(map(_digest, page), len(page))
    return total.result()


def make_settled_key(task: PredictionTask, fingerprint: Fingerprint, stored_count: int) -> str:
    """Return a hash of all on which it depends whether a row is to be asked.

    Args:
        task: what would ask.
        fingerprint: of the rows.
        stored_count: how many predictions are stored; somebody may have removed some.
    """
    facts = (fingerprint.text, task.version_number, task.max_attempts, stored_count)
    return sha256(json.dumps(facts).encode()).hexdigest()


def describe_scan(scan: PredictionScan) -> str:
    """Return how many rows are to be asked, and why: '124 of 9,000 rows: 120 new, 4 changed'."""
    rows = "1 row" if scan.row_count == 1 else f"{scan.row_count:,} rows"
    reasons = ", ".join(f"{scan.counts[need]:,} {need}" for need in RowNeed if scan.counts[need])
    return f"{scan.ask_count:,} of {rows}" + (f": {reasons}" if reasons else "")


def _digest(row: PredictionRow) -> bytes:
    return sha256(f"{row.key}\0{row.content_hash}".encode()).digest()


def _find_rows(
    database: Database, scan: PredictionScan, task: PredictionTask, rows: Sequence[PredictionRow]
) -> Iterator[RowToAsk]:
    """Yield those of some rows about which something is to be done."""
    keys = [row.key for row in rows if row.key is not None]
    known: dict[str, KnownPrediction] = {}
    if keys:
        scan.key_hashes.extend(map(hash, keys))
        with database.read() as session:
            known = predictions.fetch_predictions(session, task.adapter.adapter_name, keys)
    for row in rows:
        scan.row_count += 1
        if row.problem is not None:
            scan.findings.add(row.key or f"row {scan.row_count}", *row.problem)
        if row.key is None:
            continue
        found = known.get(row.key)
        to_ask = None if _is_answered(row, found, task) else _judge(row, row.key, found, task)
        if to_ask is not None:
            yield to_ask


def _is_answered(row: PredictionRow, known: KnownPrediction | None, task: PredictionTask) -> bool:
    """Whether nothing is to be done, as for most rows of most readings."""
    return not task.asks_all and _has_answer(row, known, task)


def _has_answer(row: PredictionRow, known: KnownPrediction | None, task: PredictionTask) -> bool:
    return (
        known is not None
        and known.content_hash == row.content_hash
        and known.version_number == task.version_number
        and known.error_code is None
    )


def _judge(
    row: PredictionRow, key: str, known: KnownPrediction | None, task: PredictionTask
) -> RowToAsk | None:
    """Return what is to be done about a row; None: nothing."""
    was_duplicate = known is not None and known.error_code == _DUPLICATE
    if row.problem is not None:
        return _judge_bad(row, key, known, row.problem[1], was_duplicate)
    need = _find_need(row, known, task)
    if need is None:
        return None
    is_retried = need is RowNeed.RETRIED and known is not None and not was_duplicate
    return RowToAsk(
        key,
        row.content_hash,
        need,
        known.attempt_count + 1 if is_retried and known is not None else 1,
        row.prompt.decode(),
        None if row.system_prompt is None else row.system_prompt.decode(),
        None if row.messages is None else row.messages.decode(),
        was_duplicate=was_duplicate,
        has_answer=_has_answer(row, known, task),
        is_stored=known is not None,
    )


def _find_need(
    row: PredictionRow, known: KnownPrediction | None, task: PredictionTask
) -> RowNeed | None:
    if known is None:
        return RowNeed.NEW
    if known.content_hash != row.content_hash:
        return RowNeed.CHANGED
    if known.error_code == _DUPLICATE:
        return RowNeed.RETRIED
    if task.run_id is not None and known.run_id == task.run_id:
        return None
    if task.asks_all and known.error_code is None:
        return RowNeed.AGAIN
    if known.version_number != task.version_number:
        return RowNeed.OLDER
    if known.error_code is None:
        return None
    if known.error_code == _FORGOTTEN and not task.asks_all:
        return None
    is_tried = task.asks_all or known.attempt_count < task.max_attempts
    return RowNeed.RETRIED if is_tried else None


def _judge_bad(
    row: PredictionRow,
    key: str,
    known: KnownPrediction | None,
    problem: Problem,
    was_duplicate: bool,
) -> RowToAsk | None:
    if known is not None and (known.content_hash, known.error_code) == (
        row.content_hash,
        problem.rule,
    ):
        return None
    return RowToAsk(
        key,
        row.content_hash,
        RowNeed.BAD,
        1,
        "",
        None,
        None,
        problem.rule,
        problem.message,
        was_duplicate,
        is_stored=known is not None,
    )


def _without_texts(row: RowToAsk) -> RowToAsk:
    return replace(row, prompt="", system_prompt=None, messages_text=None)


def _as_duplicate(row: RowToAsk) -> RowToAsk:
    message = f"row_key {row.key!r} occurs more than once: make it unique"
    return replace(
        row, need=RowNeed.BAD, attempt_count=1, error_code=_DUPLICATE, error_message=message
    )


def _find_repeated(hashes: array[int]) -> frozenset[int]:
    if len(hashes) <= _FEW_ROWS:
        return frozenset(value for value, count in Counter(hashes).items() if count > 1)
    import numpy as np

    ordered = np.sort(np.frombuffer(hashes, dtype=np.int64))
    return frozenset(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
