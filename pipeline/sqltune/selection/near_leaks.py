"""Finds evaluation prompts that are nearly the prompt of a trained sample.

The evaluation prompts are in memory, the samples are streamed. The comparison is exact: a sample's
prompt can be near enough only if that share of its pieces is in the evaluation prompts. Of very
many long prompts only every so manyth piece is kept, by which the prompts to compare are found:
what is found is near, but of a prompt with few pieces there may be none by which it is found.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

from sqltune.selection.findings import WARNING, Findings
from sqltune.selection.questions import fold_prompt
from sqltune.selection.rules import Problem
from sqltune.selection.shingles import count_shingles, hash_numbers, shingles, similarity

RULE = "near_leak"
#: Pieces that are kept of all prompts together; each takes about 250 bytes.
MOST_PIECES = 1_000_000
#: Of the pieces that are kept of two near texts, this share of those expected is common at least.
_SAMPLED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class NearLeak:
    """A sample that nearly gives away a prompt."""

    sample_key: str
    share: float  #: similarity of both prompts, 0 to 1


class NearLeaks:
    """The evaluation prompts of one run, and the sample that comes nearest to each."""

    def __init__(self, prompts: Mapping[str, str], threshold: float) -> None:
        """Find prompts of a similarity of at least `threshold`; `prompts` has them by key."""
        self.found: dict[str, NearLeak] = {}
        self._threshold = threshold
        self._prompts = prompts
        self._numbers = {key: hash_numbers(text) for key, text in prompts.items()}
        self._step = 1 + sum(map(count_shingles, prompts.values())) // MOST_PIECES
        self._least = threshold * (1.0 if self._step == 1 else _SAMPLED_SHARE)
        self._keys_by_piece: dict[str, list[str]] = defaultdict(list)
        for key, text in prompts.items():
            for piece in self._keep(shingles(text)):
                self._keys_by_piece[piece].append(key)

    def add(self, sample_key: str, prompt: str) -> None:
        """Compare the prompt of a trained sample; of equal ones, another rule warns."""
        pieces = shingles(prompt)
        kept = self._keep(pieces)
        common = kept & self._keys_by_piece.keys()
        if len(common) < self._least * len(kept):
            return
        counts = Counter(key for piece in common for key in self._keys_by_piece[piece])
        for key, count in counts.items():
            if count >= self._least * len(kept):
                self._compare(key, sample_key, prompt, pieces)

    def _keep(self, pieces: set[str]) -> set[str]:
        if self._step == 1:
            return pieces
        return {p for p in pieces if not crc32(p.encode("utf-8", "surrogatepass")) % self._step}

    def note(self, findings: Findings) -> None:
        """Add what was found; to be called once, after the last sample."""
        for key, near in sorted(self.found.items()):
            message = (
                f"nearly the prompt of sample {near.sample_key} ({near.share:.0%} of their texts), "
                "which is trained on: the answer may show what was learnt by heart; ask another "
                "question, or set near_duplicate_at = NULL in adapters"
            )
            findings.add(key, "prompt", Problem(RULE, message), WARNING)

    def _compare(self, key: str, sample_key: str, prompt: str, pieces: set[str]) -> None:
        asked = self._prompts[key]
        if hash_numbers(prompt) != self._numbers[key] or fold_prompt(asked) == fold_prompt(prompt):
            return
        share = similarity(pieces, shingles(asked))
        before = self.found.get(key)
        if share >= self._threshold and (before is None or share > before.share):
            self.found[key] = NearLeak(sample_key, share)
