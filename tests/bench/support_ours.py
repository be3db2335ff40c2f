"""The support job by `sqltune sync` with default settings, in a process of its own.

    python -m tests.bench.support_ours FOLDER TICKETS HELD_OUT EPOCHS THREADS SEED

Writes into the folder `rows.jsonl`, `before.json` and `ours.json`, which are the rows and the
answers, and reports as JSON on stdout what the training took.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, text

import sqltune
from tests.bench.support.company import make_company
from tests.bench.support.exported import write_jsonl
from tests.bench.support.report import TrainingReport
from tests.bench.support.rows import read_rows, store
from tests.bench.support.scores import write_answers

BASE_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
_ADAPTER = """
INSERT INTO adapters (adapter_name, base_model, epochs, training_query, eval_query)
VALUES ('support', :base_model, :epochs,
        'SELECT sample_key, prompt, response, split, group_key FROM support_samples',
        'SELECT prompt_key, prompt, expected, category FROM support_prompts')
"""
_ANSWERS = "SELECT prompt_key, response FROM responses WHERE phase = :phase"
_VERSION = "SELECT learning_rate, batch_size, lora_rank, lora_alpha FROM adapter_versions"
_STEPS = "SELECT SUM(tokens), COUNT(*) FROM training_metrics"


@dataclass
class Stopwatch:
    """Times the training by what the sync reports; printing is left to stderr."""

    wall: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def hear(self, message: str) -> None:
        print(message, file=sys.stderr, flush=True)
        if message.strip().startswith(("training on", "trained version")):
            self.wall.append(time.monotonic())
            self.busy.append(time.process_time())


def main(folder: Path, tickets: int, held_out: int, epochs: int, threads: int, seed: int) -> None:
    url = f"sqlite:///{folder}/support.db"
    watch = Stopwatch()
    company = make_company(tickets, held_out, seed)
    artifacts = str(folder / "artifacts")
    with sqltune.open(
        url, report=watch.hear, artifacts=artifacts, device="cpu", threads=threads
    ) as workspace:
        workspace.init()
        engine = create_engine(url)
        store(company, engine)
        write_jsonl(read_rows(company, engine), folder / "rows.jsonl")
        with engine.begin() as connection:
            connection.execute(text(_ADAPTER), {"base_model": BASE_MODEL, "epochs": epochs})
        outcome = workspace.sync("support")[0]
        if outcome.error_message:
            raise SystemExit(outcome.error_message)
    with engine.connect() as connection:
        for name, phase in (("before", "base"), ("ours", "after")):
            answers = connection.execute(text(_ANSWERS), {"phase": phase})
            write_answers(
                {int(key): answer or "" for key, answer in answers}, folder / f"{name}.json"
            )
        rate, batch, rank, alpha = connection.execute(text(_VERSION)).one()
        tokens, steps = connection.execute(text(_STEPS)).one()
    report = TrainingReport(
        settings=f"lr {rate:g}, batch {batch}, rank {rank}, alpha {alpha}",
        seconds=watch.wall[1] - watch.wall[0],
        cpu_seconds=watch.busy[1] - watch.busy[0],
        tokens=int(tokens),
        steps=int(steps),
    )
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
