"""A nursery whose children are `sqltune serve`, and may be killed in the middle of a training.

A child is the server as it is installed, but for its seeds: all adapters have the same one, so that
equal trainings end with equal weights.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import SystemRandom
from typing import Any

from sqltune import wiring
from sqltune.local_lora.training import LoraTrainer
from sqltune.server.catalogue import Catalogue
from tests.faults.hooks import Killer
from tests.faults.nursery import be_command, enter, make_killer, serve
from tests.faults.service_process import PID_FILE

#: Of the number that the server draws for an adapter's seed.
_SEED_BITS = 31
#: What a fine-tune call does, in this order.
POINTS = {
    "begin": (Catalogue, "begin_step"),
    "train": (LoraTrainer, "step_on"),
    "store": (LoraTrainer, "checkpoint"),
    "settle": (Catalogue, "settle_step"),
}


class OneSeed(SystemRandom):
    """Makes new ids after each start, and always the same seed."""

    def getrandbits(self, k: int, /) -> int:
        return 7 if k == _SEED_BITS else super().getrandbits(k)


def run(task: dict[str, Any]) -> int:
    """Be the server; gives its exit code."""
    enter(task)
    Path(PID_FILE).write_text(str(os.getpid()), encoding="utf-8")
    wiring.SystemRandom = OneSeed  # type: ignore[misc]  # nobody outside chooses its seeds
    watch(make_killer(task))
    return be_command(task)


def watch(killer: Killer) -> None:
    """Let the parts of a fine-tune call pass by."""
    for point, (owner, name) in POINTS.items():
        killer.watch_call(owner, name, point)


if __name__ == "__main__":
    serve(run)
