"""The local backend, on a tiny model with random weights, against the contract of all backends."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from sqltune.backends.base import (
    AnswerRequest,
    BaseModel,
    Decoding,
    TrainedAdapter,
    TrainingJob,
    TrainingOptions,
)
from sqltune.backends.local import training
from sqltune.backends.local.backend import LocalBackend
from sqltune.backends.variation import Varying, explain_variation
from sqltune.local_lora.adapters import read_manifest
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraStep
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.tokenising import tokenise_pair, tokenise_prompt
from sqltune.records import Message, Sample
from tests.backends.cases import BackendCase, ListedSamples, train
from tests.backends.journals import KeptJournal
from tests.backends.validating import ValidatingContract
from tests.local_lora.chat_templates import FAMILIES, chat_tokenizer
from tests.local_lora.tiny_models import llama_config, save_tiny_llama, save_tiny_model

SAMPLES = [
    Sample("s1", "Who is Pavan?", "A developer advocate.", None, 1.0, None, None),
    Sample("s2", "Where does he live?", "In a town by the sea.", "Be short.", 1.0, None, None),
    Sample("s3", "Name a colour.", "Blue, as the sky is.", None, 0.5, None, None),
    Sample("s4", "What does he write?", "He writes about databases.", None, 1.0, None, None),
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny products on two threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("models") / "tiny-llama")


def make_case(model_folder: Path, artifacts: Path, device: str) -> BackendCase:
    return BackendCase(
        open=lambda: LocalBackend(
            artifacts=artifacts,
            allowed_folders=[model_folder.parent],
            allow_hub_models=False,
            device=device,
        ),
        base_model=str(model_folder),
        unknown_base_model=str(model_folder / "nothing-here"),
        options=TrainingOptions(
            epochs=2,
            learning_rate=1e-3,
            lora_rank=2,
            lora_alpha=4,
            batch_size=2,
            rehearsal="off",
            seed=1,
        ),
        samples=SAMPLES,
        is_simulated=False,
    )


class TestLocal(ValidatingContract):
    device = "cpu"

    @pytest.fixture
    def case(
        self, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> BackendCase:
        # A checkpoint after each step, so that a training that was interrupted resumes from one.
        monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
        monkeypatch.setattr(training, "_SECONDS_AT_ONCE", 60.0)
        return make_case(model_folder, tmp_path, self.device)


@pytest.mark.gpu
class TestLocalOnGpu(TestLocal):
    device = "cuda"


@pytest.mark.parametrize(("tokens", "mean"), [(4, 0.5), (0, None)])
def test_the_loss_of_the_samples_is_a_mean_over_their_tokens_or_none_without_samples(
    tokens: int, mean: float | None
) -> None:
    step = LoraStep(
        step=1,
        loss=9.0,
        learning_rate=0.1,
        tokens=20,
        trained_tokens=10,
        gradient_norm=1.0,
        seconds=0.1,
        sample_loss_sum=0.5 * tokens,
        sample_tokens=tokens,
    )
    assert training._metrics(step, 10, 1).sample_loss == mean


def test_a_model_that_another_thread_loaded_is_used_with_its_own_number_of_threads(
    model_folder: Path, tmp_path: Path
) -> None:
    """The base model is asked in a separate thread, then trained in the main one."""
    backend = LocalBackend(
        artifacts=tmp_path, allowed_folders=[model_folder.parent], allow_hub_models=False
    )
    base_model = backend.describe(str(model_folder), None)
    request = AnswerRequest("p1", "Who is Pavan?", None)

    def ask() -> int:
        list(backend.answer(base_model, None, [request], Decoding(8, 0.0, 1)))
        return torch.get_num_threads()

    torch.set_num_threads(2)
    with ThreadPoolExecutor(1) as other_thread:
        assert other_thread.submit(ask).result() == 1
    assert torch.get_num_threads() == 2
    assert ask() == 1
    backend.close()


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ("auto", "chat"),
        ("plain", "plain"),
        ("Q: {prompt}\nA: {response}", "Q: {prompt}\nA: {response}"),
    ],
)
def test_a_model_is_trained_and_asked_in_the_form_that_its_version_names(
    tmp_path: Path, asked: str, used: str
) -> None:
    folder = tmp_path / "models" / "chatting"
    family = FAMILIES["smollm2"]
    tokenizer = chat_tokenizer(family)
    save_tiny_model(llama_config(len(tokenizer)), tokenizer, folder)
    backend = LocalBackend(artifacts=tmp_path, allowed_folders=[folder.parent])
    base_model = backend.describe(str(folder), None)
    options = TrainingOptions(1, 1e-3, 2, 4, 2, "off", 1, prompt_format=asked)
    job = TrainingJob("key1", "office", base_model, options, "1-a", attempt=1)
    trained = backend.train(job, ListedSamples(SAMPLES), KeptJournal())
    request = AnswerRequest("p1", "Who is Pavan?", "Be short.")
    (answer,) = backend.answer(
        base_model, trained, [request], Decoding(8, 0.0, 1, prompt_format=asked)
    )
    (count,) = backend.count_tokens(base_model, SAMPLES[:1], asked)
    backend.close()

    sample = Pair.from_sample(SAMPLES[0])
    expected = tokenise_pair(sample, tokenizer, max_length=256, prompt_format=used)
    prompt = tokenise_prompt(
        request.prompt, tokenizer, system_prompt=request.system_prompt, prompt_format=used
    )
    assert trained.options.prompt_format == used
    assert read_manifest(Path(trained.artifact_uri or ""))["prompt_format"] == used
    assert count.tokens == len(expected.token_ids)
    assert answer.prompt_tokens == len(prompt)


def test_a_version_is_asked_on_weights_that_are_quantised_as_when_it_was_trained(
    backend: LocalBackend, model_folder: Path
) -> None:
    quantization = "nf4"  # int8 is so close to the original that greedy answers seldom differ
    base_model = backend.describe(str(model_folder), None)
    options = TrainingOptions(20, 1e-2, 2, 4, 4, "off", 1, quantization=quantization)
    job = TrainingJob("key1", "office", base_model, options, "1-a", attempt=1)
    trained = backend.train(job, ListedSamples(SAMPLES), KeptJournal())
    assert trained.options.quantization == quantization
    assert read_manifest(Path(trained.artifact_uri or ""))["quantization"] == quantization
    requests = [AnswerRequest(s.sample_key, s.response, s.prompt) for s in SAMPLES]
    requests += [AnswerRequest(f"q{s.sample_key}", s.prompt, None) for s in SAMPLES]

    def ask(adapter: TrainedAdapter | None, asked: str) -> list[str | None]:
        decoding = Decoding(24, 0.0, 1, quantization=asked)
        return [a.text for a in backend.answer(base_model, adapter, requests, decoding)]

    assert ask(trained, "none") == ask(trained, quantization)
    other = replace(trained, options=replace(trained.options, quantization="none"))
    assert ask(other, quantization) != ask(trained, quantization)
    assert ask(None, "none") != ask(None, quantization)


TURNS = (
    Message("user", "Who is Pavan?"),
    Message("assistant", "A developer advocate."),
    Message("user", "Where does he live?"),
    Message("assistant", "By the sea."),
)
CHAT = replace(SAMPLES[0], messages=TURNS)


@pytest.fixture
def backend(model_folder: Path, tmp_path: Path) -> Iterator[LocalBackend]:
    backend = LocalBackend(
        artifacts=tmp_path, allowed_folders=[model_folder.parent], allow_hub_models=False
    )
    yield backend
    backend.close()


@pytest.mark.parametrize("train_on", ["all", "last"])
def test_a_conversation_is_trained_turn_by_turn_or_at_its_end(
    backend: LocalBackend, model_folder: Path, train_on: str
) -> None:
    base_model = backend.describe(str(model_folder), None)
    options = TrainingOptions(1, 1e-3, 2, 4, 1, "off", 1, train_on=train_on)
    journal = KeptJournal()
    job = TrainingJob("key", "office", base_model, options, "1-aa", 1)
    backend.train(job, ListedSamples([CHAT]), journal)
    (step,) = journal.steps.values()
    (count,) = backend.count_tokens(base_model, [CHAT], "auto")
    assert step.tokens == count.tokens == backend.count_conversation(base_model, CHAT, options)
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    said = [f" {turn.content}<|end|>" for turn in TURNS if turn.role == "assistant"]
    trained = said if train_on == "all" else said[-1:]
    assert step.trained_tokens == sum(len(tokenizer(text)["input_ids"]) for text in trained)


def test_a_conversation_is_asked_as_a_whole_and_one_that_cannot_be_is_an_error_of_its_own(
    backend: LocalBackend, model_folder: Path
) -> None:
    base_model = backend.describe(str(model_folder), None)
    requests = [
        AnswerRequest("tool", "Who is Pavan?", None, (*TURNS[:1], Message("tool", "x"), TURNS[2])),
        AnswerRequest("chat", "Where does he live?", None, TURNS[:3]),
        AnswerRequest("last", "Where does he live?", None),
    ]
    answers = backend.answer(base_model, None, requests, Decoding(8, 0.0, 0))
    found = {answer.prompt_key: answer for answer in answers}
    assert (found["tool"].error_code, found["tool"].latency_ms) == ("no_chat_template", None)
    assert (found["chat"].prompt_tokens or 0) > (found["last"].prompt_tokens or 0) + 20


def test_a_training_stops_when_it_overfits_and_returns_the_best_epoch(
    model_folder: Path, tmp_path: Path
) -> None:
    case = make_case(model_folder, tmp_path, "cpu")
    backend = case.open()
    unlike = [Sample("v", "Where does he live?", "A developer advocate.", None, 1, None, None)]
    journal = KeptJournal()
    options = {"epochs": 30, "learning_rate": 3e-2, "early_stop_patience": 2, "keep_epochs": True}
    adapter = train(backend, case, journal, validation=unlike, **options)
    losses = [step.eval_loss for step in journal.steps.values() if step.eval_loss is not None]
    assert adapter.best_epoch == losses.index(min(losses)) + 1
    assert len(losses) == adapter.best_epoch + 2 < 30
    assert journal.steps_total == len(journal.steps)
    assert journal.events.count("stopped_early") == 1
    kept = {k.epoch: k.artifact_sha256 for k in adapter.kept_epochs}
    assert adapter.artifact_sha256 == kept[adapter.best_epoch] != kept[len(losses)]
    manifest = read_manifest(Path(adapter.artifact_uri or ""))
    assert (manifest["epoch"], manifest["eval_loss"]) == (adapter.best_epoch, min(losses))
    assert manifest["steps"] == 2 * adapter.best_epoch
    backend.close()


def test_answers_in_narrow_numbers_may_vary_whatever_was_loaded_since(
    model_folder: Path, backend: LocalBackend
) -> None:
    load = backend._memory._load

    def load_narrow(base_model: BaseModel, quantization: str) -> LoadedModel:
        loaded = load(base_model, quantization)
        if quantization == "none" and base_model == narrow:
            loaded.network.to(torch.bfloat16)
        return loaded

    backend._memory._load = load_narrow
    wide = backend.describe(str(model_folder), None)
    narrow = replace(wide, name=f"{model_folder}/")
    decoding = Decoding(4, 0.0, 0)
    assert isinstance(backend, Varying)
    assert explain_variation(backend, narrow, None, decoding) is None
    for base_model in (narrow, wide):
        list(backend.answer(base_model, None, [AnswerRequest("p1", "Who?", None)], decoding))
    assert explain_variation(backend, wide, None, decoding) is None
    reason = explain_variation(backend, narrow, None, decoding)
    assert reason is not None
    assert "bfloat16" in reason
