"""Adapters at a service of Gradient's API through the installed command, despite network faults."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backends.gradient_cases import served_adapters
from tests.end_to_end.command import People, Sqltune, statuses
from tests.end_to_end.conftest import ANSWER, QUESTION
from tests.end_to_end.imports import imported
from tests.end_to_end.runs import await_expired_lease
from tests.faulty_proxy import Fault, FaultyProxy, free_port, proxy_to
from tests.serving import SLUG, ServerAtWork
from tests.tiny_server import serve_tiny_model

FINE_TUNE = "/fine-tune"
#: Epochs of one batch.
CALLS = 3


@pytest.fixture(scope="module")
def server(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerAtWork]:
    """The server with a tiny base model."""
    with serve_tiny_model(sqlite_template, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def proxy(server: ServerAtWork) -> Iterator[FaultyProxy]:
    """A proxy between the command and the server."""
    with proxy_to(server.base_url) as proxy:
        yield proxy


@pytest.fixture
def sqltune(sqltune: Sqltune, proxy: FaultyProxy, server: ServerAtWork) -> Sqltune:
    """The command with an account at the service."""
    sqltune.environment |= {
        "GRADIENT_API_URL": proxy.url,
        "GRADIENT_ACCESS_TOKEN": server.token,
        "GRADIENT_WORKSPACE_ID": server.workspace,
    }
    return sqltune


@pytest.fixture
def office(people: People) -> str:
    """An adapter at the service, never synced."""
    people.declare("office", backend="gradient", base_model=SLUG, epochs=CALLS, max_new_tokens=8)
    people.teach("office", QUESTION, ANSWER)
    people.ask("office", QUESTION, ANSWER)
    return "office"


def trained_calls(server: ServerAtWork, people: People) -> int:
    """Return the number of fine-tunes in the latest version, as the service recorded them."""
    served = People(server.database.engine.url.render_as_string(hide_password=False))
    adapter_id = people.value("SELECT external_id FROM adapter_versions WHERE is_latest = 1")
    count = served.value(
        "SELECT COUNT(*) FROM served_steps WHERE adapter_id = :id AND state = 'done'", id=adapter_id
    )
    served.close()
    return int(count)


def test_rows_become_a_version_at_the_service_and_a_second_sync_does_nothing(
    sqltune: Sqltune, people: People, server: ServerAtWork, office: str
) -> None:
    (plan,) = sqltune.well("plan", "--json").data
    assert (plan["decision"], plan["token_count"]) == ("train", "estimated")
    sqltune.well("sync")
    version = people.rows(
        "SELECT backend, base_model, external_id LIKE '%_model_adapter', artifact_uri, rehearsal,"
        " steps, sample_count FROM adapter_versions"
    )
    assert version == [("gradient", SLUG, 1, None, "off", CALLS, 1)]
    assert trained_calls(server, people) == CALLS
    run = people.rows("SELECT base_model_revision LIKE '%_base_ml_model', is_simulated FROM runs")
    assert run == [(1, 0)]
    calls = people.rows("SELECT call_kind, state FROM backend_calls ORDER BY call_number")
    assert calls == [("create_adapter", "done"), *[("fine_tune", "done")] * CALLS]
    assert people.count("responses") == 2
    loaded = imported(sqltune, "sync")
    assert people.value("SELECT decision FROM adapter_states") == "up_to_date"
    assert loaded & {"torch", "transformers", "peft", "pandas"} == set()


def test_a_lost_reply_rebuilds_the_adapter_and_the_rows_show_the_cost(
    sqltune: Sqltune, people: People, proxy: FaultyProxy, server: ServerAtWork, office: str
) -> None:
    proxy.drop("POST", FINE_TUNE, 2)
    sqltune.well("sync")
    assert trained_calls(server, people) == CALLS
    message = people.value("SELECT message FROM run_events WHERE event = 'adapter_rebuilt'")
    assert "broke before the reply arrived: the adapter was deleted" in message
    assert "1 batches with 1 samples" in message
    outcome = people.value("SELECT outcome FROM backend_calls WHERE call_kind = 'delete_adapter'")
    assert "are trained again" in outcome
    assert people.count("training_metrics") == people.value("SELECT steps_total FROM runs") == CALLS
    assert people.count("backend_calls", "state NOT IN ('done', 'failed')") == 0


def test_a_sync_that_was_killed_during_a_fine_tune_is_resumed_without_a_batch_twice(
    sqltune: Sqltune, people: People, proxy: FaultyProxy, server: ServerAtWork, office: str
) -> None:
    never = threading.Event()
    proxy.faults.append(Fault("POST", FINE_TUNE, 2, waits_for=never))
    running = sqltune.start("sync", SQLTUNE_LEASE_SECONDS="1")
    people.await_row("SELECT 1 FROM backend_calls WHERE call_number = 3")
    running.signal(signal.SIGKILL)
    running.finish()
    never.set()
    await_expired_lease(people)
    done = sqltune.well("sync")
    assert "office: resume" in done.err
    assert trained_calls(server, people) == CALLS
    assert people.count("runs") == people.count("adapter_versions") == 1
    assert people.count("run_events", "event = 'adapter_rebuilt'") == 1


def test_a_later_sync_succeeds_after_the_service_was_down(
    sqltune: Sqltune, people: People, office: str
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/api"
    down = sqltune("sync", GRADIENT_API_URL=nowhere)
    assert down.code == 1
    assert f"cannot reach the service at {nowhere}: Connection refused" in down.err
    failed = people.rows("SELECT state, is_retryable, error_code FROM runs")
    assert failed == [("failed", 1, "backend_unavailable")]
    checked = sqltune("check", "--json", GRADIENT_API_URL=nowhere)
    assert statuses(checked)["adapter office"][0] == "failed"
    sqltune.well("sync")
    assert people.count("adapter_versions") == 1


def test_check_shows_the_address_of_the_service(
    sqltune: Sqltune, people: People, proxy: FaultyProxy, office: str
) -> None:
    status, detail = statuses(sqltune.well("check", "--json"))["adapter office"]
    assert status == "ok"
    assert detail == f"{SLUG} on backend gradient, reached at {proxy.url}"


@pytest.mark.parametrize(("command", "code"), [("check", 2), ("sync", 1)])
def test_without_an_address_nothing_is_sent_and_the_replacement_is_named(
    sqltune: Sqltune, people: People, proxy: FaultyProxy, office: str, command: str, code: int
) -> None:
    done = sqltune(command, "--json", GRADIENT_API_URL="")
    assert done.code == code
    assert "public service has closed" in done.said
    assert "sqltune serve" in done.said
    assert proxy.requests == []
    assert people.count("adapter_versions") == 0


def test_no_output_row_or_file_shows_the_token_right_or_wrong(
    sqltune: Sqltune, people: People, server: ServerAtWork, office: str
) -> None:
    secrets = [server.token, "wr0ng-t0ken", server.workspace]
    loud = {"SQLTUNE_LOG_LEVEL": "debug", "SQLTUNE_LOG_FORMAT": "json"}
    wrong = sqltune("sync", **loud, GRADIENT_ACCESS_TOKEN=secrets[1])
    assert wrong.code == 1
    assert "does not accept GRADIENT_ACCESS_TOKEN" in wrong.err
    assert people.rows("SELECT error_code, is_retryable FROM runs") == [
        ("authentication_failed", 0)
    ]
    said = wrong.said + sqltune.well("sync", "--force", **loud).said + sqltune("check", **loud).said
    shown = said + repr(people.dump())
    written = b"".join(p.read_bytes() for p in sqltune.folder.rglob("*") if p.is_file())
    assert [s for s in secrets if s in shown or s.encode() in written] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base_model": "llama9"}, f"has no base model 'llama9'; it has: {SLUG}"),
        ({"lora_alpha": 16}, "adapters.lora_alpha must be NULL"),
        ({"prompt_format": "{prompt}"}, "a template must contain {response}"),
        ({"sample_form": "poem"}, "must be parts or text, got 'poem'"),
        ({"backend": "scripted", "sample_form": "text"}, "sample_form must be 'parts'"),
    ],
)
def test_an_option_that_the_service_lacks_is_refused_before_anything_is_sent(
    sqltune: Sqltune,
    people: People,
    proxy: FaultyProxy,
    office: str,
    change: dict[str, Any],
    message: str,
) -> None:
    for column, value in change.items():
        people.do(f"UPDATE adapters SET {column} = :value", value=value)
    done = sqltune("sync")
    assert done.code == 1
    assert message in done.err
    assert [method for method, _ in proxy.requests if method != "GET"] == []


def test_a_conversation_is_refused_by_its_row_before_anything_is_sent(
    sqltune: Sqltune, people: People, proxy: FaultyProxy, office: str
) -> None:
    turns = [{"role": role, "content": "So?"} for role in ("user", "assistant") * 2]
    people.do(
        "INSERT INTO training_samples (dataset, messages) VALUES ('office', :chat)",
        chat=json.dumps(turns),
    )
    done = sqltune("sync")
    assert (done.code, "messages is a conversation of several turns" in done.err) == (1, True)
    found = people.rows("SELECT rule, row_key, column_name FROM data_issues")
    assert found == [("plain_text_only", "2", "messages")]
    assert [method for method, _ in proxy.requests if method != "GET"] == []


def test_a_trial_on_samples_that_its_backend_cannot_read_names_the_sample(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.do("UPDATE adapters SET backend = 'scripted'")
    turns = [{"role": role, "content": "So?"} for role in ("user", "assistant") * 2]
    people.do(
        "INSERT INTO training_samples (dataset, messages) VALUES ('office', :chat)",
        chat=json.dumps(turns),
    )
    sqltune.well("sync")
    manifest = people.value("SELECT manifest_id FROM adapter_versions")
    people.do(
        "INSERT INTO runs (adapter_name, backend, manifest_id) VALUES ('office', 'gradient', :m)",
        m=manifest,
    )
    done = sqltune("sync")
    assert (done.code, "sample '2': messages is a conversation" in done.err) == (1, True)


def test_another_template_trains_again_and_asks_with_its_text(
    sqltune: Sqltune, people: People, proxy: FaultyProxy, office: str
) -> None:
    sqltune.well("sync")
    people.do("UPDATE adapters SET prompt_format = :t", t="Q: {prompt}\nA: {response}")
    assert "office: train, prompt_format auto -> 'Q: {prompt}" in sqltune.well("sync").err
    asked = [body["query"] for body in proxy.bodies if "query" in body]
    assert asked[0].startswith("### Instruction: ")
    assert asked[-1] == f"Q: {QUESTION}\nA:"
    assert "nothing changed" in sqltune.well("sync").err


def test_an_adapter_that_a_run_could_not_delete_is_found_and_removed(
    sqltune: Sqltune, people: People, proxy: FaultyProxy, server: ServerAtWork, office: str
) -> None:
    never = threading.Event()
    proxy.faults.append(Fault("POST", FINE_TUNE, 2, waits_for=never))
    running = sqltune.start("sync", SQLTUNE_MAX_ATTEMPTS="1")
    people.await_row("SELECT 1 FROM backend_calls WHERE call_number = 3")
    proxy.stop()
    never.set()
    assert running.finish().code == 1
    adapter_id = people.value(
        "SELECT external_id FROM backend_calls WHERE call_kind = 'create_adapter'"
    )
    run_key = people.value("SELECT run_key FROM runs")
    assert served_adapters(server, run_key) == [(adapter_id, "active")]

    gone = sqltune("gc", "--grace-seconds", "0", "--remove")
    assert gone.code == 1
    assert "backend gradient could not be read" in gone.err

    with proxy_to(server.base_url) as new_proxy:
        sqltune.environment["GRADIENT_API_URL"] = new_proxy.url
        with server.client() as http:
            base = next(m for m in http.get("/models?onlyBase=true").json()["models"])
            named = {"baseModelId": base["id"], "name": "another 7", "type": "modelAdapter"}
            stranger = http.post("/models", json={"model": named}).json()["id"]
        (row,) = sqltune.well("gc", "--grace-seconds", "0", "--json").data
        assert (row["orphan_kind"], row["external_id"]) == ("adapter_without_row", adapter_id)
        assert (row["adapter_name"], row["run_id"]) == ("office", 1)
        new_proxy.faults.append(Fault("DELETE", "", None, status=500))
        refused = sqltune("gc", "--grace-seconds", "0", "--remove")
        assert refused.code == 1
        assert f"{adapter_id} could not be removed" in refused.err
        open_calls = "call_kind = 'delete_adapter' AND state = 'unknown'"
        assert people.count("backend_calls", open_calls) >= 1
        assert people.count("orphans", "state = 'found' AND error_message IS NOT NULL") == 1
        new_proxy.faults.clear()
        sqltune.well("gc", "--grace-seconds", "0", "--remove")
    assert served_adapters(server, run_key) == [(adapter_id, "deleted")]
    assert people.count("backend_calls", open_calls) == 0
    assert people.value("SELECT state FROM report_orphans") == "removed"
    with server.client() as http:
        assert http.get(f"/models/{stranger}").status_code == 200, (
            "it is not an adapter of this database"
        )
