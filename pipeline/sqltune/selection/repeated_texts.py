"""Finds texts that a selection has twice: trained twice, or both trained and for validation."""

from __future__ import annotations

from sqltune.selection.findings import KEPT_PER_RULE, WARNING, Findings
from sqltune.selection.first_rows import find_firsts, find_in
from sqltune.selection.row_keys import RowKeys
from sqltune.selection.rules import Problem

DUPLICATE, VALIDATION_LEAK = "duplicate_content", "validation_leak"


def note_duplicates(
    contents: bytes | bytearray, keys: RowKeys, findings: Findings, *, has_own_keys: bool
) -> None:
    """Note each trained sample with the content of an earlier one.

    Args:
        contents: hashes of 8 bytes of the trained samples' contents, in their order.
        keys: their keys.
        findings: get the warnings.
        has_own_keys: False: the keys are hashes of the contents, which equal ones share.
    """
    import numpy as np

    firsts = find_firsts(contents)
    others = np.flatnonzero(firsts != np.arange(len(firsts)))
    found = list(zip(others.tolist(), firsts[others].tolist(), strict=True))
    if has_own_keys:
        found = keys.name_apart(found)
    findings.count(DUPLICATE, WARNING, len(found))
    for other, first in found[:KEPT_PER_RULE]:
        whose = keys[first] if has_own_keys else "an earlier row"
        message = f"the texts are the same as those of {whose}: both are trained on"
        findings.keep(keys[other], None, Problem(DUPLICATE, message), WARNING)


def note_validation_leaks(
    trained: bytes | bytearray,
    keys: RowKeys,
    measured: bytes | bytearray,
    measured_keys: RowKeys,
    findings: Findings,
) -> None:
    """Note each sample for validation whose texts are those of a trained sample.

    Their contents would not do, because those cover the split, the group and the weight too.

    Args:
        trained: hashes of 8 bytes of the trained samples' texts.
        keys: their keys.
        measured: the same of the samples for validation.
        measured_keys: their keys.
        findings: get the warnings.
    """
    found = find_in(trained, measured)
    findings.count(VALIDATION_LEAK, WARNING, len(found))
    for place, first in list(found.items())[:KEPT_PER_RULE]:
        message = (
            f"sample {keys[first]} has the same texts and is trained on, so that this one measures "
            "too low a loss: delete one, or give both one group_key"
        )
        findings.keep(measured_keys[place], "split", Problem(VALIDATION_LEAK, message), WARNING)
