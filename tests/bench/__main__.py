"""`make bench`: every figure beside the figure that it is held against, from one run.

Each part runs in a process of its own, so that no part's memory counts for another's. Name parts to
run only those: `python -m tests.bench selection training worker`. The support job runs here with
fewer tickets than by default: all of `python -m tests.bench.support_job` takes hours.
"""

from __future__ import annotations

import subprocess
import sys

#: The parts, and what they are run with.
PARTS: dict[str, tuple[str, ...]] = {
    "selection": (),
    "evaluation": (),
    "answering": (),
    "training": (),
    "busy": (),
    "support_job": ("--tickets", "300", "--held-out", "60", "--epochs", "1"),
    "serving": (),
    "chat": (),
    "worker": (),
    "questions": (),
    "views": (),
    "predictions": (),
}


def main(names: list[str]) -> int:
    """Run the named parts, or all; 1 if one of them failed."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        sys.stderr.write(f"no part is named {unknown[0]!r}: there are {', '.join(PARTS)}\n")
        return 2
    failed = []
    for name in names or PARTS:
        sys.stdout.write(f"\n== {name}\n")
        sys.stdout.flush()
        command = [sys.executable, "-m", f"tests.bench.{name}", *PARTS[name]]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
