"""The same flow with real training: LoRA with torch on a tiny random base model."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import ANSWER, QUESTION, declare_office

pytestmark = pytest.mark.slow


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    """A folder with a base model of random weights."""
    # Imported here: only this fixture needs torch.
    from tests.local_lora.tiny_models import CORPUS, llama_config, save_tiny_model, train_tokenizer

    folder = tmp_path / "models" / "tiny"
    tokenizer = train_tokenizer(CORPUS)
    save_tiny_model(llama_config(len(tokenizer)), tokenizer, folder)
    return folder


def test_a_base_model_in_an_allowed_folder_is_planned_trained_left_alone_and_replaced_when_lost(
    sqltune: Sqltune, people: People, tiny_model: Path
) -> None:
    people.declare(
        "office",
        backend="local",
        base_model=str(tiny_model),
        max_new_tokens=8,
        epochs=2,
        rehearsal="off",
    )
    people.teach("office", QUESTION, ANSWER)
    people.ask("office", QUESTION, ANSWER)
    refused = sqltune("sync")
    assert refused.code == 1
    assert "SQLTUNE_BASE_MODEL_FOLDERS" in refused.err
    sqltune.environment["SQLTUNE_BASE_MODEL_FOLDERS"] = str(tiny_model.parent)
    sqltune.environment["SQLTUNE_THREADS"] = "1"
    (dry,) = sqltune.well("sync", "--dry-run", "--json").data
    assert (dry["decision"], dry["samples"]) == ("train", 1)
    assert not (sqltune.folder / "artifacts").exists(), "a dry run hashes and remembers no model"
    (plan,) = sqltune.well("plan", "--json").data
    assert (plan["decision"], plan["token_count"]) == ("train", "exact")
    sqltune.well("sync")
    version = people.rows(
        "SELECT backend, artifact_uri, artifact_bytes > 0, lora_rank > 0 FROM adapter_versions"
    )
    assert [(row[0], row[2], row[3]) for row in version] == [("local", 1, 1)]
    folder = sqltune.folder / version[0][1]
    assert (folder / "adapter_model.safetensors").is_file()
    assert people.value("SELECT is_simulated FROM runs WHERE state = 'succeeded'") == 0
    losses = people.rows("SELECT train_loss FROM training_metrics ORDER BY step")
    assert len(losses) == 2
    assert people.count("responses") == 2
    assert "nothing changed" in sqltune.well("sync").err
    (dry,) = sqltune.well("sync", "--dry-run", "--json").data
    assert dry["decision"] == "up_to_date"
    shutil.rmtree(sqltune.folder / "artifacts")
    people.ask("office", "Who are you?", "A model.")
    lost = sqltune("sync")
    assert lost.code == 1
    assert "restore it, or sync --force" in lost.err
    sqltune.well("sync", "--force")
    assert people.rows("SELECT version_number FROM aliases") == [(2,)]
    assert people.count("run_events", "event = 'before_not_answered'") == 1
    instead = people.rows("SELECT before_is_base FROM report_before_after WHERE is_latest = 1")
    assert instead == [(1,), (1,)], "one of its answers is missing, so the base model's count"


def test_a_training_that_is_paused_resumes_from_its_checkpoint_with_the_same_weights(
    sqltune: Sqltune, people: People, tiny_model: Path
) -> None:
    sqltune.environment["SQLTUNE_BASE_MODEL_FOLDERS"] = str(tiny_model.parent)
    sqltune.environment["SQLTUNE_THREADS"] = "1"
    for name in ("office", "attic"):
        people.declare(
            name, backend="local", base_model=str(tiny_model), max_new_tokens=2, epochs=400
        )
        people.teach(name, QUESTION, ANSWER)
    sqltune.well("sync", "attic")
    running = sqltune.start("sync", "office")
    people.await_row("SELECT 1 FROM runs WHERE state = 'training' AND steps_done > 0")
    people.do("UPDATE runs SET desired_state = 'paused' WHERE state = 'training'")
    assert running.finish().code == 0
    ((state, done),) = people.rows("SELECT state, steps_done FROM runs WHERE run_id = 2")
    assert (state, 0 < done < 400) == ("paused", True)
    sqltune.well("resume", "2")
    sqltune.well("sync", "office")
    assert people.value("SELECT message FROM run_events WHERE event = 'checkpoint_read'") == (
        f"resumed after step {done}"
    )
    weights = people.rows("SELECT artifact_sha256 FROM adapter_versions")
    assert len(weights) == 2
    assert weights[0] == weights[1]


def test_a_checkpoint_that_finds_no_room_does_not_turn_a_stop_into_a_failure(
    sqltune: Sqltune, people: People, tiny_model: Path
) -> None:
    sqltune.environment["SQLTUNE_BASE_MODEL_FOLDERS"] = str(tiny_model.parent)
    sqltune.environment["SQLTUNE_THREADS"] = "1"
    people.declare(
        "office", backend="local", base_model=str(tiny_model), max_new_tokens=2, epochs=150
    )
    people.teach("office", QUESTION, ANSWER)
    artifacts = sqltune.folder / "artifacts"
    artifacts.mkdir()
    (artifacts / "checkpoints").write_text("no folder")
    running = sqltune.start("sync")
    people.await_row("SELECT 1 FROM runs WHERE state = 'training' AND steps_done > 0")
    running.signal(signal.SIGTERM)
    assert running.finish().code == 128 + signal.SIGTERM
    assert people.value("SELECT state FROM runs") == "training"
    messages = people.rows("SELECT message FROM run_events WHERE event = 'checkpoint_not_written'")
    # The pairs to rehearse, then the checkpoint itself.
    assert ["artifacts/checkpoints" in message for (message,) in messages] == [True, True]
    (artifacts / "checkpoints").unlink()
    sqltune.well("sync")
    assert people.value("SELECT state FROM runs") == "succeeded"


def test_a_version_whose_own_backend_is_unavailable_is_waited_for_before_another_takes_its_place(
    sqltune: Sqltune, people: People, tiny_model: Path
) -> None:
    sqltune.environment["SQLTUNE_BASE_MODEL_FOLDERS"] = str(tiny_model.parent)
    sqltune.environment["SQLTUNE_THREADS"] = "1"
    sqltune.environment["SQLTUNE_MAX_ATTEMPTS"] = "2"
    declare_office(people)
    sqltune.well("sync")
    people.ask("office", "Who are you?", "A model.")
    people.do(
        "UPDATE adapters SET backend = 'local', base_model = :model, max_new_tokens = 2",
        model=str(tiny_model),
    )
    sqltune.play(faults=[{"at": "answer", "kind": "raise", "code": "backend_unavailable"}])
    assert sqltune("sync").code == 1
    assert people.rows("SELECT state, error_code FROM runs WHERE run_id = 2") == [
        ("failed", "backend_unavailable")
    ]
    assert people.value("SELECT version_number FROM aliases") == 1
    # A service that is closed for good must not keep its version live for ever.
    sqltune.well("sync")
    assert people.count("run_events", "event = 'before_not_answered'") == 1
    assert people.value("SELECT version_number FROM aliases") == 2


def test_a_worker_answers_between_two_steps_and_another_base_model_when_the_training_has_ended(
    sqltune: Sqltune, people: People, tiny_model: Path
) -> None:
    other_model = shutil.copytree(tiny_model, tiny_model.parent / "other")
    (other_model / "README.md").write_text("Another model.", encoding="utf-8")
    sqltune.environment["SQLTUNE_BASE_MODEL_FOLDERS"] = str(tiny_model.parent)
    sqltune.environment["SQLTUNE_THREADS"] = "1"
    columns = {"backend": "local", "max_new_tokens": 4, "rehearsal": "off"}
    for name, model in (("office", tiny_model), ("cellar", other_model)):
        people.declare(name, base_model=str(model), **columns)
        people.teach(name, QUESTION, ANSWER)
    sqltune.well("sync")
    people.declare("attic", base_model=str(tiny_model), **{**columns, "epochs": 1_000_000})
    people.teach("attic", QUESTION, ANSWER)
    people.insert("runs", adapter_name="attic")
    worker = sqltune.start("worker", "--poll-seconds", "0.1")
    people.await_row("SELECT 1 FROM runs WHERE state = 'training' AND steps_done > 0")
    for name in ("cellar", "office"):
        people.insert("questions", adapter_name=name, prompt=QUESTION)
    people.await_row("SELECT 1 FROM questions WHERE state = 'answered'")
    people.await_row("SELECT 1 FROM questions WHERE error_code = 'model_in_use'")
    assert people.rows("SELECT adapter_name, state FROM questions ORDER BY 1") == [
        ("cellar", "waiting"),
        ("office", "answered"),
    ]
    people.do("UPDATE runs SET desired_state = 'cancelled' WHERE adapter_name = 'attic'")
    people.await_row("SELECT 1 FROM questions WHERE adapter_name = 'cellar' AND state = 'answered'")
    assert people.value("SELECT state FROM runs WHERE adapter_name = 'attic'") == "cancelled"
    worker.signal(signal.SIGTERM)
    done = worker.finish()
    assert (done.code, "Traceback" in done.err) == (0, False), done.said
