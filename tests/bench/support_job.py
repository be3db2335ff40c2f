"""A realistic job beside trl's: `python -m tests.bench.support_job [--tickets 1500] [--epochs 3]`.

A company's dirty support tickets are fine-tuned on SmolLM2-135M-Instruct by `sqltune sync` with
default settings, and by trl's SFTTrainer with its own defaults: the same model, rows, epochs and
threads, one after the other. Both adapters answer the held-out tickets greedily through sqltune, so
that only training differs. `--keep FOLDER` keeps rows, answers and adapters; with `--peer-only`
trl's part is repeated there, and `--peer-change learning_rate=0.0013` replaces a default of it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from sqltune.local_lora.cores import usable_cores
from sqltune.local_lora.loading import load_base_model
from tests.bench.support.asking import ask
from tests.bench.support.exported import load_jsonl, select_held_out, select_train
from tests.bench.support.report import TrainingReport
from tests.bench.support.scores import Scores, read_answers, score, write_answers
from tests.bench.training import PEER, ROOT, compare

BASE_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"


def main(words: list[str] | None = None) -> int:
    """Measure and print; return 1 if a target is missed."""
    options = parse(words)
    if options.peer and not PEER.exists():
        raise SystemExit(f"no {PEER.relative_to(ROOT)}: `make bench` builds it")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not options.peer_only:
            train_ours(folder, options)
        if options.peer:
            train_peer(folder, options)
        return 0 if show(folder, has_peer=options.peer) else 1


def parse(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tickets", type=int, default=1_500, help="threads to train on")
    parser.add_argument("--held-out", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--peer-only", action="store_true", help="with the rows in --keep")
    parser.add_argument("--peer-change", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    return parser.parse_args(words)


def train_ours(folder: Path, options: argparse.Namespace) -> None:
    """Let sqltune make the rows, train and answer."""
    sizes = (options.tickets, options.held_out, options.epochs, options.threads, options.seed)
    command = [sys.executable, "-m", "tests.bench.support_ours", str(folder), *map(str, sizes)]
    run_reporting(command, folder / "ours-report.json", options.threads)


def train_peer(folder: Path, options: argparse.Namespace) -> None:
    """Let trl train on the same rows, and ask its adapter as sqltune asks its own."""
    base = load_base_model(BASE_MODEL, threads=options.threads)
    command = [
        *(str(PEER), "-m", "tests.bench.support_trl", str(folder), base.origin.location),
        *(str(options.epochs), str(options.threads), *options.peer_change),
    ]
    run_reporting(command, folder / "trl-report.json", options.threads)
    base.load_adapter(folder / "trl", "trl")
    held_out = select_held_out(load_jsonl(folder / "rows.jsonl"))
    write_answers(ask(base, held_out, "trl"), folder / "trl.json")


def run_reporting(command: list[str], report: Path, threads: int) -> None:
    """Run one training, and keep what it reports on stdout."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": str(threads),
        # As sqltune sets them for itself: on a busy machine trl would lose most of its time.
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "1000",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=environment
    )
    report.write_text(done.stdout.strip().splitlines()[-1], encoding="utf-8")


def show(folder: Path, *, has_peer: bool) -> bool:
    """Print scores and times; return whether the targets are reached."""
    rows = load_jsonl(folder / "rows.jsonl")
    held_out = select_held_out(rows)
    print(f"{len(select_train(rows))} samples, {len(held_out)} held out")
    names = ("before", "ours", "trl") if has_peer else ("before", "ours")
    scores = {name: score(held_out, read_answers(folder / f"{name}.json")) for name in names}
    for name in names:
        print(f"{name:7} {scores[name]}")
    reports = {name: read_report(folder, name) for name in names[1:]}
    for name, report in reports.items():
        print(
            f"{name:7} {report.steps} steps, {report.settings}: {report.seconds:.0f} s, "
            f"{report.cpu_seconds:.0f} CPU-s, {report.tokens} tokens, "
            f"{report.tokens / report.seconds:.0f} tokens/s, "
            f"{report.tokens / report.cpu_seconds:.0f} a CPU-s"
        )
    is_better = compare("token F1 lost by training", -gain(scores, "before"), 0.0)
    if not has_peer:
        return is_better
    share = reports["ours"].cpu_seconds / reports["trl"].cpu_seconds
    return all(
        [
            is_better,
            compare("trl's token F1 above ours", -gain(scores, "trl"), 0.0),
            compare("our CPU time in trl's (a third)", share, 1 / 3),
        ]
    )


def gain(scores: dict[str, Scores], other: str) -> float:
    """Return how much better our adapter scores."""
    return scores["ours"].token_f1 - scores[other].token_f1


def read_report(folder: Path, name: str) -> TrainingReport:
    """Read what a training reported."""
    return TrainingReport(**json.loads((folder / f"{name}-report.json").read_text("utf-8")))


if __name__ == "__main__":
    sys.exit(main())
