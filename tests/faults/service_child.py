"""A fork server whose children are `sqltune serve`, and may be killed in the middle of a training.

A child is the server as it is installed, except for its seeds: all adapters have the same one, so
that equal trainings end with equal weights.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqltune import wiring
from sqltune.local_lora.training import LoraTrainer
from sqltune.server.catalogue import Catalogue
from tests.faults.fork_server import enter, make_killer, run_command, serve
from tests.faults.hooks import Killer
from tests.faults.seeds import OneSeedNewIds
from tests.faults.service_process import PID_FILE
from tests.faults.watching import set_known, watch_call

#: What a fine-tune call does, in this order.
POINTS = {
    "begin": (Catalogue, "begin_step"),
    "train": (LoraTrainer, "step_on"),
    "store": (LoraTrainer, "checkpoint"),
    "settle": (Catalogue, "settle_step"),
}


def run(task: dict[str, Any]) -> int:
    """Run the server, and return its exit code."""
    enter(task)
    Path(PID_FILE).write_text(str(os.getpid()), encoding="utf-8")
    set_known(wiring, "SystemRandom", OneSeedNewIds)
    watch(make_killer(task))
    return run_command(task)


def watch(killer: Killer) -> None:
    """Watch the parts of a fine-tune call."""
    for point, (owner, name) in POINTS.items():
        watch_call(killer, owner, name, point)


if __name__ == "__main__":
    serve(run)
