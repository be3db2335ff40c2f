"""Rules on several samples at once: contradictions, repeated texts, near duplicates.

Samples are added page by page as they are read, and the findings follow at the end. Of each, a few
hashes and its key are kept: about 200 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from sqltune.selection.batches import SampleBatch
from sqltune.selection.contradictions import note_contradictions
from sqltune.selection.findings import Findings
from sqltune.selection.near_duplicates import NearDuplicates
from sqltune.selection.questions import read_context
from sqltune.selection.repeated_texts import note_duplicates, note_validation_leaks
from sqltune.selection.row_keys import RowKeys

_HASH_BYTES = 8
#: What two answers may differ in without contradicting each other.
_BLANKS_AND_MARKS = b" \t\r\n.,;:!?'\"`*"


@dataclass(slots=True)
class _Hashes:
    """The keys of some samples, and hashes of their texts, in their order."""

    keys: RowKeys = field(default_factory=RowKeys)
    texts: bytearray = field(default_factory=bytearray)

    def add(self, batch: SampleBatch, indexes: Sequence[int]) -> None:
        self.keys.add(batch.keys[index] for index in indexes)
        for index in indexes:
            self.texts += _hash(_all_texts(batch, index))


@dataclass(slots=True)
class SampleRules:
    """What the samples of one selection have in common."""

    near: NearDuplicates | None  #: None: near duplicates are not looked for
    _trained: _Hashes = field(default_factory=_Hashes)
    _measured: _Hashes = field(default_factory=_Hashes)
    _contents: bytearray = field(default_factory=bytearray)
    _prompts: bytearray = field(default_factory=bytearray)
    _responses: bytearray = field(default_factory=bytearray)

    def add(self, batch: SampleBatch) -> None:
        """Add the samples of a page; those for validation are only looked for in the others."""
        trained = [index for index in range(len(batch)) if index not in batch.validation]
        self._trained.add(batch, trained)
        self._measured.add(batch, sorted(batch.validation))
        for index in trained:
            self._contents += batch.digests[index][:_HASH_BYTES]
            self._prompts += _hash(_question(batch, index))
            self._responses += _hash([_bare(batch.responses[index])])
        if self.near is not None:
            self.near.add([_whole(batch, index) for index in trained])

    def note(self, findings: Findings, *, has_own_keys: bool) -> None:
        """Add what was found; to be called once, after the last page.

        Args:
            findings: get the warnings.
            has_own_keys: whether the query names its rows; if not, the content hash does.
        """
        keys = self._trained.keys
        note_contradictions(self._prompts, self._responses, keys, findings)
        note_duplicates(self._contents, keys, findings, has_own_keys=has_own_keys)
        note_validation_leaks(
            self._trained.texts, keys, self._measured.texts, self._measured.keys, findings
        )
        if self.near is not None:
            self.near.note(keys, findings)


def begin_sample_rules(near_duplicate_at: float | None) -> SampleRules:
    """Return the rules without any sample.

    Args:
        near_duplicate_at: from which similarity samples are near duplicates; None: never.
    """
    return SampleRules(None if near_duplicate_at is None else NearDuplicates(near_duplicate_at))


def _question(batch: SampleBatch, index: int) -> Sequence[bytes]:
    """Return all that the model reads before it answers."""
    system_prompt, turns = read_context(batch.system_prompts[index], batch.messages[index])
    context = [b"" if system_prompt is None else b"s" + system_prompt]
    return [*context, repr(turns).encode("utf-8", "surrogatepass"), batch.prompts[index]]


def _all_texts(batch: SampleBatch, index: int) -> Sequence[bytes]:
    texts = (batch.system_prompts[index], batch.messages[index])
    given = [b"" if text is None else b"t" + text for text in texts]
    return [batch.prompts[index], batch.responses[index], *given]


def _whole(batch: SampleBatch, index: int) -> str:
    messages = batch.messages[index]
    texts = (batch.prompts[index], batch.responses[index]) if messages is None else (messages,)
    return b"\n".join(texts).decode()


def _bare(response: bytes) -> bytes:
    """Return an answer without what does not make it another one; one of marks alone stays."""
    return response.lower().translate(None, _BLANKS_AND_MARKS) or response


def _hash(parts: Sequence[bytes]) -> bytes:
    # Of a million hashes of 64 bits, two are equal by chance once in 37 million selections.
    lengths = b",".join(b"%d" % len(part) for part in parts)
    return blake2b(b"|".join([lengths, *parts]), digest_size=_HASH_BYTES).digest()
