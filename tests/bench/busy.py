"""What a busy machine costs a training: `python -m tests.bench.busy [--loops 4] [--threads 2]`.

The same steps are trained alone and beside loops that never wait. Beside them a training gets less
of the cores, and that is fair: each thread as much as a loop gets. The cost is how much longer the
steps take than that share explains; threads that spin or wait for each other raise it. The share
is computed from the processor time that the loops really got, so that other load on the machine
affects both sides alike.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from sqltune.local_lora.cores import usable_cores
from tests.bench.training import Variant, compare, start

_LOOP = "print(flush=True)\nwhile True: pass"
MOST_COST = 1.5


@dataclass(frozen=True)
class Measured:
    """Some steps of a training."""

    wall: float
    cpu: float


@dataclass
class Loops:
    """Processes that keep the cores busy."""

    processes: list[psutil.Popen]
    began: float
    cpu_before: float

    def share(self) -> float:
        """Return the cores that one loop has got on average."""
        cpu = _cpu_seconds(self.processes) - self.cpu_before
        return cpu / len(self.processes) / (time.monotonic() - self.began)


@contextmanager
def busy_loops(count: int) -> Iterator[Loops]:
    """Run so many loops for the duration of the block."""
    command = [sys.executable, "-c", _LOOP]
    processes = [psutil.Popen(command, stdout=subprocess.PIPE) for _ in range(count)]
    try:
        # Their start is not the load that is meant: a loop that begins says so.
        for process in processes:
            process.stdout.readline()
        yield Loops(processes, time.monotonic(), _cpu_seconds(processes))
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()


def _cpu_seconds(processes: Sequence[psutil.Popen]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


def train(variant: Variant, steps: int) -> Measured:
    """Let it do some steps."""
    first = len(variant.reports)
    for _ in range(steps):
        variant.step()
    done = variant.reports[first:]
    return Measured(
        sum(report["seconds"] for report in done), sum(report["cpu_seconds"] for report in done)
    )


def main() -> int:
    """Measure and print; return 1 if the cost is too high."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loops", type=int, default=4)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=usable_cores())
    options = parser.parse_args()
    # The steps differ in length, so both sides train the same ones, each in its own process.
    command = [sys.executable, "-m", "tests.bench.training_ours"]
    command += [str(1 + options.steps), str(options.threads)]
    alone = start("alone", command, options.threads)
    alone.step()
    quiet = train(alone, options.steps)
    _close(alone)
    beside = start("beside", command, options.threads)
    beside.step()
    with busy_loops(options.loops) as loops:
        busy = train(beside, options.steps)
        share = loops.share()
    _close(beside)
    fair_wall = quiet.cpu / (options.threads * share)
    print(
        f"{options.threads} threads, alone: {quiet.wall:.1f} s, {quiet.cpu:.1f} CPU-s "
        f"({quiet.cpu / quiet.wall:.2f} cores)\n"
        f"beside {options.loops} loops, each of which got {share:.2f} cores: {busy.wall:.1f} s, "
        f"{busy.cpu:.1f} CPU-s ({busy.cpu / busy.wall:.2f} cores); "
        f"its fair share explains {fair_wall:.1f} s"
    )
    return 0 if compare("cost beside the fair share", busy.wall / fair_wall, MOST_COST) else 1


def _close(variant: Variant) -> None:
    assert variant.process.stdin
    variant.process.stdin.close()
    variant.process.wait(timeout=60)


if __name__ == "__main__":
    sys.exit(main())
