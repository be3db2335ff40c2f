"""Finds samples that answer one question differently: a model can learn only one of them."""

from __future__ import annotations

from sqltune.selection.findings import KEPT_PER_RULE, WARNING, Findings
from sqltune.selection.first_rows import find_firsts
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
    import numpy as np

    answered = np.frombuffer(responses, dtype=np.uint64)
    firsts = find_firsts(prompts)
    others = np.flatnonzero(answered != answered[firsts])
    found = keys.name_apart(zip(others.tolist(), firsts[others].tolist(), strict=True))
    findings.count(RULE, WARNING, len(found))
    for other, first in found[:KEPT_PER_RULE]:
        message = (
            f"sample {keys[first]} has the same prompt and another response, and both are "
            "trained on: keep one, or write into the prompt or system_prompt what differs"
        )
        findings.keep(keys[other], "response", Problem(RULE, message), WARNING)
