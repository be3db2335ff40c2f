"""LoRA training on a GPU beside trl's: `python -m tests.bench.gpu [--shapes ...] [--out FOLDER]`.

Three shapes with random weights, the same rows, LoRA options and tokens per step for all, bf16;
trl packs to 1,024 tokens. Each variant runs in a process of its own, one after another on the same
device. The first steps of each are not timed. Needs trl beside sqltune; `--tiny --device cpu` tries
everything on a small model without a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.gpu_shapes import Timing

ROOT = Path(__file__).parents[2]
LARGE = ("SmolLM2-135M", "Qwen2.5-1.5B", "Mistral-7B")
#: Name in the table, module and variant.
VARIANTS = (
    ("sqltune", "gpu_ours", "none"),
    ("trl, packing", "gpu_trl", "stored"),
    ("trl, packing, checkpointing", "gpu_trl", "checkpointing"),
    ("sqltune, nf4", "gpu_ours", "nf4"),
    ("sqltune, int8", "gpu_ours", "int8"),
)
SECONDS_AT_MOST = 150
COLUMNS = (
    ("tokens/s", "tokens_per_second", ",.0f"),
    ("trained tokens/s", "trained_tokens_per_second", ",.0f"),
    ("tokens per step", "tokens_per_step", ",d"),
    ("peak GiB", "peak_gib", ".1f"),
    ("reserved GiB", "reserved_gib", ".1f"),
    ("last loss", "loss", ".3f"),
    ("memory", "memory", ""),
)


def measure(name: str, module: str, timing: Timing) -> dict[str, Any]:
    """Return the report of one process, or its error."""
    command = [sys.executable, "-m", f"tests.bench.{module}", json.dumps(asdict(timing))]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
            timeout=SECONDS_AT_MOST,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"shape": timing.shape, "name": name, "error": f"over {SECONDS_AT_MOST} s"}
    if done.returncode:
        error = done.stderr.strip()[-1500:]
        return {"shape": timing.shape, "name": name, "error": error or f"exit {done.returncode}"}
    return {"name": name, **json.loads(done.stdout.strip().splitlines()[-1])}


def table(reports: list[dict[str, Any]]) -> str:
    """Return the reports as a table in Markdown."""
    heads = ["shape", "variant", *(head for head, _, _ in COLUMNS)]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for found in reports:
        cells = [found["shape"], found["name"]]
        if "error" in found:
            cells += [found["error"].splitlines()[-1][:200]] + [""] * (len(COLUMNS) - 1)
        else:
            cells += [format(found[key], form) if key in found else "" for _, key, form in COLUMNS]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shapes", default=",".join(LARGE))
    parser.add_argument("--variants", default=";".join(name for name, _, _ in VARIANTS),
                        help="names, separated by semicolons")  # fmt: skip
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("."))
    options = parser.parse_args()
    shapes = ["tiny"] if options.tiny else options.shapes.split(",")
    reports = []
    for shape in shapes:
        for name, module, variant in VARIANTS:
            if name not in options.variants.split(";"):
                continue
            timing = Timing(shape, options.device, options.steps, variant)
            reports.append(measure(name, module, timing))
            print(json.dumps(reports[-1])[:1000], flush=True)
            # After each, so that a run that is ended early leaves what it has.
            (options.out / "gpu.json").write_text(json.dumps(reports, indent=1))
            (options.out / "gpu.md").write_text(table(reports))
    print(table(reports))
    if any("error" in found for found in reports):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
