"""OpenAI's chat endpoint compared with the same answers in process: `python -m tests.bench.chat`.

A version that `sync` trained answers `/v1/chat/completions`: one client against one question after
the other in process, and sixteen clients against sixteen questions in one batch. The two sides take
turns, so that other load on the machine affects both alike; medians are compared.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import httpx

from sqltune.database import migrations
from sqltune.database.connection import Database
from sqltune.local_lora.answering import Question
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.sampling import Sampling
from tests.bench.serving import show, timed
from tests.end_to_end.command import People
from tests.server.tuned import Tuned, chat, train_versions
from tests.serving import SLUG, start_server, utc_now
from tests.small_model import SMALL_MODEL

ROUNDS = 9
CLIENTS = 16
TOKENS = 48
#: Of the rate in process.
LEAST_OF_ONE, LEAST_OF_MANY = 0.8, 0.5


def main() -> int:
    """Measure and print; return 1 if a figure misses its limit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url, artifacts = f"sqlite:///{folder}/bench.db", folder / "artifacts"
        database, people = Database.open(url), People(url)
        migrations.apply(database, now=utc_now)
        train_versions(url, artifacts)
        base = load_base_model(str(SMALL_MODEL), allowed_folders=[SMALL_MODEL.parent])
        ((stored,),) = people.rows(
            "SELECT artifact_uri FROM adapter_versions"
            " WHERE adapter_name = 'support-bot' AND version_number = 2"
        )
        base.load_adapter(stored, "live")
        with start_server(database, artifacts, {SLUG: str(SMALL_MODEL)}, threads=1) as server:
            tuned = Tuned(server, people)
            fine = [
                compare(tuned, base, 1, LEAST_OF_ONE),
                compare(tuned, base, CLIENTS, LEAST_OF_MANY),
            ]
        people.close()
        database.close()
    return 0 if all(fine) else 1


def compare(tuned: Tuned, base: LoadedModel, clients: int, least: float) -> bool:
    """Compare the rate of so many clients with that of the same questions in process."""
    over_http, in_process = [], []
    with ExitStack() as stack:
        opened = [stack.enter_context(tuned.client()) for _ in range(clients)]
        pool = stack.enter_context(ThreadPoolExecutor(clients))
        list(pool.map(ask, opened, prompts_of(0, clients)))  # loads what a first answer loads
        for number in range(1, ROUNDS + 1):
            prompts = prompts_of(number, clients)
            over_http.append(timed(lambda asked=prompts: list(pool.map(ask, opened, asked))))
            in_process.append(timed(lambda asked=prompts: answer(base, asked)))
    served, direct = clients / median(over_http), clients / median(in_process)
    return show(
        f"chat completions, {clients} at a time: {served:.1f} answers/s, in process {direct:.1f}: "
        f"{served / direct:.2f} of it (at least {least})",
        served / direct >= least,
    )


def prompts_of(number: int, count: int) -> list[str]:
    """Return the questions of a round."""
    return [f"Who is person {number} of house {place}?" for place in range(count)]


def ask(client: httpx.Client, prompt: str) -> None:
    """Ask over HTTP."""
    body = chat(prompt=prompt, max_tokens=TOKENS, temperature=0)
    client.post("/chat/completions", json=body).raise_for_status()


def answer(base: LoadedModel, prompts: Sequence[str]) -> None:
    """Ask in process, all together."""
    questions = [Question(prompt) for prompt in prompts]
    list(base.answer(questions, adapter="live", sampling=Sampling(max_new_tokens=TOKENS)))


if __name__ == "__main__":
    sys.exit(main())
