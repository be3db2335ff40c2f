"""Threads are as many as the container and the affinity allow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sqltune.local_lora.cores import usable_cores

OWN = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", OWN),
        ("50000 100000", 1),
        ("100000 100000", 1),
        ("6400000 100000", OWN),
        ("", OWN),
        ("0 100000", OWN),
    ],
)
def test_a_quota_limits_the_cores(quota: str, cores: int, tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota, encoding="ascii")
    assert usable_cores(file) == cores


def test_without_a_control_group_the_affinity_decides(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "none") == OWN
