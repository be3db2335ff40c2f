"""What the local backend does with its files: resuming, replaced weights, changed base models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sqltune.backends.base import TrainingOptions
from sqltune.backends.local import training
from sqltune.backends.local.backend import LocalBackend
from sqltune.errors import BackendError, LeaseLost, RequestRejected, RunInterrupted
from sqltune.records import Sample
from tests.backends.cases import BackendCase, ask, train
from tests.backends.journals import KeptJournal, StalledJournal
from tests.local_lora.tiny_models import save_tiny_llama

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
    save_tiny_llama(folder / "tiny")
    return folder


@pytest.fixture
def case(base_models: Path, tmp_path: Path) -> BackendCase:
    return BackendCase(
        open=lambda: LocalBackend(
            artifacts=tmp_path, allowed_folders=[base_models], allow_hub_models=False, threads=1
        ),
        base_model=str(base_models / "tiny"),
        unknown_base_model=str(base_models / "does-not-exist"),
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
    # The last checks are between the steps, the earlier ones while the base model answers.
    stop_at = undisturbed.checks - 1
    journal = KeptJournal(stop_at_check=stop_at, stop_with=RunInterrupted("stop"))
    with pytest.raises(RunInterrupted):
        train(backend, case, journal, run_key="broken")
    journal.stop_at_check = None
    resumed = train(case.open(), case, journal, run_key="broken", attempt=2)
    assert "checkpoint_read" in journal.events
    assert journal.events.count("rehearsal") == 1, "the same pairs, asked once"
    assert resumed.artifact_sha256 == whole.artifact_sha256
    backend.close()


@pytest.fixture
def rehearsing(case: BackendCase, monkeypatch: pytest.MonkeyPatch) -> BackendCase:
    """The case with rehearsal, and a checkpoint after each step."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    return replace(case, options=replace(OPTIONS, rehearsal="on"))


def left_by(artifacts: Path, attempt: int) -> dict[str, tuple[int, int]]:
    """Return what an attempt has on disk, with what changes when a file is written again."""
    return {
        str(path.relative_to(artifacts)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in artifacts.rglob("*")
        if path.is_file() and f".attempt-{attempt}/" in str(path)
    }


def test_a_stalled_training_that_wakes_up_leaves_its_successors_checkpoint_alone(
    rehearsing: BackendCase, tmp_path: Path
) -> None:
    case = rehearsing
    first, second, third = case.open(), case.open(), case.open()
    undisturbed = KeptJournal()
    whole = train(first, case, undisturbed, run_key="whole")
    # The successor has the pairs already, so it checks between its steps only.
    journal = KeptJournal(stop_at_check=2, stop_with=RunInterrupted("stop"))
    left: list[dict[str, tuple[int, int]]] = []

    def overtake() -> None:
        with pytest.raises(RunInterrupted):
            train(second, case, journal, run_key="broken", attempt=2)
        left.append(left_by(tmp_path, 2))

    # It wakes up between two steps, after some checkpoints and before others.
    late = StalledJournal(kept=journal, stalls_after=5, overtake=overtake)
    with pytest.raises(LeaseLost):
        train(first, case, late, run_key="broken")
    assert left_by(tmp_path, 2) == left[0]
    assert {Path(name).name for name in left[0]} == {"checkpoint.safetensors", "rehearsal.json"}
    assert left_by(tmp_path, 1)
    journal.stop_at_check = None
    resumed = train(third, case, journal, run_key="broken", attempt=3)
    assert journal.events.count("checkpoint_read") >= 1
    assert resumed.artifact_sha256 == whole.artifact_sha256
    assert not list((tmp_path / "checkpoints").iterdir()), "the end removes every attempt's"
    for backend in (first, second, third):
        backend.close()


def test_a_checkpoint_without_the_pairs_that_it_was_trained_with_is_not_used(
    rehearsing: BackendCase, tmp_path: Path
) -> None:
    case = rehearsing
    backend = case.open()
    undisturbed = KeptJournal()
    whole = train(backend, case, undisturbed, run_key="whole")
    journal = KeptJournal(stop_at_check=undisturbed.checks - 1, stop_with=RunInterrupted("stop"))
    with pytest.raises(RunInterrupted):
        train(backend, case, journal, run_key="broken")
    (pairs,) = (tmp_path / "checkpoints").glob("broken*/rehearsal.json")
    pairs.write_text("[]")
    journal.stop_at_check = None
    resumed = train(backend, case, journal, run_key="broken", attempt=2)
    assert "checkpoint_unreadable" in journal.events
    assert resumed.options == whole.options
    backend.close()


def test_a_damaged_checkpoint_gives_way_to_an_earlier_one(
    rehearsing: BackendCase, tmp_path: Path
) -> None:
    case = rehearsing
    backend = case.open()
    undisturbed = KeptJournal()
    whole = train(backend, case, undisturbed, run_key="whole")
    stop = RunInterrupted("stop")
    journal = KeptJournal(stop_at_check=undisturbed.checks - 2, stop_with=stop)
    for attempt in (1, 2):
        with pytest.raises(RunInterrupted):
            train(backend, case, journal, run_key="broken", attempt=attempt)
        journal.stop_at_check = journal.checks + 2
    (damaged,) = (tmp_path / "checkpoints").glob("*.attempt-2/checkpoint.safetensors")
    damaged.write_bytes(damaged.read_bytes()[:-50])
    journal.stop_at_check = None
    resumed = train(backend, case, journal, run_key="broken", attempt=3)
    assert journal.events.count("checkpoint_unreadable") == 1
    assert resumed.artifact_sha256 == whole.artifact_sha256
    backend.close()


def test_weights_that_were_damaged_before_their_version_was_stored_are_trained_again(
    case: BackendCase, tmp_path: Path
) -> None:
    backend, journal = case.open(), KeptJournal()
    whole = train(backend, case, journal)
    weights = Path(whole.artifact_uri or "") / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    again = train(backend, case, journal, attempt=2)
    assert again.artifact_uri != whole.artifact_uri
    assert again.artifact_sha256 == whole.artifact_sha256
    backend.close()


def test_only_what_carries_a_runs_key_is_listed_and_only_that_can_be_removed(
    case: BackendCase, tmp_path: Path
) -> None:
    backend = case.open()
    assert isinstance(backend, LocalBackend)
    key = "machine-" + "0a" * 16
    outside = tmp_path / "outside"
    listed = [
        f"adapters/{key}",  # from before names carried an attempt
        f"adapters/.{key}.attempt-2.0123abcd.tmp",
        f"checkpoints/{key}.attempt-12",
    ]
    for name in [*listed, "adapters/mine", "adapters/.hidden", f"served/{key}", "outside"]:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(b"12345")
    (tmp_path / "adapters" / f"{key}.attempt-3").symlink_to(outside)
    items = list(backend.list_artifacts())
    assert sorted(str(Path(i.address).relative_to(tmp_path)) for i in items) == sorted(listed)
    assert {(item.run_key, item.size_bytes) for item in items} == {(key, 5)}
    with pytest.raises(BackendError, match="not in this backend's folders"):
        backend.remove(replace(items[0], address=str(outside)))
    for item in items:
        backend.remove(item)
    assert list(backend.list_artifacts()) == []
    assert (outside / "file").exists()
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


def test_weights_that_were_replaced_on_disk_are_not_used(case: BackendCase) -> None:
    backend = case.open()
    replaced = replace(train(backend, case), artifact_sha256="0" * 64)
    with pytest.raises(BackendError, match="SHA-256"):
        ask(backend, case, replaced)


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
