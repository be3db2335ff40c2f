"""Finds samples that are nearly the same as an earlier one, by MinHash.

https://en.wikipedia.org/wiki/MinHash. Of each sample, one byte of each of 128 hashes is kept. The
share of equal bytes estimates the similarity of two samples. Only samples that have eight
neighbouring bytes in common are compared, which are 95 % of the pairs of a similarity of 0.8 and
99.98 % of those of 0.9.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sqltune.selection.findings import KEPT_PER_RULE, WARNING, Findings
from sqltune.selection.row_keys import RowKeys
from sqltune.selection.rules import Problem
from sqltune.selection.shingles import PIECE_LENGTH, fold, hash_numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RULE = "near_duplicate"
_HASHES, _BAND = 128, 8
#: Two unequal hashes have the same byte once in so many times.
_BYTE_VALUES = 256
#: An odd factor makes the hash of a piece depend on the places of its letters.
_FACTOR = 0x9E3779B1
#: With how many of those before it a sample of a band is compared, besides the first.
_NEIGHBOURS = 4
#: Pairs that are compared at once.
_PAGE = 100_000


class NearDuplicates:
    """The samples of one selection, as far as near duplicates are found by them."""

    def __init__(self, threshold: float) -> None:
        """Find samples of at least this similarity, 0 to 1."""
        self._threshold = threshold
        self._codes = bytearray()
        self._numbers = array("I")  # what must be equal, and what must not
        self._texts = array("I")

    def add(self, texts: Sequence[str]) -> None:
        """Add the next samples."""
        for code in _encode(texts):
            self._codes += code
        self._numbers.extend(map(hash_numbers, texts))
        self._texts.extend(crc32(text.encode("utf-8", "surrogatepass")) for text in texts)

    def note(self, keys: RowKeys, findings: Findings) -> None:
        """Note each sample that is nearly, but not exactly, the same as one before it."""
        near = self.find()
        found = keys.name_apart((other, first) for other, (first, _) in sorted(near.items()))
        findings.count(RULE, WARNING, len(found))
        for other, first in found[:KEPT_PER_RULE]:
            message = (
                f"nearly the same as sample {keys[first]} ({near[other][1]:.0%} of their texts), "
                "and both are trained on, so that this text counts twice: keep one, or set "
                "near_duplicate_at = NULL in adapters"
            )
            findings.keep(keys[other], None, Problem(RULE, message), WARNING)

    def find(self) -> dict[int, tuple[int, float]]:
        """Return for each near duplicate the sample that it repeats, and their similarity."""
        import numpy as np

        codes = np.frombuffer(self._codes, dtype=np.uint8).reshape(-1, _HASHES)
        numbers = np.frombuffer(self._numbers, dtype=np.uint32)
        texts = np.frombuffer(self._texts, dtype=np.uint32)
        wide = numbers.astype(np.uint64) << np.uint64(32)
        found: dict[int, tuple[int, float]] = {}
        for band in range(_HASHES // _BAND):
            bytes_of_band = np.ascontiguousarray(codes[:, band * _BAND : (band + 1) * _BAND])
            values = bytes_of_band.view(np.uint64).ravel() ^ wide
            for first, other in _pair(values):
                same = (texts[first] != texts[other]) & (numbers[first] == numbers[other])
                self._keep(found, codes, first[same], other[same])
        return found

    def _keep(
        self,
        found: dict[int, tuple[int, float]],
        codes: NDArray[np.uint8],
        first: NDArray[np.int64],
        other: NDArray[np.int64],
    ) -> None:
        """Keep the pairs that are near enough; of several earlier samples, the first one."""
        for start in range(0, len(first), _PAGE):
            a, b = first[start : start + _PAGE], other[start : start + _PAGE]
            equal = (codes[a] == codes[b]).mean(axis=1)
            shares = (equal - 1 / _BYTE_VALUES) / (1 - 1 / _BYTE_VALUES)
            near = shares >= self._threshold
            for x, y, share in zip(a[near], b[near], shares[near], strict=True):
                before = found.get(int(y))
                if before is None or int(x) < before[0]:
                    found[int(y)] = (int(x), float(share))


def _pair(values: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield places of equal values: each with the first one, and with those shortly before it."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    arranged = values[order]
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = arranged[1:] != arranged[:-1]
    yield order[begins][np.cumsum(begins) - 1][~begins], order[~begins]
    for distance in range(1, _NEIGHBOURS + 1):
        equal = arranged[distance:] == arranged[:-distance]
        yield order[:-distance][equal], order[distance:][equal]


def _encode(texts: Iterable[str]) -> Iterator[bytes]:
    """Yield the last byte of each of a text's hashes."""
    import numpy as np
    from datasketch import MinHash

    pieces: Any = map(_hash_pieces, texts)
    for each in MinHash.generator(pieces, num_perm=_HASHES, seed=1, hashfunc=int):
        yield (each.hashvalues & np.uint32(_BYTE_VALUES - 1)).astype(np.uint8).tobytes()


def _hash_pieces(text: str) -> list[int]:
    """Return a hash of each piece of a text; MinHash mixes their bits."""
    import numpy as np

    folded = fold(text).ljust(PIECE_LENGTH, "\0").encode("utf-32-le", "surrogatepass")
    letters = np.frombuffer(folded, dtype=np.uint32)
    count = len(letters) - PIECE_LENGTH + 1
    hashes = np.zeros(count, dtype=np.uint32)
    for place in range(PIECE_LENGTH):
        hashes = hashes * _FACTOR + letters[place : place + count]
    return list(hashes.tolist())
