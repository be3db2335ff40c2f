"""Every wrong call gets a reply in the API's shape, and the connection stays open."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.serving import ServerAtWork

UNKNOWN = "0" * 36 + "_model_adapter"
UNKNOWN_BASE = "0" * 36 + "_base_ml_model"


@pytest.fixture
def base_id(client: httpx.Client) -> str:
    return str(client.get("/models").json()["models"][0]["id"])


@pytest.fixture
def adapter_id(client: httpx.Client, base_id: str) -> str:
    body = {"model": {"baseModelId": base_id, "name": "a"}}
    return str(client.post("/models", json=body).json()["id"])


def assert_error(reply: httpx.Response, status: int, error_type: str | None = None) -> None:
    """Check a refusal; `error_type` is None where the API has none."""
    assert reply.status_code == status, reply.text
    body = reply.json()
    assert body["message"]
    assert body.get("type") == error_type


def assert_not_parsed(
    reply: httpx.Response, error_type: str = "bodyParsingError", status: int = 400
) -> None:
    """Check a refusal whose payload may say which field is wrong."""
    assert_error(reply, status, error_type)
    assert set(reply.json()["payload"]) <= {"validationError", "formattedValidationError"}


COMPLETE: list[Any] = [
    {},
    [],
    {"query": ""},
    {"query": 7},
    {"query": "a", "maxGeneratedTokenCount": 0},
    {"query": "a", "maxGeneratedTokenCount": 512},
    {"query": "a", "maxGeneratedTokenCount": "8"},
    {"query": "a", "maxGeneratedTokenCount": True},
    {"query": "a", "temperature": -1},
    {"query": "a", "temperature": "0.5"},
    {"query": "a", "topK": 0},
    {"query": "a", "topK": 1.5},
    {"query": "a", "topP": 2},
    {"query": "a", "autoTemplate": "yes"},
    {"query": "a", "guidance": {"type": "cho", "value": ["a"]}},
    {"query": "a", "guidance": {"type": "choice", "value": []}},
    {"query": "a", "guidance": {"type": "choice", "value": ["a"] * 11}},
    {"query": "a", "guidance": {"type": "choice", "value": ["a" * 33]}},
    {"query": "a", "rag": {"collectionId": ""}},
]
FINE_TUNE: list[Any] = [
    {},
    {"samples": None},
    {"samples": [{"inputs": ""}]},
    {"samples": [{"inputs": 7}]},
    {"samples": [{}]},
    {"samples": [{"inputs": [{"value": ""}]}]},
    {"samples": [{"inputs": [{"value": "a", "trainable": "yes"}]}]},
    {"samples": [{"inputs": "a", "fineTuningParameters": {"multiplier": 0}}]},
    {"samples": [{"inputs": "a", "fineTuningParameters": {"multiplier": "2"}}]},
]
CREATE: list[Any] = [
    {},
    {"model": {"baseModelId": "", "name": "a"}},
    {"model": {"name": "a"}},
    {"model": {"baseModelId": "x", "name": ""}},
    {"model": {"baseModelId": "x", "name": "a\0b"}},
    *[
        {
            "model": {"baseModelId": "x", "name": "a"},
            "initialHyperparameters": {"loraHyperparameters": {"rank": rank}},
        }
        for rank in (0, 33, "8", 8.5, True)
    ],
    *[
        {
            "model": {"baseModelId": "x", "name": "a"},
            "initialHyperparameters": {"trainingArguments": {"learningRate": rate}},
        }
        for rate in (0, 1, "0.1")
    ],
]
#: Bodies that are not JSON, or contain what JSON or UTF-8 does not have.
RAW = [
    b"",
    b"{",
    b"\xff\xfe",
    b'{"query": NaN}',
    b'{"query": "a", "temperature": NaN}',
    b'{"query": "a", "temperature": 1e999}',
    b'{"query": "\\ud83d"}',
    b'{"samples": [{"inputs": "\\ud83d"}]}',
    b'{"samples": [{"inputs": "a", "fineTuningParameters": {"multiplier": Infinity}}]}',
    b"[" * 100_000,
    b'{"query": ' + b"9" * 10_000 + b"}",
]


@pytest.mark.parametrize("body", COMPLETE)
def test_a_wrong_complete_body_is_named(client: httpx.Client, base_id: str, body: Any) -> None:
    assert_not_parsed(client.post(f"/models/{base_id}/complete", json=body))


@pytest.mark.parametrize("body", FINE_TUNE)
def test_a_wrong_fine_tune_body_is_named(client: httpx.Client, body: Any) -> None:
    assert_not_parsed(client.post(f"/models/{UNKNOWN}/fine-tune", json=body))


@pytest.mark.parametrize("body", CREATE)
def test_a_wrong_create_body_is_named(client: httpx.Client, body: Any) -> None:
    assert_not_parsed(client.post("/models", json=body))


@pytest.mark.parametrize("body", RAW)
@pytest.mark.parametrize("path", ["/models", f"/models/{UNKNOWN}/complete"])
def test_what_is_not_json_is_named(client: httpx.Client, path: str, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    assert_not_parsed(client.post(path, content=body, headers=headers))
    assert_not_parsed(client.post(f"/models/{UNKNOWN}/fine-tune", content=body, headers=headers))


def test_the_reply_to_a_wrong_body_does_not_repeat_it(client: httpx.Client, base_id: str) -> None:
    body = {"query": "a", "temperature": "my secret words"}
    reply = client.post(f"/models/{base_id}/complete", json=body)
    assert_not_parsed(reply)
    assert "secret" not in reply.text


@pytest.mark.parametrize(
    ("method", "path", "error_type"),
    [
        ("GET", f"/models/{UNKNOWN}", "unknownModelAdapter"),
        ("DELETE", f"/models/{UNKNOWN}", "unknownModelAdapter"),
        ("POST", f"/models/{UNKNOWN}/complete", "unknownModelAdapter"),
        ("POST", f"/models/{UNKNOWN_BASE}/complete", "unknownBaseModel"),
        ("POST", f"/models/{UNKNOWN}/fine-tune", "unknownModelAdapter"),
        ("POST", f"/models/{UNKNOWN_BASE}/fine-tune", "unknownModelAdapter"),
        ("GET", "/embeddings", None),
        ("POST", "/rag-collections", None),
        ("GET", "/", None),
        ("GET", "/models/a/b/c", None),
    ],
)
def test_what_does_not_exist_is_404(
    client: httpx.Client, method: str, path: str, error_type: str | None
) -> None:
    body = {"query": "a", "samples": []} if method == "POST" else None
    assert_error(client.request(method, path, json=body), 404, error_type)


def test_a_base_model_cannot_be_tuned_and_is_not_an_adapter(
    client: httpx.Client, base_id: str
) -> None:
    body = {"samples": [{"inputs": "a"}]}
    tuned = client.post(f"/models/{base_id}/fine-tune", json=body)
    assert_error(tuned, 404, "unknownModelAdapter")
    assert_error(client.get(f"/models/{base_id}"), 404, "unknownModelAdapter")
    assert_error(client.delete(f"/models/{base_id}"), 404, "unknownModelAdapter")


@pytest.mark.parametrize("verb", ["complete", "fine-tune"])
def test_an_id_of_another_length_is_a_wrong_path(client: httpx.Client, verb: str) -> None:
    reply = client.post(f"/models/short/{verb}", json={"query": "a", "samples": []})
    assert_not_parsed(reply, "queryOrPathParsingError")


def test_a_slash_in_an_id_does_not_lead_to_another_route(client: httpx.Client) -> None:
    assert_error(client.get("/models/a%2Fcomplete"), 404, "unknownModelAdapter")


@pytest.mark.parametrize("query", ["capability=chat", "onlyBase=perhaps", "onlyBase=1"])
def test_a_wrong_query_is_named(client: httpx.Client, query: str) -> None:
    assert_not_parsed(client.get(f"/models?{query}"), "queryOrPathParsingError")


@pytest.mark.parametrize("query", ["onlyBase=True", "onlyBase=true", "onlyBase=TRUE"])
def test_booleans_are_read_in_any_case(client: httpx.Client, adapter_id: str, query: str) -> None:
    assert [m["type"] for m in client.get(f"/models?{query}").json()["models"]] == ["baseModel"]


@pytest.mark.parametrize("query", ["", "onlyBase=False", "onlyBase=", "capability=complete"])
def test_adapters_are_listed_unless_only_base_models_are_asked_for(
    client: httpx.Client, adapter_id: str, query: str
) -> None:
    listed = client.get(f"/models?{query}").json()["models"]
    assert adapter_id in [model["id"] for model in listed]


def test_another_method_is_refused(client: httpx.Client) -> None:
    assert_error(client.put("/models", json={}), 405)


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "Bearer wrong-token", "Bearer ä"])
def test_a_wrong_token_is_401_on_every_route(
    server: ServerAtWork, client: httpx.Client, header: str
) -> None:
    headers = {"authorization": header.encode()}
    for path in ("/models", f"/models/{UNKNOWN}", "/metrics", "/nothing"):
        assert_error(client.get(path, headers=headers), 401)
    assert_error(client.post("/models", headers=headers, content=b"{"), 401)


def test_the_scheme_of_the_token_is_read_in_any_case(
    server: ServerAtWork, client: httpx.Client
) -> None:
    headers = {"authorization": f"bearer {server.token}"}
    assert client.get("/models", headers=headers).status_code == 200


def test_without_a_workspace_nothing_is_answered(server: ServerAtWork) -> None:
    headers = {"authorization": f"Bearer {server.token}"}
    reply = httpx.get(f"{server.base_url}/models", headers=headers, trust_env=False)
    assert_error(reply, 400)


def test_rag_is_refused_in_the_apis_own_words(client: httpx.Client, base_id: str) -> None:
    path, rag = f"/models/{base_id}/complete", {"collectionId": "c"}
    off = client.post(path, json={"query": "a", "rag": rag, "autoTemplate": False})
    assert_error(off, 400, "ragRequiresAutoTemplating")
    on = client.post(path, json={"query": "a", "rag": rag, "autoTemplate": True})
    assert_error(on, 404, "unknownRagCollection")


def test_a_query_or_a_sample_that_is_too_long_is_unprocessable(
    client: httpx.Client, base_id: str, adapter_id: str
) -> None:
    long = "word " * 400
    asked = client.post(f"/models/{base_id}/complete", json={"query": long})
    assert_error(asked, 422, "unprocessableContent")
    samples = [{"inputs": "short"}, {"inputs": long}]
    tuned = client.post(f"/models/{adapter_id}/fine-tune", json={"samples": samples})
    assert_error(tuned, 422, "unprocessableContent")
    assert "word" not in tuned.text


def test_slashes_and_the_prefix_do_not_matter(server: ServerAtWork, client: httpx.Client) -> None:
    root = server.base_url.removesuffix("/api")
    for path in ("/models", "/api/models", "/api//models", "//api///models/", "/models/"):
        assert client.get(root + path).status_code == 200, path


def test_one_connection_survives_a_hundred_mistakes(server: ServerAtWork) -> None:
    """A client's POST after a mistake must not meet a connection that was dropped."""
    limits = httpx.Limits(max_connections=1)
    with httpx.Client(headers=server.headers, limits=limits, trust_env=False) as client:
        for _ in range(100):
            wrong = client.post(f"{server.base_url}/models", content=b"{")
            assert wrong.status_code == 400
            assert "connection" not in wrong.headers


def test_a_huge_body_is_read_to_its_end_and_refused(
    server: ServerAtWork, client: httpx.Client
) -> None:
    def chunks() -> Any:
        for _ in range(70):
            yield b" " * 1024 * 1024

    path = f"/models/{UNKNOWN}/fine-tune"
    assert_not_parsed(client.post(path, content=chunks()), status=413)
    assert client.get("/models").status_code == 200


def test_large_bodies_have_one_bound_together_and_small_ones_pass(
    server: ServerAtWork, client: httpx.Client, base_id: str
) -> None:
    path, mib = f"/models/{UNKNOWN}/fine-tune", 1024 * 1024
    half = [server.begin_post(path, b" " * 60 * mib, length=61 * mib) for _ in range(3)]
    beyond = client.post(path, content=b"[" + b" " * 60 * mib)
    assert_error(beyond, 429, "failed")
    small = client.post(f"/models/{base_id}/complete", json={"query": "a"})
    assert small.status_code == 200
    for one in half:
        one.close()


def test_a_body_of_many_wrong_samples_names_the_first(
    client: httpx.Client, adapter_id: str
) -> None:
    """An error for each of a million small ones takes gigabytes and minutes."""
    reply = client.post(f"/models/{adapter_id}/fine-tune", json={"samples": [1] * 9000})
    assert_not_parsed(reply)
    (found,) = reply.json()["payload"]["validationError"]
    assert found["loc"] == ["samples", 0]


@pytest.mark.parametrize("item", ["[]", '{"inputs": "a"}', "1"])
def test_a_body_of_more_items_than_are_read_at_once_is_refused(
    client: httpx.Client, adapter_id: str, item: str
) -> None:
    body = '{"samples": [' + f"{item}, " * 500_000 + "1]}"
    reply = client.post(f"/models/{adapter_id}/fine-tune", content=body)
    assert_not_parsed(reply, status=413)
    assert "send it in several calls" in reply.json()["message"]
