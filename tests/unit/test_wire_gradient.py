from __future__ import annotations

import pytest
from pydantic import ValidationError

from sqltune.wire.gradient import CompleteRequest, CreateRequest, FineTuneRequest, ModelList

#: As the real SDK sends it: every key present, what was not given as null.
CREATE = (
    '{"initialHyperparameters": {"loraHyperparameters": {"rank": null}, "trainingArguments": '
    '{"learningRate": null}}, "model": {"baseModelId": "b", "name": "Pavanmodel"}}'
)
COMPLETE = (
    '{"maxGeneratedTokenCount": 100, "query": "q", "autoTemplate": null, "guidance": null, '
    '"rag": null, "temperature": null, "topK": null, "topP": null}'
)


def test_what_the_sdk_sends_is_read() -> None:
    create = CreateRequest.model_validate_json(CREATE)
    assert (create.model.name, create.rank, create.learning_rate) == ("Pavanmodel", None, None)
    assert CompleteRequest.model_validate_json(COMPLETE).max_generated_token_count == 100
    texts = '{"samples": [{"fineTuningParameters": {"multiplier": null}, "inputs": "a b"}]}'
    (sample,) = FineTuneRequest.model_validate_json(texts).samples
    assert (sample.parts[0].value, sample.parts[0].trainable, sample.multiplier) == ("a b", True, 1)
    parts = '{"samples": [{"inputs": [{"value": "a", "trainable": false}, {"value": "b"}]}]}'
    (sample,) = FineTuneRequest.model_validate_json(parts).samples
    assert [(p.value, p.trainable, p.parse_special_tokens) for p in sample.parts] == [
        ("a", False, True),
        ("b", True, True),
    ]


@pytest.mark.parametrize(
    "body",
    [
        '{"samples": [{"inputs": ""}]}',
        '{"samples": [{"inputs": "\\ud83d"}]}',
        '{"samples": [{"inputs": "a", "fineTuningParameters": {"multiplier": NaN}}]}',
        '{"samples": [{"inputs": "a", "fineTuningParameters": {"multiplier": 0}}]}',
        '{"samples": [{"inputs": [{"value": "a", "trainable": "yes"}]}]}',
        '{"samples": null}',
        "[]",
        "",
    ],
)
def test_a_wrong_fine_tune_is_refused(body: str) -> None:
    with pytest.raises(ValidationError):
        FineTuneRequest.model_validate_json(body)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("maxGeneratedTokenCount", "512"),
        ("maxGeneratedTokenCount", "0"),
        ("maxGeneratedTokenCount", "10.0"),
        ("maxGeneratedTokenCount", "true"),
        ("temperature", "Infinity"),
        ("guidance", '{"type": "cho", "value": ["a"]}'),
        ("guidance", '{"type": "choice", "value": []}'),
        ("rag", '{"collectionId": ""}'),
    ],
)
def test_bounds_are_those_of_the_published_schema(key: str, value: str) -> None:
    with pytest.raises(ValidationError):
        CompleteRequest.model_validate_json(f'{{"query": "q", "{key}": {value}}}')


def test_a_rank_and_a_learning_rate_are_numbers_within_bounds() -> None:
    for rank in ("0", "33", "8.0", '"8"', "true"):
        with pytest.raises(ValidationError):
            CreateRequest.model_validate_json(CREATE.replace('"rank": null', f'"rank": {rank}'))
    for rate in ("0", "1", "NaN", '"0.1"'):
        with pytest.raises(ValidationError):
            CreateRequest.model_validate_json(
                CREATE.replace('"learningRate": null', f'"learningRate": {rate}')
            )


def test_replies_may_hold_more_but_not_less() -> None:
    item = {"type": "baseModel", "id": "i" * 50, "name": "n", "slug": "s", "capabilities": []}
    listed = ModelList.model_validate({"models": [{**item, "more": 1}], "cursor": None})
    assert listed.models[0].type == "baseModel"
    for wrong in ({**item, "id": "short"}, {**item, "type": "other"}, {"type": "modelAdapter"}):
        with pytest.raises(ValidationError):
            ModelList.model_validate({"models": [wrong]})
