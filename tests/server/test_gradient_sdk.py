"""Gradient's own SDK, release 1.13.1, works with the server unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from gradientai import BaseModel, CapabilityFilterOption, Gradient, ModelAdapter
from gradientai.openapi.client.exceptions import (
    ApiException,
    BadRequestException,
    NotFoundException,
    UnauthorizedException,
)

from tests.serving import SLUG, ServerAtWork

UNKNOWN = "0" * 36 + "_model_adapter"


def sdk(server: ServerAtWork, **changes: str) -> Gradient:
    given = {"access_token": server.token, "workspace_id": server.workspace}
    return Gradient(host=server.base_url, **(given | changes))


@pytest.fixture
def gradient(server: ServerAtWork) -> Iterator[Gradient]:
    gradient = sdk(server)
    yield gradient
    gradient.close()


@pytest.fixture
def base(gradient: Gradient) -> BaseModel:
    return gradient.get_base_model(base_model_slug=SLUG)


@pytest.fixture
def adapter(base: BaseModel) -> Iterator[ModelAdapter]:
    adapter = base.create_model_adapter(name="Pavanmodel")
    yield adapter
    adapter.delete()


def test_the_address_may_be_in_the_environment(
    server: ServerAtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIENT_API_URL", server.base_url)
    monkeypatch.setenv("GRADIENT_ACCESS_TOKEN", server.token)
    monkeypatch.setenv("GRADIENT_WORKSPACE_ID", server.workspace)
    gradient = Gradient()
    assert gradient.get_base_model(base_model_slug=SLUG).slug == SLUG
    gradient.close()


@pytest.mark.parametrize("suffix", ["", "/"])
def test_a_slash_at_the_end_of_the_address_does_not_matter(
    server: ServerAtWork, suffix: str
) -> None:
    gradient = Gradient(
        host=server.base_url + suffix,
        access_token=server.token,
        workspace_id=server.workspace,
    )
    assert gradient.list_models(only_base=True)
    gradient.close()


def test_an_unknown_slug_ends_in_the_sdks_own_stop_iteration(gradient: Gradient) -> None:
    with pytest.raises(StopIteration):
        gradient.get_base_model(base_model_slug="no-such-model")


@pytest.mark.parametrize("capability", [None, *CapabilityFilterOption])
@pytest.mark.parametrize("only_base", [True, False, None])
def test_every_listing_is_understood(
    gradient: Gradient,
    adapter: ModelAdapter,
    capability: CapabilityFilterOption | None,
    only_base: bool | None,
) -> None:
    listed = gradient.list_models(only_base=only_base, capability=capability)
    assert {"fineTune", "complete"} == set(listed[0].capabilities)
    assert (adapter.id in [model.id for model in listed]) is not only_base


def test_an_adapter_is_found_by_its_id(gradient: Gradient, adapter: ModelAdapter) -> None:
    found = gradient.get_model_adapter(model_adapter_id=adapter.id)
    assert (found.id, found.name, found.base_model_id) == (
        adapter.id,
        "Pavanmodel",
        adapter.base_model_id,
    )
    with pytest.raises(NotFoundException):
        gradient.get_model_adapter(model_adapter_id=UNKNOWN)


@pytest.mark.parametrize(("rank", "learning_rate"), [(None, None), (1, 1e-5), (32, 0.5)])
def test_adapters_are_created_with_every_allowed_option(
    base: BaseModel, rank: int | None, learning_rate: float | None
) -> None:
    adapter = base.create_model_adapter(name="a b", rank=rank, learning_rate=learning_rate)
    assert len(adapter.id) == 50
    adapter.delete()


def test_every_form_of_a_sample_is_trained(adapter: ModelAdapter) -> None:
    plain = adapter.fine_tune(samples=[{"inputs": "Who? A writer."}])
    assert plain.number_of_trainable_tokens > 0
    assert plain.sum_loss > 0
    weighted = adapter.fine_tune(samples=[{"inputs": "Who? A writer.", "multiplier": 0.5}])
    assert weighted.number_of_trainable_tokens == plain.number_of_trainable_tokens
    parts = adapter.fine_tune(
        samples=[
            {
                "inputs": [
                    {"value": "Who?", "trainable": False},
                    {"value": " A writer.", "parse_special_tokens": False},
                ]
            }
        ]
    )
    assert 0 < parts.number_of_trainable_tokens < plain.number_of_trainable_tokens
    nothing = adapter.fine_tune(samples=[])
    assert (nothing.number_of_trainable_tokens, nothing.sum_loss) == (0, 0)


def test_every_option_of_a_completion_is_accepted(base: BaseModel, adapter: ModelAdapter) -> None:
    for model in (base, adapter):
        answer = model.complete(query="Who?", max_generated_token_count=3)
        assert answer.finish_reason in ("length", "stop")
        drawn = model.complete(
            query="Who?",
            max_generated_token_count=3,
            temperature=0.7,
            top_k=20,
            top_p=0.9,
            auto_template=False,
        )
        assert isinstance(drawn.generated_output, str)


def test_guidance_returns_one_of_the_choices(base: BaseModel) -> None:
    choices = ["red", "green", "blue"]
    answer = base.complete(query="A colour?", guidance={"type": "choice", "value": choices})
    assert answer.generated_output in choices
    unknown: Any = {"type": "cho", "value": choices}  # the SDK lets it pass
    with pytest.raises(BadRequestException):
        base.complete(query="A colour?", guidance=unknown)


def test_rag_is_refused(base: BaseModel) -> None:
    with pytest.raises(NotFoundException, match="unknownRagCollection"):
        base.complete(query="Who?", auto_template=True, rag={"collection_id": "c"})
    with pytest.raises(BadRequestException, match="ragRequiresAutoTemplating"):
        base.complete(query="Who?", auto_template=False, rag={"collection_id": "c"})


def test_many_questions_at_once_are_answered(adapter: ModelAdapter) -> None:
    async def ask() -> list[str]:
        questions = [
            adapter.acomplete(query=f"Who is {n}?", max_generated_token_count=4) for n in range(12)
        ]
        return [answer.generated_output for answer in await asyncio.gather(*questions)]

    alone = [
        adapter.complete(query=f"Who is {n}?", max_generated_token_count=4).generated_output
        for n in range(12)
    ]
    assert asyncio.run(ask()) == alone


@pytest.mark.parametrize("temperature", [-1, 5e400])
def test_what_the_sdk_does_not_check_the_server_does(base: BaseModel, temperature: float) -> None:
    with pytest.raises(BadRequestException, match="bodyParsingError"):
        base.complete(query="Who?", temperature=temperature)


def test_a_text_that_is_too_long_is_an_api_exception(
    base: BaseModel, adapter: ModelAdapter
) -> None:
    with pytest.raises(ApiException) as asked:
        base.complete(query="word " * 400)
    assert asked.value.status == 422
    with pytest.raises(ApiException, match="unprocessableContent"):
        adapter.fine_tune(samples=[{"inputs": "word " * 400}])


def test_half_a_character_is_refused(base: BaseModel, adapter: ModelAdapter) -> None:
    with pytest.raises(BadRequestException, match="bodyParsingError"):
        base.complete(query="half \ud83d")
    with pytest.raises(BadRequestException, match="bodyParsingError"):
        adapter.fine_tune(samples=[{"inputs": "half \ud83d"}])


def test_a_wrong_token_is_unauthorized(server: ServerAtWork) -> None:
    gradient = sdk(server, access_token="wrong-token")
    with pytest.raises(UnauthorizedException):
        gradient.get_base_model(base_model_slug=SLUG)
    gradient.close()


def test_a_second_delete_is_not_found_and_so_is_everything_after_it(base: BaseModel) -> None:
    adapter = base.create_model_adapter(name="short-lived")
    adapter.delete()
    with pytest.raises(NotFoundException):
        adapter.delete()
    with pytest.raises(NotFoundException, match="unknownModelAdapter"):
        adapter.complete(query="Who?")
    with pytest.raises(NotFoundException, match="unknownModelAdapter"):
        adapter.fine_tune(samples=[{"inputs": "a"}])


def test_an_empty_name_and_options_out_of_bounds_are_refused(
    base: BaseModel,
) -> None:
    refused: list[dict[str, Any]] = [
        {"name": ""},
        {"name": "a", "rank": 33},
        {"name": "a", "learning_rate": 1.0},
    ]
    for wrong in refused:
        with pytest.raises(ValueError, match="validation error"):
            base.create_model_adapter(**wrong)
