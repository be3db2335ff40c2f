"""Finds samples that answer one question differently: a model can learn only one of them."""

from __future__ import annotations

from sqltune.selection.findings import KEPT_PER_RULE, WARNING, Findings
from sqltune.selection.row_keys import RowKeys
from sqltune.selection.rules import Problem

RULE = "contradiction"


def note_contradictions(
    prompts: bytes | bytearray, responses: bytes | bytearray, keys: RowKeys, findings: Findings
) -> None:
    """Note each sample whose answer is not that of the first sample with the same question.

    Args:
        prompts: hashes of 8 bytes of what is asked, in the order of the samples.
        responses: those of the answers.
        keys: the samples' keys.
        findings: get the warnings.
    """
    pairs = _find_pairs(prompts, responses)
    findings.count(RULE, WARNING, len(pairs))
    for first, other in pairs[:KEPT_PER_RULE]:
        message = (
            f"sample {keys[first]} has the same prompt and another response, and both are trained "
            "on: keep one, or write into the prompt or system_prompt what differs"
        )
        findings.keep(keys[other], "response", Problem(RULE, message), WARNING)


def _find_pairs(prompts: bytes | bytearray, responses: bytes | bytearray) -> list[tuple[int, int]]:
    """Return the first sample of each question beside each that answers it differently."""
    import numpy as np

    asked = np.frombuffer(prompts, dtype=np.uint64)
    answered = np.frombuffer(responses, dtype=np.uint64)
    order = np.argsort(asked, kind="stable")
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = asked[order][1:] != asked[order][:-1]
    firsts = order[begins][np.cumsum(begins) - 1]
    differs = answered[order] != answered[firsts]
    pairs = sorted(zip(order[differs].tolist(), firsts[differs].tolist(), strict=True))
    return [(first, other) for other, first in pairs]
