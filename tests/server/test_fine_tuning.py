"""What a fine-tune call trains, what its reply says, and what it stores."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.end_to_end.command import People
from tests.serving import ServerAtWork

TEXT = "### Instruction: Who is Pavan? \n\n### Response: A developer advocate."


class ClientAdapter:
    """One adapter of the server, as a client uses it."""

    def __init__(self, client: httpx.Client, **options: Any) -> None:
        base = client.get("/models").json()["models"][0]["id"]
        hyper = {
            "loraHyperparameters": {"rank": options.get("rank")},
            "trainingArguments": {"learningRate": options.get("rate", 0.01)},
        }
        body = {"model": {"baseModelId": base, "name": "a"}, "initialHyperparameters": hyper}
        self.client = client
        self.id = client.post("/models", json=body).json()["id"]

    def tune(self, *inputs: Any, multiplier: float | None = None) -> httpx.Response:
        parameters = {"fineTuningParameters": {"multiplier": multiplier}}
        samples = [{"inputs": each, **parameters} for each in inputs]
        return self.client.post(f"/models/{self.id}/fine-tune", json={"samples": samples})

    def loss(self, *inputs: Any, multiplier: float | None = None) -> tuple[int, float]:
        reply = self.tune(*inputs, multiplier=multiplier)
        assert reply.status_code == 200, reply.text
        return reply.json()["numberOfTrainableTokens"], reply.json()["sumLoss"]

    def ask(self, query: str = "Who is Pavan?") -> str:
        body = {"query": query, "maxGeneratedTokenCount": 12, "autoTemplate": False}
        reply = self.client.post(f"/models/{self.id}/complete", json=body)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["generatedOutput"])

    @property
    def updated(self) -> str:
        return str(self.client.get(f"/models/{self.id}").json()["latestUpdateTime"])


@pytest.fixture
def adapter(client: httpx.Client) -> ClientAdapter:
    return ClientAdapter(client)


@pytest.fixture
def rows(server: ServerAtWork) -> Any:
    people = People(server.database.engine.url.render_as_string(hide_password=False))
    yield people
    people.close()


def test_the_loss_falls_from_call_to_call_and_the_answer_is_learnt(client: httpx.Client) -> None:
    adapter = ClientAdapter(client, rank=16, rate=0.005)
    losses = [adapter.loss("Who? A writer.")[1] for _ in range(40)]
    assert losses[-1] < 0.6 * losses[0]
    assert adapter.ask("Who?").startswith("A writer.")


def test_the_sum_is_of_the_samples_before_the_step_and_before_weighting(
    client: httpx.Client,
) -> None:
    one, two = "Who? A writer.", "Where? At home, by the sea."
    alone = [ClientAdapter(client).loss(text) for text in (one, two)]
    heavy = ClientAdapter(client).loss(one, multiplier=7.0)
    assert heavy == (alone[0][0], pytest.approx(alone[0][1], rel=1e-4))
    count, loss = ClientAdapter(client, rate=1e-9).loss(one, two)
    assert count == alone[0][0] + alone[1][0]
    assert loss == pytest.approx(alone[0][1] + alone[1][1], rel=1e-4)


def test_a_multiplier_weighs_what_is_learnt(client: httpx.Client) -> None:
    def loss_after(multiplier: float) -> float:
        adapter = ClientAdapter(client, rank=16, rate=0.005)
        for _ in range(20):
            adapter.loss("Who? A writer.", multiplier=multiplier)
        return adapter.loss("Who? A writer.")[1]

    assert loss_after(1.0) < 0.8 * loss_after(0.001)


def test_only_trainable_parts_count(client: httpx.Client) -> None:
    whole, _ = ClientAdapter(client).loss("abc def ghi")
    parts = [
        {"value": "abc", "trainable": False},
        {"value": " def"},
        {"value": " ghi", "trainable": False},
    ]
    count, loss = ClientAdapter(client).loss(parts)
    assert 0 < count < whole
    assert loss > 0
    assert ClientAdapter(client).loss([{"value": "abc", "trainable": False}]) == (0, 0)
    assert ClientAdapter(client).loss([]) == (0, 0)
    assert ClientAdapter(client).loss() == (0, 0)


def test_of_a_text_in_the_instruction_form_only_the_answer_counts(client: httpx.Client) -> None:
    asked, answered = TEXT.removesuffix(" A developer advocate."), " A developer advocate."
    in_parts = [{"value": asked, "trainable": False}, {"value": answered}]
    assert ClientAdapter(client).loss(TEXT) == ClientAdapter(client).loss(in_parts)
    whole, _ = ClientAdapter(client).loss([{"value": TEXT}])
    assert whole > ClientAdapter(client).loss(TEXT)[0] > 0


def test_special_tokens_are_letters_where_they_are_not_to_be_parsed(client: httpx.Client) -> None:
    parsed, _ = ClientAdapter(client).loss([{"value": "a<|end|>b"}])
    literal, _ = ClientAdapter(client).loss([{"value": "a<|end|>b", "parseSpecialTokens": False}])
    assert literal > parsed


def test_a_loss_that_is_not_a_number_leaves_the_weights_as_they_were(
    client: httpx.Client, rows: Any
) -> None:
    adapter = ClientAdapter(client)
    adapter.loss(TEXT)
    before, updated = adapter.ask(), adapter.updated
    # The second sample's weight makes its loss infinite, after a step with the first.
    samples = [
        {"inputs": TEXT},
        {"inputs": TEXT, "fineTuningParameters": {"multiplier": 1e308}},
        {"inputs": TEXT, "fineTuningParameters": {"multiplier": 1e-320}},
    ]
    reply = client.post(f"/models/{adapter.id}/fine-tune", json={"samples": samples})
    assert reply.status_code == 422
    assert reply.json()["type"] == "nanLoss"
    assert (adapter.ask(), adapter.updated) == (before, updated)
    states = rows.rows(
        "SELECT step_number, state, error_code FROM served_steps WHERE adapter_id = :id "
        "ORDER BY step_number",
        id=adapter.id,
    )
    assert states == [(1, "done", None), (2, "failed", "loss_not_finite")]
    assert adapter.loss(TEXT)[1] > 0


def test_the_rows_have_the_options_and_what_each_call_did(client: httpx.Client, rows: Any) -> None:
    adapter = ClientAdapter(client, rank=3, rate=0.25)
    count, loss = adapter.loss(TEXT, "Who? A writer.")
    (options,) = rows.rows(
        "SELECT lora_rank, lora_alpha, learning_rate, rehearsal, base_slug, last_step "
        "FROM served_adapters WHERE adapter_id = :id",
        id=adapter.id,
    )
    assert options == (3, 6, 0.25, "off", "nous-hermes2", 1)
    (step,) = rows.rows(
        "SELECT state, optimizer_steps_before, optimizer_steps, sample_count, trainable_tokens, "
        "sum_loss, rehearsal_pairs FROM served_steps WHERE adapter_id = :id",
        id=adapter.id,
    )
    assert step == ("done", 0, 2, 2, count, pytest.approx(loss), 0)


def test_the_time_of_the_last_update_grows_only_with_calls_that_train(
    adapter: ClientAdapter,
) -> None:
    made = adapter.updated
    adapter.ask()
    assert adapter.updated == made
    adapter.loss(TEXT)
    once = adapter.updated
    adapter.loss()
    assert adapter.updated == once
    adapter.loss(TEXT)
    assert made < once < adapter.updated


def test_a_deleted_adapter_leaves_its_rows_and_no_weights(
    server: ServerAtWork, adapter: ClientAdapter, rows: Any
) -> None:
    adapter.loss(TEXT)
    folder = server.artifacts / "served" / adapter.id
    assert folder.is_dir()
    adapter.client.delete(f"/models/{adapter.id}")
    assert not folder.exists()
    query = "SELECT state FROM served_adapters WHERE adapter_id = :id"
    assert rows.value(query, id=adapter.id) == "deleted"
    assert rows.count("served_steps", f"adapter_id = '{adapter.id}'") == 1


def test_the_server_writes_nothing_into_the_tables_of_a_sync(
    adapter: ClientAdapter, rows: Any
) -> None:
    adapter.loss(TEXT)
    adapter.ask()
    for table in ("adapters", "runs", "responses", "contents", "backend_calls"):
        assert rows.count(table) == 0
