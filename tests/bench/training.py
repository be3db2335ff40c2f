"""LoRA training speed beside trl's: `python -m tests.bench.training [--rounds 5] [--threads 2]`.

A model of 135M parameters with random weights and drawn rows, then SmolLM2-135M-Instruct itself
with support tickets: the same rows, LoRA, optimizer and learning rate for all. Each variant runs in
a separate process; they take turns step by step, so that other load on the machine affects all of
them alike; the columns by CPU-second leave it out. The first step of each is not counted. Each
figure is compared with its target, by CPU-second. Needs the peer's venv, which `make bench` builds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.training_rows import ROWS_PER_STEP, TimedModel

ROOT = Path(__file__).parents[2]
SMOLLM2 = "HuggingFaceTB/SmolLM2-135M-Instruct"
#: The random weights of that shape, and the model itself.
MODELS = ("shape", "smollm2")
PEER = ROOT / ".bench" / "venv" / "bin" / "python"


@dataclass
class Variant:
    """One way of training, in its own process."""

    name: str
    process: subprocess.Popen[str]
    reports: list[dict[str, Any]] = field(default_factory=list)

    def step(self) -> None:
        """Let it do one step, and store its report."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with {self.process.wait()}")
        self.reports.append(json.loads(line))

    def tokens_per(self, clock: str) -> float:
        """Return the median over the rounds after the first, padding not counted, by this clock."""
        return median(report["tokens"] / report[clock] for report in self.reports[1:])

    @property
    def peak_mib(self) -> float:
        """Largest resident memory of the process."""
        return max(report["peak_mib"] for report in self.reports)

    @property
    def final_loss(self) -> float:
        """Mean over the last three steps."""
        last = self.reports[-3:]
        return sum(report["loss"] for report in last) / len(last)


def start(name: str, command: list[str], threads: int) -> Variant:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
    }
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    return Variant(name, process)


def run(rounds: int, threads: int, model: TimedModel) -> list[Variant]:
    steps = [str(rounds + 1), str(threads), *model.words]
    trl = [str(PEER), "-m", "tests.bench.training_trl"]
    variants = [
        start("sqltune", [sys.executable, "-m", "tests.bench.training_ours", *steps], threads),
        start("trl, defaults", [*trl, "default", *steps], threads),
        start("trl, packing", [*trl, "packing", *steps], threads),
    ]
    for _ in range(rounds + 1):
        for variant in variants:
            variant.step()
    for variant in variants:
        variant.process.stdin.close()
        variant.process.wait(timeout=60)
    return variants


def show(variants: list[Variant]) -> bool:
    """Print the figures with their targets; return whether all are reached."""
    print(f"{'':14}{'tokens/s':>10}{'ours is':>9}{'/CPU-s':>9}{'ours is':>9}{'loss':>9}{'MiB':>7}")
    for variant in variants:
        line = f"{variant.name:14}"
        for clock in ("seconds", "cpu_seconds"):
            speed = variant.tokens_per(clock)
            line += f"{speed:>{10 if clock == 'seconds' else 9}.0f}"
            line += f"{variants[0].tokens_per(clock) / speed:>8.1f}×"
        print(f"{line}{variant.final_loss:>9.3f}{variant.peak_mib:>7.0f}")
    return all([compare(*target) for target in _targets(*variants)])


def _targets(ours: Variant, default: Variant, packing: Variant) -> list[tuple[str, float, float]]:
    """Return what is compared, the figure, and the most that it may be."""

    def share(peer: Variant) -> float:
        return peer.tokens_per("cpu_seconds") / ours.tokens_per("cpu_seconds")

    losses = [
        abs(ours.final_loss - peer.final_loss) / peer.final_loss for peer in (default, packing)
    ]
    return [
        ("trl's speed with its defaults in ours (a third)", share(default), 1 / 3),
        ("trl's speed with packing in ours (a half)", share(packing), 1 / 2),
        ("difference of the losses (as bf16 rounds)", max(losses), 0.016),
        ("our peak memory in trl's", ours.peak_mib / min(default.peak_mib, packing.peak_mib), 1.0),
    ]


def compare(what: str, figure: float, most: float) -> bool:
    verdict = "ok" if figure <= most else "MISSED"
    print(f"  {what:<50} {figure:6.3f}, at most {most:.3f}  {verdict}")
    return figure <= most


def prepare_smollm2(folder: Path, rounds: int) -> TimedModel:
    """Tokenise support tickets for SmolLM2, so that all variants read the same ids."""
    from sqltune.local_lora.loading import load_base_model
    from sqltune.local_lora.steps import Pair
    from sqltune.local_lora.tokenising import tokenise_pair
    from tests.bench.support.company import make_company
    from tests.bench.support.rows import read_from_sqlite

    base = load_base_model(SMOLLM2)
    count = ROWS_PER_STEP * (rounds + 1)
    samples = [
        tokenise_pair(
            Pair(row.prompt, row.response),
            base.tokenizer,
            max_length=base.max_length,
            prompt_format=base.prompt_format,
        )
        for row in read_from_sqlite(make_company(tickets=count, held_out=0, seed=1))
    ]
    file = folder / "rows.json"
    file.write_text(json.dumps([(s.token_ids, s.response_start) for s in samples]), "utf-8")
    return TimedModel(Path(base.origin.location), file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    options = parser.parse_args()
    if not PEER.exists():
        raise SystemExit(f"no {PEER.relative_to(ROOT)}: `make bench` builds it")
    is_fine = True
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            model = TimedModel()
            if name == "smollm2":
                model = prepare_smollm2(Path(folder), options.rounds)
            print(f"{name}:")
            is_fine &= show(run(options.rounds, options.threads, model))
    raise SystemExit(0 if is_fine else 1)


if __name__ == "__main__":
    main()
