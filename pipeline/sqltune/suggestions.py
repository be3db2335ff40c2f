"""What a name that nothing has was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: Names that are listed where none is close.
_LISTED = 10


def no_adapter(name: str, declared: Iterable[str]) -> str:
    """Return that no adapter has a name, with the one that was meant, or those that there are."""
    known = sorted(declared)
    close = get_close_matches(name, known, n=1)
    if close:
        return f"no adapter named {name!r} in table adapters: did you mean {close[0]!r}?"
    more = f" and {len(known) - _LISTED:,} more" if len(known) > _LISTED else ""
    names = ", ".join(known[:_LISTED]) or "none"
    return f"no adapter named {name!r} in table adapters (there are: {names}{more})"
