"""The tokens with which all samples of a step begin: in a chat, the template's system prompt.

They read nothing but each other, so that they are computed once for all samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from sqltune.local_lora.tokenising import TokenisedSample

#: Fewer are not worth the gathering of keys and values.
LEAST_SHARED_TOKENS = 8


def count_shared_tokens(samples: Sequence[TokenisedSample]) -> int:
    """Return how many tokens all samples begin with and none of them is trained to predict from.

    Returns 0 where sharing would gain too little.
    """
    if len(samples) < 2:
        return 0
    columns = zip(*(sample.token_ids for sample in samples), strict=False)
    equal = sum(1 for _ in takewhile(lambda ids: len(set(ids)) == 1, columns))
    # The row before a trained token predicts it, and each sample needs one of its own for that.
    firsts = (min(s.trained_positions, default=len(s.token_ids)) - 1 for s in samples)
    shared = max(0, min(equal, *firsts))
    return shared if shared >= LEAST_SHARED_TOKENS else 0
