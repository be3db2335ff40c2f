"""Settings tried on exported support rows, for a machine without a database.

    python -m tests.bench.support_gpu --rows rows.jsonl --base FOLDER --device cuda \\
        --out answers auto:auto:3 1e-3:4:1 2e-4:8:3

Each setting is `learning_rate:batch_size:epochs[:rank[:seed]]`; `auto` leaves the choice to the
base model's profile. Trains with `sqltune.local_lora` alone, asks the held-out tickets greedily,
and prints the share of right answers. `tests.bench.support.scores` computes all scores of the
answers in `--out` on a machine that has our other libraries.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from sqltune.local_lora.loading import load_base_model
from tests.bench.support.asking import ask
from tests.bench.support.exported import load_jsonl, select_held_out, select_train
from tests.bench.support.scores import share_right, write_answers
from tests.bench.support.tuning import Setting, tune

SMOLLM2 = "HuggingFaceTB/SmolLM2-135M-Instruct"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="+", type=Setting.parse)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--base", default=SMOLLM2, help="a name, a folder or a GGUF file")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tickets", type=int, help="how many to train on; all without it")
    parser.add_argument("--held-out", type=int, help="how many to ask; all without it")
    parser.add_argument("--out", type=Path, default=Path("support-answers"))
    options = parser.parse_args()
    rows = load_jsonl(options.rows)
    train = select_train(rows)[: options.tickets]
    held_out = select_held_out(rows)[: options.held_out]
    base = load_base_model(
        options.base, allowed_folders=[Path(options.base).parent], device=options.device
    )
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"{len(train)} samples, {len(held_out)} held out, {base.dtype} on {options.device}")
    before = ask(base, held_out, None)
    write_answers(before, options.out / "before.json")
    print(f"before: right {share_right(held_out, before):.1%}", flush=True)
    for number, setting in enumerate(options.settings, start=1):
        training = tune(base, train, setting, "tuned", report=_report)
        asked_at = time.monotonic()
        answers = ask(base, held_out, "tuned")
        base.unload_adapter("tuned")
        write_answers(answers, options.out / f"setting-{number}.json")
        print(
            f"{number}: {training.description}: {training.steps} steps, "
            f"{training.seconds:.1f} s, {training.tokens / training.seconds:.0f} tokens/s, last "
            f"loss {training.last_loss:.3f}; right {share_right(held_out, answers):.1%} "
            f"(asked in {time.monotonic() - asked_at:.1f} s)",
            flush=True,
        )


def _report(step: int, steps: int, loss: float) -> None:
    if step % 100 == 0:
        print(f"  step {step} of {steps}, loss {loss:.3f}", flush=True)


if __name__ == "__main__":
    main()
