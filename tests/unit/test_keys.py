"""The wanted keys change with everything that matters, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sqltune import wanted_keys
from sqltune.backends.base import BaseModel, Decoding, TrainedAdapter
from sqltune.errors import DataError, SelectionTimeout
from sqltune.prompt_formats import PLAIN_TEMPLATE
from sqltune.records import Adapter
from tests.unit.made_records import ADAPTER

MODEL = BaseModel("toy", "r1", None, is_simulated=True)
TRAINING = {
    "backend": "local", "epochs": 4, "learning_rate": 0.1, "lora_rank": 4, "lora_alpha": 8,
    "batch_size": 2, "rehearsal": "off", "seed": 1, "sample_form": "text", "train_on": "last",
    "quantization": "nf4",
    "early_stop_patience": 2,
}  # fmt: skip
EVALUATION = {
    "scorer": "exact", "extra_scorers": ("chrf",), "pass_threshold": 0.5, "max_new_tokens": 1,
    "temperature": 0.5, "min_gain": 0.0, "gate_confidence": 0.9, "max_error_share": 0.5,
    "max_regressed_share": 0.1, "gate_by_category": 0.2, "min_prompts": 10,
    "gate_without_prompts": "refuse",
}  # fmt: skip
#: What a model is trained with and asked with.
BOTH = {"prompt_format": "Q: {prompt}\nA: {response}"}
NEITHER = {
    "is_enabled": False, "training_query": "SELECT 1", "eval_query": "SELECT 1",
    "on_bad_row": "skip", "max_skipped_share": 0.5, "allow_unstable": True, "adapter_name": "other",
    "sync_every": "15m", "min_new_samples": 5, "near_duplicate_at": None,
    "on_personal_data": "refuse", "reevaluate_every": "6h", "on_fall": "roll_back",
    "prediction_query": "SELECT 1", "predict": "off", "predict_every": "1d",
    # The fingerprint covers what a share chooses; keeping weights changes none.
    "validation_share": 0.2, "keep_epochs": True,
}  # fmt: skip


@pytest.mark.parametrize(("column", "value"), (TRAINING | BOTH).items())
def test_the_training_key_changes_with_each_training_column(column: str, value: Any) -> None:
    changed = replace(ADAPTER, **{column: value})
    assert wanted_keys.training_key(changed, MODEL, "1-a") != wanted_keys.training_key(
        ADAPTER, MODEL, "1-a"
    )


@pytest.mark.parametrize(("column", "value"), (EVALUATION | NEITHER).items())
def test_the_training_key_does_not_change_with_any_other_column(column: str, value: Any) -> None:
    changed = replace(ADAPTER, **{column: value})
    assert wanted_keys.training_key(changed, MODEL, "1-a") == wanted_keys.training_key(
        ADAPTER, MODEL, "1-a"
    )


@pytest.mark.parametrize(("column", "value"), (EVALUATION | BOTH).items())
def test_the_evaluation_key_changes_with_each_evaluation_column(column: str, value: Any) -> None:
    changed = replace(ADAPTER, **{column: value})
    assert wanted_keys.evaluation_key(changed, "1-a") != wanted_keys.evaluation_key(ADAPTER, "1-a")


#: A sampled answer depends on the seed; as a change of the seed trains, the training key says so.
@pytest.mark.parametrize(("column", "value"), (TRAINING | NEITHER).items())
def test_the_evaluation_key_does_not_change_with_any_other_column(column: str, value: Any) -> None:
    changed = replace(ADAPTER, **{column: value})
    assert wanted_keys.evaluation_key(changed, "1-a") == wanted_keys.evaluation_key(ADAPTER, "1-a")


def test_keys_change_with_the_rows_and_with_the_base_model() -> None:
    training = wanted_keys.training_key(ADAPTER, MODEL, "1-a")
    assert wanted_keys.training_key(ADAPTER, MODEL, "1-b") != training
    assert wanted_keys.training_key(ADAPTER, replace(MODEL, revision="r2"), "1-a") != training
    assert wanted_keys.training_key(ADAPTER, replace(MODEL, name="toy-2"), "1-a") != training
    assert wanted_keys.evaluation_key(ADAPTER, "1-b") != wanted_keys.evaluation_key(ADAPTER, "1-a")


def test_every_column_of_an_adapter_has_its_place_in_a_key_or_in_none() -> None:
    # The two base_model columns are in the key through the resolved BaseModel.
    known = (TRAINING | EVALUATION | BOTH | NEITHER).keys()
    assert known | {"base_model", "base_model_revision"} == set(Adapter.__dataclass_fields__)


def test_rows_from_before_there_was_a_template_keep_their_keys() -> None:
    greedy = Decoding(10, 0.0, 1)
    assert wanted_keys.training_key(ADAPTER, MODEL, "1-a").startswith("c889c6e04a43b803")
    assert wanted_keys.evaluation_key(ADAPTER, "1-a").startswith("f61451607899360d")
    assert wanted_keys.decoding_key(greedy).startswith("b9d59b05ca0ed3fe")
    assert wanted_keys.decoding_key(replace(greedy, prompt_format="{prompt}{response}")) != (
        wanted_keys.decoding_key(greedy)
    )


def test_the_form_that_no_template_means_stays_what_it_is() -> None:
    # It is in no key: another one would let unequal answers be compared.
    assert PLAIN_TEMPLATE == "### Instruction: {prompt} \n\n### Response: {response}"


def test_a_greedy_answer_does_not_depend_on_the_seed_and_a_sampled_one_does() -> None:
    greedy, sampled = Decoding(10, 0.0, 1), Decoding(10, 0.7, 1)
    assert wanted_keys.decoding_key(greedy) == wanted_keys.decoding_key(replace(greedy, seed=2))
    assert wanted_keys.decoding_key(sampled) != wanted_keys.decoding_key(replace(sampled, seed=2))
    assert wanted_keys.decoding_key(greedy) != wanted_keys.decoding_key(
        replace(greedy, max_new_tokens=11)
    )
    assert wanted_keys.decoding_key(greedy) != wanted_keys.decoding_key(sampled)
    assert wanted_keys.decoding_key(greedy) != wanted_keys.decoding_key(
        replace(greedy, quantization="nf4")
    )


def test_models_differ_by_backend_base_model_and_weights() -> None:
    options = wanted_keys.training_options(ADAPTER)
    adapters = [TrainedAdapter("id", "/a", 1, sha, options) for sha in ("s1", "s2", None)]
    found = {wanted_keys.model_key(MODEL, "local", adapter) for adapter in (None, *adapters)}
    found |= {wanted_keys.model_key(MODEL, "other", None)}
    found |= {wanted_keys.model_key(replace(MODEL, revision=None), "local", None)}
    assert len(found) == 6


def test_parts_cannot_run_into_each_other() -> None:
    one = wanted_keys.refusal_key(ADAPTER, DataError("c", code="ab"))
    assert wanted_keys.refusal_key(ADAPTER, DataError("bc", code="a")) != one
    assert wanted_keys.refusal_key(replace(ADAPTER, epochs=4), DataError("c", code="ab")) != one
    assert len(one) == 64


def test_a_timeout_is_the_same_whatever_connection_it_names() -> None:
    one, other = (
        wanted_keys.refusal_key(ADAPTER, SelectionTimeout(f"connection {n}")) for n in (8, 9)
    )
    assert one == other
