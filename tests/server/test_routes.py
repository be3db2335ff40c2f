"""Each route does what Gradient's API says."""

from __future__ import annotations

import httpx

from tests.serving import SLUG


def test_the_listing_names_the_base_model_by_its_slug(client: httpx.Client) -> None:
    reply = client.get("/models", params={"capability": "any", "onlyBase": "True"})
    assert reply.status_code == 200
    (base,) = reply.json()["models"]
    assert base["type"] == "baseModel"
    assert base["slug"] == SLUG
    assert len(base["id"]) == 50
    assert base["capabilities"] == ["complete", "fineTune"]
    assert "tiny-llama" in base["name"]


def test_an_adapter_is_created_trained_asked_and_deleted(client: httpx.Client) -> None:
    base = client.get("/models").json()["models"][0]
    made = client.post("/models", json={"model": {"baseModelId": base["id"], "name": "Pavan"}})
    assert made.status_code == 200, made.text
    adapter = made.json()["id"]
    path = f"/models/{adapter}"
    assert len(adapter) == 50
    body = {"query": "Who?", "maxGeneratedTokenCount": 8}
    before = client.post(f"{path}/complete", json=body)
    assert before.status_code == 200, before.text
    on_base = client.post(f"/models/{base['id']}/complete", json=body)
    assert on_base.json() == before.json()
    for _ in range(3):
        tuned = client.post(f"{path}/fine-tune", json={"samples": [{"inputs": "Who? A writer."}]})
        assert tuned.status_code == 200, tuned.text
        assert tuned.json()["numberOfTrainableTokens"] > 0
        assert tuned.json()["sumLoss"] > 0
    got = client.get(path).json()
    assert (got["type"], got["name"], got["baseModelId"]) == ("modelAdapter", "Pavan", base["id"])
    assert client.delete(path).json() == {}
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404
