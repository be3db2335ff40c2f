"""What the local backend does with its files: resuming, exchanged weights, changed base models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.backends.base import TrainingOptions
from pipeline.backends.local import LocalBackend
from pipeline.errors import BackendError, RequestRejected, RunInterrupted
from pipeline.records import Sample
from tests.backends.contract import BackendCase, KeptJournal, ask, train
from tests.local_lora.tiny_models import CORPUS, llama_config, save_tiny_model, train_tokenizer

OPTIONS = TrainingOptions(
    epochs=2,
    learning_rate=0.01,
    lora_rank=2,
    lora_alpha=None,
    batch_size=2,
    rehearsal="auto",
    seed=1,
)
SAMPLES = [
    Sample(f"s{i}", f"What is thing {i}?", f"Thing {i} is {i * 7}.", None, 1.0, None, None)
    for i in range(4)
]


@pytest.fixture(scope="module")
def base_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base_models")
    tokenizer = train_tokenizer(CORPUS)
    save_tiny_model(llama_config(len(tokenizer)), tokenizer, folder / "tiny")
    return folder


@pytest.fixture
def case(base_models: Path, tmp_path: Path) -> BackendCase:
    return BackendCase(
        open=lambda: LocalBackend(
            artifacts=tmp_path, allowed_folders=[base_models], allow_hub_models=False, threads=1
        ),
        base_model=str(base_models / "tiny"),
        unknown_base_model=str(base_models / "nobody-has-this"),
        options=OPTIONS,
        samples=SAMPLES,
        is_simulated=False,
    )


def test_a_rehearsed_training_resumes_with_the_same_pairs(case: BackendCase) -> None:
    case = replace(case, options=replace(OPTIONS, rehearsal="on"))
    backend = case.open()
    undisturbed = KeptJournal()
    whole = train(backend, case, undisturbed, run_key="whole")
    assert whole.options.rehearsal == "on"
    assert whole.rehearsal_pairs > 0
    # The last checks come between the steps, those before while the base model is asked.
    stop_at = undisturbed.checks - 1
    journal = KeptJournal(stop_at_check=stop_at, stop_with=RunInterrupted("stop"))
    with pytest.raises(RunInterrupted):
        train(backend, case, journal, run_key="broken")
    journal.stop_at_check = None
    resumed = train(case.open(), case, journal, run_key="broken")
    assert "checkpoint_read" in journal.events
    assert resumed.artifact_sha256 == whole.artifact_sha256
    backend.close()


def test_a_row_cannot_lead_the_backend_out_of_its_artifacts_folder(
    case: BackendCase, tmp_path: Path
) -> None:
    backend = case.open()
    outside = replace(train(backend, case), artifact_uri=str(tmp_path.parent))
    with pytest.raises(BackendError, match="SQLTUNE_ARTIFACTS"):
        ask(backend, case, outside)
    with pytest.raises(BackendError, match="SQLTUNE_ARTIFACTS"):
        backend.delete(outside)


def test_weights_that_were_exchanged_on_disk_are_not_asked(case: BackendCase) -> None:
    backend = case.open()
    exchanged = replace(train(backend, case), artifact_sha256="0" * 64)
    with pytest.raises(BackendError, match="SHA-256"):
        ask(backend, case, exchanged)


def test_a_base_model_whose_files_changed_is_another_revision(
    base_models: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "models" / "tiny"
    copy.mkdir(parents=True)
    for file in (base_models / "tiny").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    backend = LocalBackend(artifacts=tmp_path, allowed_folders=[copy.parent])
    first = backend.describe(str(copy), None)
    with (copy / "config.json").open("a") as file:
        file.write("\n")
    assert backend.describe(str(copy), None).revision != first.revision
    with pytest.raises(RequestRejected, match="has changed"):
        backend.describe(str(copy), first.revision)
