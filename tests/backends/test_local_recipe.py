"""The recipe that a plan shows is the one that training uses, found without torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from sqltune.backends.base import TrainingJob, TrainingOptions
from sqltune.backends.local import recipe
from sqltune.backends.local.backend import LocalBackend
from sqltune.backends.recipes import Recipe
from sqltune.local_lora import measured_rates
from sqltune.local_lora.model_facts import read_facts
from sqltune.local_lora.sources import BaseModelSource, Place, find_base_model
from sqltune.local_lora.tuning_profiles import ModelFacts
from sqltune.records import Sample
from tests.backends.cases import ListedSamples
from tests.backends.journals import KeptJournal
from tests.local_lora.tiny_gguf import write_tiny_gguf
from tests.local_lora.tiny_models import CORPUS, save_tiny_llama, train_tokenizer

SAMPLES = [
    Sample("s1", "Who is Pavan Belagatti?", "A developer advocate.", None, 1.0, None, None),
    Sample("s2", "Where does Pavan Belagatti live?", "By the sea.", None, 1.0, None, None),
]
OPEN = TrainingOptions(
    epochs=1,
    learning_rate=None,
    lora_rank=None,
    lora_alpha=None,
    batch_size=None,
    rehearsal="auto",
    seed=0,
)


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    return save_tiny_llama(tmp_path / "models" / "tiny-llama")


@pytest.fixture
def backend(model_folder: Path, tmp_path: Path) -> LocalBackend:
    return LocalBackend(
        artifacts=tmp_path / "artifacts",
        allowed_folders=[model_folder.parent],
        allow_hub_models=False,
        device="cpu",
    )


def plan(backend: LocalBackend, folder: Path, options: TrainingOptions, **values: Any) -> Recipe:
    base_model = backend.describe(str(folder), None)
    given = {"sample_count": 2, "epoch_tokens": 60, "read_samples": lambda: SAMPLES, **values}
    return backend.make_recipe(base_model, options, **given)


def train(backend: LocalBackend, folder: Path) -> tuple[Any, KeptJournal]:
    base_model, journal = backend.describe(str(folder), None), KeptJournal()
    job = TrainingJob("run-1", "office", base_model, OPEN, "2-aa", attempt=1)
    return backend.train(job, ListedSamples(SAMPLES), journal), journal


def test_the_planned_recipe_is_what_the_version_records(
    backend: LocalBackend, model_folder: Path
) -> None:
    planned = plan(backend, model_folder, OPEN)
    trained, journal = train(backend, model_folder)
    used = trained.options
    assert planned.steps == journal.steps_total == len(journal.steps)
    assert (planned.learning_rate, planned.batch_size) == (used.learning_rate, used.batch_size)
    assert (planned.lora_rank, planned.lora_alpha) == (used.lora_rank, used.lora_alpha)
    assert planned.warmup_share == trained.warmup_share
    assert used.rehearsal == "on"
    # An empty answer is not rehearsed, and this model of random weights may give some.
    assert 0 < trained.rehearsal_pairs <= planned.rehearsal_pairs
    # Without names in the prompts there are fewer questions than the profile allows.
    asked = f"the base model answers {planned.rehearsal_pairs} questions to rehearse"
    assert asked in journal.messages


def test_what_the_row_says_is_used_and_needs_no_reason(
    backend: LocalBackend, model_folder: Path
) -> None:
    row = replace(OPEN, learning_rate=1e-4, lora_rank=4, batch_size=2, rehearsal="off")
    planned = plan(backend, model_folder, row)
    assert (planned.learning_rate, planned.lora_rank, planned.batch_size) == (1e-4, 4, 2)
    assert (planned.steps, planned.rehearsal_pairs, planned.rehearsal_tokens) == (1, 0, 0)
    assert planned.reasons == ()


def test_time_is_estimated_by_size_until_a_training_was_measured_here(
    backend: LocalBackend, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured_rates, "LEAST_TOKENS", 1)
    rough = plan(backend, model_folder, OPEN)
    assert (rough.is_measured, rough.seconds is not None) == (False, True)
    train(backend, model_folder)
    measured = plan(backend, model_folder, OPEN)
    assert (measured.is_measured, measured.seconds is not None) == (True, True)
    assert measured.seconds != rough.seconds


def test_without_token_counts_or_size_no_time_is_given(
    backend: LocalBackend, model_folder: Path
) -> None:
    uncounted = plan(backend, model_folder, OPEN, epoch_tokens=None)
    assert (uncounted.seconds, uncounted.rehearsal_tokens) == (None, None)
    inputs = recipe.RecipeInputs(
        options=replace(OPEN, rehearsal="off"),
        facts=read_facts(BaseModelSource("owner/name", "owner/name", Place.HUB, "the Hub")),
        sample_count=2,
        epoch_tokens=60,
        read_samples=lambda: SAMPLES,
        count_tokens=lambda samples: iter(()),
        rates=None,
        is_on_processor=True,
    )
    unknown = recipe.make_recipe(inputs)
    assert unknown.seconds is None
    assert "not known" in unknown.reasons[0]


def test_a_broken_file_of_rates_is_no_rates_and_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "rates.json"
    file.write_text('{"r on cpu": [1]}', "utf-8")
    rates = measured_rates.MeasuredRates(file)
    assert rates.find("r", "cpu") is None
    rates.record("r", "cpu", measured_rates.Rates(100.0, 5.0))
    rates.record("r", "cpu", measured_rates.Rates(200.0, None))
    assert rates.find("r", "cpu") == measured_rates.Rates(200.0, 5.0)
    assert rates.find("other", "cpu") is None


def test_facts_of_a_folder_and_of_a_gguf_file_are_those_of_the_model(
    model_folder: Path, tmp_path: Path
) -> None:
    network: Any = AutoModelForCausalLM.from_pretrained(str(model_folder))
    found = find_base_model(str(model_folder), allowed_folders=[model_folder.parent])
    facts = read_facts(found)
    hidden = network.config.hidden_size
    assert facts.model == ModelFacts("llama", hidden)
    assert facts.parameters == network.num_parameters()
    path = write_tiny_gguf(tmp_path / "tiny.gguf", train_tokenizer(CORPUS))
    in_file = read_facts(BaseModelSource("tiny", str(path), Place.GGUF, str(path)))
    assert in_file.model == ModelFacts("llama", 256)
    assert in_file.parameters


def test_a_recipe_is_made_without_torch() -> None:
    code = (
        "import sys, sqltune.backends.local.recipe, sqltune.local_lora.model_facts; "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
