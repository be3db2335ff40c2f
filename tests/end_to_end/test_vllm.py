"""What goes live is loaded by a running vLLM; a strict imitation over HTTP stands for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune, await_condition
from tests.end_to_end.conftest import ANSWER, QUESTION
from tests.end_to_end.runs import end_worker
from tests.vllm_server import Vllm, serve_vllm

pytestmark = pytest.mark.slow
CALLS = "SELECT call_kind, lora_name, state FROM vllm_calls ORDER BY intended_at, call_kind"


@pytest.fixture
def vllm() -> Iterator[Vllm]:
    with serve_vllm(base_model="/models/tiny", key="key-of-two") as server:
        yield server


@pytest.fixture
def trained(sqltune: Sqltune, people: People, vllm: Vllm, tmp_path: Path) -> Sqltune:
    """The command with one local version live, trained on a tiny random model and loaded."""
    # Imported here: only this fixture needs torch.
    from tests.local_lora.tiny_models import CORPUS, llama_config, save_tiny_model, train_tokenizer

    folder, tokenizer = tmp_path / "models" / "tiny", train_tokenizer(CORPUS)
    save_tiny_model(llama_config(len(tokenizer)), tokenizer, folder)
    sqltune.environment |= {
        "SQLTUNE_BASE_MODEL_FOLDERS": str(folder.parent),
        "SQLTUNE_THREADS": "1",
        "SQLTUNE_VLLM_URL": f"{vllm.url}/v1",
        "SQLTUNE_VLLM_API_KEY": "key-of-two",
    }
    people.declare(
        "office", backend="local", base_model=str(folder), max_new_tokens=2, rehearsal="off"
    )
    people.teach("office", QUESTION, ANSWER)
    people.ask("office", QUESTION, ANSWER)
    sqltune.well("sync")
    return sqltune


def test_a_sync_loads_what_it_trained_and_a_rollback_brings_the_old_one_back(
    trained: Sqltune, people: People, vllm: Vllm
) -> None:
    uri = people.value("SELECT artifact_uri FROM adapter_versions")
    assert vllm.loras == {"office-v1": str((trained.folder / uri).resolve())}
    people.teach("office", "Who sits there?", "Nobody yet.")
    trained.well("sync")
    assert list(vllm.loras) == ["office-v2"]
    trained.well("rollback", "office")
    trained.well("sync")
    assert list(vllm.loras) == ["office-v1"]
    assert people.rows(CALLS) == [
        ("load", "office-v1", "done"),
        ("load", "office-v2", "done"),
        ("unload", "office-v1", "done"),
        ("load", "office-v1", "done"),
        ("unload", "office-v2", "done"),
    ]
    dumped = str(people.dump())
    assert "key-of-two" not in dumped


def test_a_run_of_a_worker_ends_while_vllm_does_not_answer(
    trained: Sqltune, people: People, vllm: Vllm
) -> None:
    vllm.may_load = threading.Event()
    vllm.restart()
    worker = trained.start("worker", "--poll-seconds", "0.1")
    await_condition(lambda: len(vllm.calls) == 2, "the worker asks vLLM to load again")
    people.insert("runs", adapter_name="office", is_forced=1)
    people.await_row("SELECT 1 FROM runs WHERE run_id = 2 AND state = 'succeeded'")
    assert vllm.loras == {}
    vllm.may_load.set()
    await_condition(lambda: list(vllm.loras) == ["office-v2"], "the new version is loaded alone")
    await_condition(lambda: people.count("vllm_calls", "state = 'waiting'") == 0, "all is settled")
    end_worker(worker)
