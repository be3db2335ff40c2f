"""LangChain's GradientLLM works with the server unchanged."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.serving import ServerAtWork

# It warns at every import that it is not maintained any more.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`langchain-community` is being sunset:DeprecationWarning")
]


@pytest.fixture
def llm(server: ServerAtWork, client: httpx.Client) -> Any:
    from langchain_community.llms.gradient_ai import GradientLLM

    base = client.get("/models").json()["models"][0]["id"]
    made = client.post("/models", json={"model": {"baseModelId": base, "name": "a"}})
    return GradientLLM(
        model=made.json()["id"],
        gradient_api_url=server.base_url,
        gradient_access_token=server.token,
        gradient_workspace_id=server.workspace,
        model_kwargs={"max_generated_token_count": 8, "temperature": 0.0, "top_p": 1.0},
    )


def test_prompts_are_answered_alike_alone_and_together(llm: Any) -> None:
    prompts = [f"Who is {n}?" for n in range(6)]
    alone = [llm.invoke(prompt) for prompt in prompts]
    assert llm.batch(prompts) == alone
    assert asyncio.run(llm.abatch(prompts)) == alone


@pytest.mark.parametrize("options", [{}, {"multipliers": [1.0, 0.5]}])
def test_it_trains_and_reads_the_loss(llm: Any, options: dict[str, Any]) -> None:
    result = llm.train_unsupervised(["Who? A writer.", "Where? At home."], **options)
    assert result["loss"] > 0


def test_a_refusal_reaches_the_user_in_words(llm: Any) -> None:
    with pytest.raises(Exception, match="unprocessableContent"):
        llm.invoke("word " * 400)
