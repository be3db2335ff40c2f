"""Leaves out of selections what was forgotten, by keyed hashes: neither texts nor keys are kept.

The key is SQLTUNE_FORGET_KEY, or one that the first `sqltune forget` makes and stores. A hash
without a key would let anybody who reads the table find out whether a text that he can guess was
there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqltune.database.connection import Database, Session
from sqltune.database.streaming import Rows
from sqltune.database.tables import forgotten_hashes
from sqltune.database.tables.forgotten_hashes import ForgottenHash
from sqltune.errors import ConfigError
from sqltune.records import SelectionName
from sqltune.selection.columns import ColumnMap
from sqltune.selection.findings import KEPT_PER_RULE
from sqltune.selection.rules import Problem
from sqltune.selection.unfolding import unfold_messages

#: The kinds of keyed hashes.
ROW, TEXTS, PROMPT, ANSWER = "row", "texts", "prompt", "answer"
#: What is wrong with a forgotten row that a query still returns.
FORGOTTEN = Problem(
    "forgotten", "the row was forgotten (`sqltune forget`) and is left out: delete it at its source"
)
#: In the place of an adapter's name: a key that is forgotten in all adapters.
ANY_ADAPTER = ""


@dataclass(frozen=True, slots=True)
class ForgetKey:
    """A secret that hashes are keyed by."""

    key_id: str
    secret: bytes = field(repr=False)

    def hash(self, kind: str, *parts: bytes | None) -> ForgottenHash:
        """Return the keyed hash of some texts."""
        lengths = b"".join(b"%d," % (-1 if part is None else len(part)) for part in parts)
        message = lengths + b"".join(part or b"" for part in parts)
        keyed = blake2b(message, key=self.secret, person=kind.encode(), digest_size=32)
        return ForgottenHash(self.key_id, kind, keyed.hexdigest())


@dataclass(frozen=True, slots=True)
class ForgottenHashes:
    """Everything that was forgotten."""

    keys: tuple[ForgetKey, ...]
    hashes: frozenset[ForgottenHash]

    def holds(self, kind: str, *parts: bytes | None) -> bool:
        """Return whether these texts were forgotten."""
        return any(key.hash(kind, *parts) in self.hashes for key in self.keys)

    def holds_answer(self, answer: str) -> bool:
        """Return whether an answer is a forgotten text, word for word."""
        return self.holds(ANSWER, answer.strip().encode("utf-8", "surrogatepass"))


@dataclass(slots=True)
class ForgottenRows:
    """Takes forgotten rows out of the pages of one selection, and remembers which."""

    known: ForgottenHashes
    adapter_name: str
    selection: SelectionName
    columns: ColumnMap
    left_out: list[str] = field(default_factory=list)  #: keys of the first ones

    def keep_others(self, page: Rows) -> Rows:
        """Return the rows of a page that were not forgotten."""
        fields = unfold_messages(self.columns.split(page), self.selection)
        rows = zip(page, *fields[:5], strict=True)
        return [row for row, *texts in rows if not self._is_forgotten(texts)]

    def _is_forgotten(self, row: Sequence[Any]) -> bool:
        key, *texts = row
        is_training = self.selection is SelectionName.TRAINING
        name = b"%d" % key if isinstance(key, int) else key
        is_found = is_training and isinstance(name, bytes) and self._holds_key(name)
        if not is_found and all(text is None or isinstance(text, bytes) for text in texts):
            is_found = self.known.holds(TEXTS if is_training else PROMPT, *texts)
        if is_found and len(self.left_out) < KEPT_PER_RULE:
            self.left_out.append(name.decode("utf-8", "replace") if name else "a row")
        return is_found

    def _holds_key(self, name: bytes) -> bool:
        adapters = (self.adapter_name, ANY_ADAPTER)
        return any(self.known.holds(ROW, adapter.encode(), name) for adapter in adapters)


def load_forgotten(database: Database, environment_key: str | None) -> ForgottenHashes | None:
    """Return what was forgotten; None: nothing ever was.

    Raises:
        ConfigError: the secret that it was forgotten with is missing: it would be trained again.
    """
    with database.read() as session:
        stored = forgotten_hashes.list_forget_keys(session)
        hashes = forgotten_hashes.list_forgotten_hashes(session) if stored else frozenset()
    if not hashes:
        return None
    given = _key_of_environment(environment_key)
    return ForgottenHashes(_find_keys(stored, given, {h.key_id for h in hashes}), hashes)


def require_key(
    session: Session, environment_key: str | None, make: Callable[[], bytes], *, now: datetime
) -> ForgetKey:
    """Return the key that hashes are made with, and store a new one if there is none.

    Args:
        session: reads and writes.
        environment_key: SQLTUNE_FORGET_KEY.
        make: returns 32 random bytes.
        now: UTC.
    """
    stored, given = forgotten_hashes.list_forget_keys(session), _key_of_environment(environment_key)
    if given is not None:
        if given.key_id not in stored:
            forgotten_hashes.insert_forget_key(session, given.key_id, None, now=now)
        return given
    for key_id, made in stored.items():
        if made is not None:
            return ForgetKey(key_id, bytes.fromhex(made))
    key = _key_of(make())
    forgotten_hashes.insert_forget_key(session, key.key_id, key.secret.hex(), now=now)
    return key


def _find_keys(
    stored: Mapping[str, str | None], given: ForgetKey | None, needed: set[str]
) -> tuple[ForgetKey, ...]:
    found = []
    for key_id in sorted(needed):
        made = stored.get(key_id)
        if made is not None:
            found.append(ForgetKey(key_id, bytes.fromhex(made)))
        elif given is not None and given.key_id == key_id:
            found.append(given)
        else:
            raise ConfigError(
                "samples were forgotten under another SQLTUNE_FORGET_KEY: set it to that one, or "
                "they would be trained again"
            )
    return tuple(found)


def _key_of_environment(environment_key: str | None) -> ForgetKey | None:
    if environment_key is None:
        return None
    return _key_of(blake2b(environment_key.encode(), digest_size=32).digest())


def _key_of(secret: bytes) -> ForgetKey:
    return ForgetKey(blake2b(secret, person=b"key id", digest_size=16).hexdigest(), secret)
