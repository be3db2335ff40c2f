"""Finds rows that are equal to an earlier one, by hashes of eight bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def find_firsts(hashes: bytes | bytearray) -> NDArray[np.int64]:
    """Return for each row the place of the first row with an equal hash, which may be its own."""
    import numpy as np

    values = np.frombuffer(hashes, dtype=np.uint64)
    order = np.argsort(values, kind="stable")
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = values[order][1:] != values[order][:-1]
    firsts = np.empty(len(order), dtype=np.int64)
    firsts[order] = order[begins][np.cumsum(begins) - 1]
    return firsts


def find_in(hashes: bytes | bytearray, wanted: bytes | bytearray) -> dict[int, int]:
    """Return for each wanted hash that is there, by its place, the place of the first equal one."""
    import numpy as np

    values, sought = (np.frombuffer(given, dtype=np.uint64) for given in (hashes, wanted))
    if not len(values) or not len(sought):
        return {}
    order = np.argsort(values, kind="stable")
    places = np.searchsorted(values, sought, sorter=order)
    places[places == len(values)] = 0
    found = np.flatnonzero(values[order[places]] == sought)
    return dict(zip(found.tolist(), order[places[found]].tolist(), strict=True))
