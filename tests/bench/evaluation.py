"""How fast 2,000 prompts are evaluated, against the rate that the backend's slots allow.

    python -m tests.bench.evaluation

Each answer takes 50 ms in 32 slots, so the ideal is 32 / 0.05 s = 640 answers a second. Measured is
everything: reading the prompts, asking, storing each answer, scoring it, and writing the scores.
The scripted backend waits in threads of its own. The gradient backend asks a small server over
HTTP, which takes its share of the same processors; more prompts are on the way than the server has
slots, so that none of these waits for us.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from sqltune.backends.base import AnswerRequest, Backend, Decoding
from sqltune.backends.gradient.account import GradientAccount
from sqltune.backends.gradient.backend import GradientBackend
from sqltune.backends.scripted.backend import ScriptedBackend
from sqltune.database import migrations
from sqltune.database.connection import Database, EngineKind, Session
from sqltune.evaluation import score_responses
from sqltune.evaluation.scoring import Scoring
from sqltune.records import Claim, Phase
from tests.database.evaluated_run import EvaluatedRun
from tests.mariadb_server import start_server

PROMPTS = 2_000
SLOTS = 32
#: SQLTUNE_GRADIENT_SLOTS of the backend that asks the server.
ASKED_AT_ONCE = 48
DELAY_SECONDS = 0.05
LEAST_SHARE = 0.90
MOST_MILLISECONDS = 200
SCORING = Scoring("token_f1")
DECODING = Decoding(max_new_tokens=128, temperature=0.0, seed=0)
DEFAULT_ANSWER = "I do not know who that is, but I can tell you about somebody else."


class TimedDatabase(Database):
    """A database that notes how long each of its write transactions took."""

    def __init__(self, engine: Engine, kind: EngineKind) -> None:
        super().__init__(engine, kind)
        self.seconds: list[float] = []

    @contextmanager
    def transaction(self, claim: Claim | None = None) -> Iterator[Session]:
        began = time.perf_counter()
        with super().transaction(claim) as session:
            yield session
        self.seconds.append(time.perf_counter() - began)


def main() -> int:
    """Measure both engines and both backends, print the figures; return 1 if a limit is missed."""
    with tempfile.TemporaryDirectory() as name, start_server() as server:
        folder = Path(name)
        backends = {"scripted": open_scripted, "gradient": open_gradient}
        is_fine = True
        for kind, open_backend in backends.items():
            server.execute(f"CREATE DATABASE {kind}")
            urls = {
                "SQLite": f"sqlite:///{folder}/{kind}.db",
                "MariaDB": server.url("mysql+pymysql", kind),
            }
            for engine, url in urls.items():
                with open_backend(folder) as backend:
                    is_fine &= measure(f"{engine}, {kind}", url, folder, backend)
    return 0 if is_fine else 1


@contextmanager
def open_scripted(folder: Path) -> Iterator[Backend]:
    """Yield a backend that answers in threads of its own."""
    script = folder / "bench-script.json"
    content = {
        "default_answer": DEFAULT_ANSWER,
        "slots": SLOTS,
        "answer_delay_seconds": DELAY_SECONDS,
    }
    script.write_text(json.dumps(content), encoding="utf-8")
    with closing(ScriptedBackend(script, folder)) as backend:
        yield backend


@contextmanager
def open_gradient(folder: Path) -> Iterator[Backend]:
    """Yield a backend that asks a server of its own over HTTP."""
    command = [sys.executable, "-m", "tests.bench.completing_server", str(SLOTS)]
    with subprocess.Popen([*command, str(DELAY_SECONDS)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        account = GradientAccount(url, "bench-token", "bench", is_loopback=True)
        with closing(GradientBackend(account, slots=ASKED_AT_ONCE, timeout_seconds=60)) as backend:
            yield backend
        server.kill()


def measure(name: str, url: str, folder: Path, backend: Backend) -> bool:
    """Evaluate once and print the rate against the ideal one."""
    database = TimedDatabase.open(url)
    migrations.apply(database, now=lambda: datetime.now(UTC))
    run = prepare(database, folder)
    alone = ask_backend_alone(backend)
    database.seconds.clear()
    began = time.perf_counter()
    result = run.ask(Phase.BASE, backend, scoring=SCORING, decoding=DECODING)
    score_responses(run.scope(), SCORING)
    seconds = time.perf_counter() - began
    longest = 1000 * max(database.seconds)
    scored = run.value("SELECT COUNT(*) FROM scores")
    run.close()
    database.close()
    assert result.stored == scored == PROMPTS
    ideal = PROMPTS * DELAY_SECONDS / SLOTS
    is_fine = ideal / seconds >= LEAST_SHARE and longest <= MOST_MILLISECONDS
    print(
        f"{name:17} {PROMPTS:,} prompts in {seconds:.2f} s, ideal {ideal:.2f} s, "
        f"backend alone {alone:.2f} s: "
        f"{ideal / seconds:.0%} of the ideal rate (at least {LEAST_SHARE:.0%}); longest write "
        f"{longest:.0f} ms (at most {MOST_MILLISECONDS} ms){'' if is_fine else '  <-- MISSED'}"
    )
    return is_fine


def ask_backend_alone(backend: Backend) -> float:
    """Return the seconds that the asking alone takes, which grow on a busy machine."""
    requests = [AnswerRequest(f"{i}", f"Who is person {i}?", None) for i in range(PROMPTS)]
    base_model = backend.describe("toy", None)
    began = time.perf_counter()
    answers = sum(1 for _ in backend.answer(base_model, None, requests, DECODING))
    assert answers == PROMPTS
    return time.perf_counter() - began


def prepare(database: Database, folder: Path) -> EvaluatedRun:
    """Make a run of prompts with answers of a sentence."""
    run = EvaluatedRun(database, folder)
    run.claim()
    run.add_run(1)
    run.add_prompts(
        {
            f"Who is person {i} of the town?": f"Person {i} builds boats and writes about them."
            for i in range(PROMPTS)
        },
        scorer=SCORING.scorer,
    )
    return run


if __name__ == "__main__":
    sys.exit(main())
