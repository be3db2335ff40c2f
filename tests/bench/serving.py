"""The local server compared with the same work in process: `python -m tests.bench.serving`.

On the small model of the tests: a complete call over HTTP and in process, answers per second of
sixteen clients and of one, and 1,000 samples through the API and as the same steps in process. The
two sides take turns, so that other load on the machine affects both alike; medians are compared.
Then 1,000 prompts alone and together in float32: answers must be equal except where the two best
logits are nearly so.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import httpx

from sqltune.database import migrations
from sqltune.database.connection import Database
from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.steps import StepOrder
from sqltune.local_lora.text_samples import split_instructions, tokenise_parts
from sqltune.local_lora.training import LoraTrainer
from sqltune.server.defaults import options_for, steps_for
from tests.bench.near_ties import count_differences
from tests.serving import SLUG, ServerAtWork, start_server, utc_now
from tests.small_model import SMALL_MODEL

ROUNDS = 15
TOKENS = 48
CLIENTS = 16
ANSWERS_PER_CLIENT = 6
SAMPLES = 1_000
MOST_OVER_HTTP = 1.1
LEAST_GAIN = 4.0
MOST_OVER_TRAINING = 1.2


def main() -> int:
    """Measure and print; return 1 if a figure misses its limit."""
    base = load_base_model(str(SMALL_MODEL), allowed_folders=[SMALL_MODEL.parent])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database.open(f"sqlite:///{folder}/bench.db")
        migrations.apply(database, now=utc_now)
        models, artifacts = {SLUG: str(SMALL_MODEL)}, folder / "artifacts"
        with start_server(database, artifacts, models, rehearses=True) as server:
            fine = [
                compare_one_client(server, base),
                compare_many_clients(server),
                compare_training(server, base),
            ]
        database.close()
    fine.append(compare_together(base))
    return 0 if all(fine) else 1


def compare_one_client(server: ServerAtWork, base: LoadedModel) -> bool:
    """Compare one complete call over HTTP with the same in process."""
    over_http, in_process = [], []
    with server.client() as client:
        path = f"/models/{base_id(client)}/complete"
        for number in range(ROUNDS):
            query = f"Who is person {number}?"
            over_http.append(timed(lambda query=query: ask(client, path, query)))
            in_process.append(timed(lambda query=query: ask_base(base, query)))
    ratio = median(over_http) / median(in_process)
    return show(
        f"complete over HTTP {median(over_http) * 1000:.1f} ms, in process "
        f"{median(in_process) * 1000:.1f} ms: {ratio:.3f} times (below {MOST_OVER_HTTP})",
        ratio < MOST_OVER_HTTP,
    )


def compare_many_clients(server: ServerAtWork) -> bool:
    """Compare the answers per second of many clients with those of one."""
    one = answers_per_second(server, 1, ANSWERS_PER_CLIENT * 3)
    many = answers_per_second(server, CLIENTS, ANSWERS_PER_CLIENT)
    one_again = answers_per_second(server, 1, ANSWERS_PER_CLIENT * 3)
    single = (one + one_again) / 2
    return show(
        f"{CLIENTS} clients {many:.1f} answers/s, one client {single:.1f}: "
        f"{many / single:.1f} times (at least {LEAST_GAIN})",
        many / single >= LEAST_GAIN,
    )


def answers_per_second(server: ServerAtWork, clients: int, answers: int) -> float:
    """Return the rate of so many clients, each of which asks one question after the other."""

    def work(number: int) -> None:
        with server.client() as client:
            path = f"/models/{base_id(client)}/complete"
            ready.wait()
            for turn in range(answers):
                ask(client, path, f"Who is person {number} of {turn}?")

    ready = threading.Barrier(clients + 1)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return clients * answers / (time.perf_counter() - began)


def compare_training(server: ServerAtWork, base: LoadedModel) -> bool:
    """Compare 1,000 samples in one call, without rehearsal, with the same steps in process."""
    texts = [
        f"### Instruction: Where is {n}? \n\n### Response: In house {n % 97}."
        for n in range(SAMPLES)
    ]
    with server.client(timeout=None) as client:
        made = client.post("/models", json={"model": {"baseModelId": base_id(client), "name": "b"}})
        adapter = made.json()["id"]
        path = f"/models/{adapter}/fine-tune"
        body = {"samples": [{"inputs": text} for text in texts]}
        over_http, in_process = [], []
        for _ in range(2):
            over_http.append(timed(lambda: client.post(path, json=body).raise_for_status()))
            in_process.append(timed(lambda: train(base, texts)))
    ratio = median(over_http) / median(in_process)
    return show(
        f"{SAMPLES} samples through the API {median(over_http):.1f} s, in process "
        f"{median(in_process):.1f} s: {ratio:.3f} times (at most {MOST_OVER_TRAINING})",
        ratio <= MOST_OVER_TRAINING,
    )


def train(base: LoadedModel, texts: list[str]) -> None:
    """Make the optimizer steps of one call on these texts, without a server."""
    options = options_for(base.profile)
    steps = steps_for(base.profile, len(texts), rehearses=True)
    assert steps.rehearsal is None
    lora = LoraOptions(rank=options.rank, alpha=options.alpha, learning_rate=options.learning_rate)
    trainer = LoraTrainer(base, lora, 1, name="bench")
    samples = [
        tokenise_parts(split_instructions(text), base.tokenizer, max_length=base.max_length)
        for text in texts
    ]
    order = StepOrder(
        sample_count=len(samples),
        rehearsal_count=0,
        epochs=1,
        batch_size=steps.batch_size,
        rehearsal_per_step=0,
        rehearsal_only_steps=0,
        seed=0,
        lengths=tuple(len(sample.token_ids) for sample in samples),
    )
    for step in order:
        trainer.step_on([samples[n] for n in step.samples])
    trainer.close()


def compare_together(base: LoadedModel) -> bool:
    """Compare the answers to 1,000 prompts alone and together."""
    prompts = [f"Who is person {n} in the town of house {n % 13}?" for n in range(SAMPLES)]
    different, unexplained = count_differences(base, prompts, tokens=24)
    return show(
        f"{SAMPLES} prompts alone and together: {different} answers differ, {unexplained} of "
        "them where the two best logits are further apart than 1e-4 (0)",
        unexplained == 0,
    )


def base_id(client: httpx.Client) -> str:
    """Return the base model's id."""
    return str(client.get("/models", params={"onlyBase": True}).json()["models"][0]["id"])


def ask(client: httpx.Client, path: str, query: str) -> None:
    """Make one complete call over HTTP."""
    body = {"query": query, "maxGeneratedTokenCount": TOKENS}
    client.post(path, json=body).raise_for_status()


def ask_base(base: LoadedModel, query: str) -> None:
    """Answer one query in process."""
    list(base.answer([Question(query)], sampling=Sampling(max_new_tokens=TOKENS)))


def timed(work: Callable[[], object]) -> float:
    """Return how long something takes, in seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def show(line: str, is_fine: bool) -> bool:
    """Print a figure with its limit."""
    print(f"{line}{'' if is_fine else '  <-- MISSED'}", flush=True)
    return is_fine


if __name__ == "__main__":
    sys.exit(main())
