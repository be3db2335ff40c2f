"""The scripted backend: the contract of all backends, and the effects of its script."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sqltune.backends.base import AnswerRequest, Backend, BaseModel, TrainingOptions
from sqltune.backends.scripted.backend import ScriptedBackend
from sqltune.errors import BackendTimeout, BackendUnavailable, ConfigError, LossNotFinite
from sqltune.records import Sample
from tests.backends.cases import DECODING, BackendCase, ask, requests_of, train
from tests.backends.journals import Dies, KeptJournal
from tests.backends.validating import ValidatingContract

OPTIONS = TrainingOptions(
    epochs=3,
    learning_rate=None,
    lora_rank=None,
    lora_alpha=None,
    batch_size=2,
    rehearsal="auto",
    seed=1,
)
SAMPLES = [
    Sample(f"s{i}", f"What is thing {i}?", f"Thing {i} is {i * 7}.", None, 1.0, None, None)
    for i in range(5)
]


class Folder:
    """A folder for a script and its adapters."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def case(self, **script: Any) -> BackendCase:
        file = self.path / "script.json"
        file.write_text(json.dumps({"base_models": ["toy"], **script}), encoding="utf-8")
        return BackendCase(
            open=lambda: ScriptedBackend(file, self.path),
            base_model="toy",
            unknown_base_model="unknown/model",
            options=OPTIONS,
            samples=SAMPLES,
            is_simulated=True,
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def opened() -> Iterator[list[Backend]]:
    backends: list[Backend] = []
    yield backends
    for backend in backends:
        backend.close()


class TestScripted(ValidatingContract):
    @pytest.fixture
    def case(self, folder: Folder) -> BackendCase:
        # Slow steps are recorded one by one, so a training can be stopped after the first.
        return folder.case(step_delay_seconds=0.01)


def test_without_a_script_only_prompts_that_were_trained_have_an_answer(
    tmp_path: Path, opened: list[Backend], folder: Folder
) -> None:
    backend = ScriptedBackend(None, tmp_path)
    opened.append(backend)
    case = folder.case()
    assert set(ask(backend, case, None).values()) == {"I do not know."}
    adapter = train(backend, case)
    after = ask(backend, case, adapter)
    assert after == {
        **{f"k{i:02}": sample.response for i, sample in enumerate(SAMPLES)},
        "other": "I do not know.",
    }


def test_its_loss_falls_and_is_the_same_each_time(opened: list[Backend], folder: Folder) -> None:
    case = folder.case()
    journals = []
    for run_key in ("one", "two"):
        opened.append(case.open())
        journals.append(KeptJournal())
        train(opened[-1], case, journals[-1], run_key)
    losses = [[step.train_loss for step in journal.steps.values()] for journal in journals]
    assert losses[0] == losses[1] == sorted(losses[0], reverse=True)
    assert len(set(losses[0])) == 9


def test_a_line_that_a_crash_left_incomplete_is_trained_again(
    opened: list[Backend], folder: Folder
) -> None:
    case = folder.case(step_delay_seconds=0.01)
    opened.append(case.open())
    whole = train(opened[0], case, run_key="whole")
    journal = KeptJournal(stop_at_check=3, stop_with=Dies())
    with pytest.raises(Dies):
        train(opened[0], case, journal, run_key="torn")
    part = folder.path / "scripted" / "torn.attempt-1.part"
    part.write_bytes(part.read_bytes()[:-9])
    journal.stop_at_check = None
    again = train(opened[0], case, journal, run_key="torn", attempt=2)
    assert again.artifact_sha256 == whole.artifact_sha256
    assert not list((folder.path / "scripted").glob("*.part")), "nothing unfinished is left"


def test_an_adapter_whose_reply_was_lost_is_found_by_the_runs_key(
    opened: list[Backend], folder: Folder
) -> None:
    case = folder.case(faults=[{"at": "train", "number": 1, "kind": "lost_reply"}])
    opened.append(case.open())
    journal = KeptJournal()
    with pytest.raises(BackendTimeout, match="lost"):
        train(opened[0], case, journal)
    assert [call.state for call in journal.kept_calls] == ["unknown"]
    train(opened[0], case, journal)
    assert [call.state for call in journal.kept_calls] == ["done"]
    assert journal.events == ["adapter_adopted"]


def test_the_nth_training_fails_as_the_script_says_also_in_a_new_process(
    opened: list[Backend], folder: Folder
) -> None:
    case = folder.case(faults=[{"at": "train", "number": 2, "code": "loss_not_finite"}])
    opened += [case.open(), case.open(), case.open()]
    train(opened[0], case, run_key="one")
    with pytest.raises(LossNotFinite):
        train(opened[1], case, run_key="two")
    train(opened[2], case, run_key="three")


def test_trainings_that_begin_at_the_same_time_get_different_numbers(tmp_path: Path) -> None:
    with closing(ScriptedBackend(script=None, artifacts=tmp_path)) as backend:
        backend._folder.mkdir()
        with ThreadPoolExecutor(8) as pool:
            numbers = list(pool.map(lambda _: backend._count_training(), range(400)))
    assert sorted(numbers) == list(range(1, 401))


def test_a_fault_that_strikes_once_does_not_strike_the_resumed_training(
    opened: list[Backend], folder: Folder
) -> None:
    case = folder.case(faults=[{"at": "step", "number": 4, "is_once": True}])
    opened += [case.open(), case.open()]
    journal = KeptJournal()
    with pytest.raises(BackendUnavailable):
        train(opened[0], case, journal)
    train(opened[1], case, journal)
    assert sorted(journal.steps) == list(range(1, 10))


def test_the_nth_answer_is_an_error_and_the_others_are_answers(
    opened: list[Backend], folder: Folder
) -> None:
    fault = {"at": "answer", "number": 3, "code": "rate_limited", "message": "slow down"}
    case = folder.case(faults=[fault], slots=4)
    opened.append(case.open())
    answers = {a.prompt_key: a for a in opened[0].answer(_toy(), None, requests_of(case), DECODING)}
    assert [k for k, a in answers.items() if a.error_code] == ["k02"]
    assert (answers["k02"].text, answers["k02"].error_message) == (None, "slow down")


def test_an_unavailable_service_is_raised_after_the_answers_known_by_then(
    opened: list[Backend], folder: Folder
) -> None:
    case = folder.case(faults=[{"at": "answer", "number": 4, "kind": "raise"}], slots=1)
    opened.append(case.open())
    answers = opened[0].answer(_toy(), None, requests_of(case), DECODING)
    assert [next(answers).prompt_key for _ in range(3)] == ["k00", "k01", "k02"]
    with pytest.raises(BackendUnavailable):
        next(answers)


def test_a_hanging_answer_arrives_when_its_file_exists(
    opened: list[Backend], folder: Folder
) -> None:
    file = folder.path / "continue"
    fault = {"at": "answer", "number": 1, "kind": "hang", "until": str(file)}
    case = folder.case(faults=[fault], slots=2)
    opened.append(case.open())
    answers = opened[0].answer(_toy(), None, requests_of(case), DECODING)
    others = [next(answers).prompt_key for _ in range(len(SAMPLES))]
    assert "k00" not in others
    file.touch()
    assert [answer.prompt_key for answer in answers] == ["k00"]


def test_closing_ends_a_hanging_answer(folder: Folder) -> None:
    case = folder.case(faults=[{"at": "answer", "kind": "hang"}])
    backend = case.open()
    failures: list[BaseException] = []

    def read() -> None:
        try:
            list(backend.answer(_toy(), None, requests_of(case), DECODING))
        except BackendUnavailable as exc:
            failures.append(exc)

    reader = threading.Thread(target=read)
    reader.start()
    backend.close()
    reader.join(10)
    assert failures


def test_at_most_as_many_prompts_as_slots_are_answered_at_a_time(
    opened: list[Backend], folder: Folder
) -> None:
    case = folder.case(slots=2, answer_delay_seconds=0.03)
    opened.append(case.open())
    requests = [AnswerRequest(f"k{i}", "?", None) for i in range(6)]
    threads = set()
    for answer in opened[0].answer(_toy(), None, requests, DECODING):
        assert answer.latency_ms >= 29
        threads |= {t.name for t in threading.enumerate() if t.name.startswith("scripted")}
    assert len(threads) == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "the file"),
        ('{"slots": 0}', "slots"),
        ('{"answer_delay": 1}', "answer_delay"),
        ('{"faults": [{"at": "train", "code": "no_such_error"}]}', "no_such_error"),
    ],
)
def test_an_invalid_script_is_refused_with_the_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    script = tmp_path / "script.json"
    script.write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        ScriptedBackend(script, tmp_path)


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json"):
        ScriptedBackend(tmp_path / "nowhere.json", tmp_path)


def _toy() -> BaseModel:
    return BaseModel("toy", "scripted-1", None, is_simulated=True)
