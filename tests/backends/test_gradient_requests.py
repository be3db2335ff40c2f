"""The requests of the gradient backend, and how it treats answers and refusals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from sqltune.backends.base import AnswerRequest, Backend, Decoding, TrainedAdapter
from sqltune.backends.conversations import ConversationReader
from sqltune.backends.gradient.training import DEFAULT_BATCH
from sqltune.errors import (
    AuthenticationFailed,
    BackendError,
    BackendUnavailable,
    DataError,
    PipelineError,
    ReplyLost,
    RequestRejected,
)
from sqltune.records import Message
from tests.backends.cases import (
    DECODING,
    BackendCase,
    ListedSamples,
    ask,
    job_of,
    requests_of,
    train,
)
from tests.backends.gradient_cases import OPTIONS, SAMPLES, case_of, open_backend
from tests.backends.journals import KeptJournal
from tests.faulty_proxy import Fault, FaultyProxy, error_body, proxy_to
from tests.serving import SLUG, ServerAtWork


@pytest.fixture
def proxy(server: ServerAtWork) -> Iterator[FaultyProxy]:
    """A proxy between the backend and the server."""
    with proxy_to(server.base_url) as proxy:
        yield proxy


@pytest.fixture
def case(server: ServerAtWork, proxy: FaultyProxy) -> BackendCase:
    return case_of(server, proxy.url)


@pytest.fixture
def backend(case: BackendCase) -> Iterator[Backend]:
    backend = case.open()
    yield backend
    backend.close()


def answer(backend: Backend, case: BackendCase, decoding: Decoding = DECODING) -> dict[str, str]:
    """Ask the base model, and return "answered" or the error code of each answer."""
    base_model = backend.describe(case.base_model, None)
    answers = backend.answer(base_model, None, requests_of(case), decoding)
    return {a.prompt_key: a.error_code or "answered" for a in answers}


def fine_tunes(proxy: FaultyProxy) -> list[list[dict[str, Any]]]:
    return [body["samples"] for body in proxy.bodies if "samples" in body]


def test_an_adapter_is_created_with_the_options_of_the_row_and_the_runs_key_in_its_name(
    proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    train(backend, case, run_key="my-run")
    created = next(body for body in proxy.bodies if "model" in body)
    assert created["model"]["baseModelId"] == backend.describe(SLUG, None).revision
    assert created["model"]["name"] == "contract my-run 1"
    assert created["initialHyperparameters"] == {
        "loraHyperparameters": {"rank": 2},
        "trainingArguments": {"learningRate": 1e-3},
    }


def test_only_the_response_of_a_sample_is_trained_and_its_weight_is_the_multiplier(
    proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    train(backend, replace(case, samples=SAMPLES[1:3], options=replace(OPTIONS, seed=0)))
    sent = {sample["inputs"][1]["value"]: sample for sample in fine_tunes(proxy)[0]}
    assert sent[" In a town by the sea."] == {
        "inputs": [
            {
                "value": "Be short.\n\n### Instruction: Where does he live? \n\n### Response:",
                "trainable": False,
                "parseSpecialTokens": True,
            },
            {"value": " In a town by the sea.", "trainable": True, "parseSpecialTokens": False},
        ],
        "fineTuningParameters": {"multiplier": 1.0},
    }
    weights = [sample["fineTuningParameters"]["multiplier"] for sample in sent.values()]
    assert sorted(weights) == [0.5, 1.0]


def test_a_sample_is_one_text_if_the_row_asks_for_it(
    proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    options = replace(OPTIONS, sample_form="text", prompt_format="Q: {prompt}\nA: {response}")
    journal = KeptJournal()
    train(backend, replace(case, samples=SAMPLES[:1], options=options), journal)
    assert fine_tunes(proxy)[0][0]["inputs"] == "Q: Who is Pavan?\nA: A developer advocate."
    assert journal.steps[1].tokens == journal.steps[1].trained_tokens


def test_each_step_has_the_mean_loss_of_its_trained_tokens(
    backend: Backend, case: BackendCase
) -> None:
    journal = KeptJournal()
    train(backend, case, journal)
    assert list(journal.steps) == [1, 2, 3, 4]
    for step in journal.steps.values():
        assert 0 < step.train_loss < 20
        assert step.tokens is not None
        assert step.trained_tokens is not None
        assert 0 < step.trained_tokens < step.tokens


def test_a_batch_without_a_trained_token_has_no_loss(
    proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    nothing = b'{"numberOfTrainableTokens": 0, "sumLoss": 0.0}'
    proxy.faults.append(Fault("POST", "/fine-tune", None, status=200, body=nothing))
    journal = KeptJournal()
    train(backend, case, journal)
    assert {step.train_loss for step in journal.steps.values()} == {0.0}


def test_without_a_batch_size_a_small_set_is_sent_in_one_call_per_epoch(
    proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    adapter = train(backend, replace(case, options=replace(OPTIONS, batch_size=None)))
    assert [len(samples) for samples in fine_tunes(proxy)] == [len(SAMPLES)] * OPTIONS.epochs
    assert adapter.options.batch_size == DEFAULT_BATCH


def test_each_epoch_has_each_sample_once_in_an_order_of_its_own(
    proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    many = [replace(SAMPLES[0], sample_key=f"s{i}", response=f"Thing {i}.") for i in range(12)]
    options = replace(OPTIONS, batch_size=12, seed=3)
    backend.train(
        replace(job_of(backend, case), options=options), ListedSamples(many), KeptJournal()
    )
    first, second = ([s["inputs"][1]["value"] for s in call] for call in fine_tunes(proxy))
    assert first != second
    assert sorted(first) == sorted(second)


def test_a_prompt_is_asked_in_the_format_that_its_sample_was_trained_in(
    proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    base_model = backend.describe(SLUG, None)
    request = AnswerRequest("k", "Where does he live?", "Be short.")
    (found,) = backend.answer(base_model, None, [request], DECODING)
    assert proxy.bodies == [
        {
            "query": "Be short.\n\n### Instruction: Where does he live? \n\n### Response:",
            "maxGeneratedTokenCount": DECODING.max_new_tokens,
            "temperature": 0.0,
            "topK": None,
            "topP": None,
            "autoTemplate": False,
            "guidance": None,
            "rag": None,
        }
    ]
    assert found.finish_reason in ("stop", "length")


def test_a_conversation_of_several_turns_is_refused_by_name_and_never_sent(
    proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    base_model = backend.describe(SLUG, None)
    turns = (Message("user", "Who?"), Message("assistant", "He."), Message("user", "Where?"))
    sample = replace(SAMPLES[0], messages=(*turns, Message("assistant", "At sea.")))
    assert isinstance(backend, ConversationReader)
    with pytest.raises(DataError, match="'s1': messages is a conversation of several turns"):
        backend.count_conversation(base_model, sample, OPTIONS)
    with pytest.raises(DataError, match="'s1'"):
        train(backend, replace(case, samples=[sample]), KeptJournal())
    request = AnswerRequest("k", "Where?", None, turns)
    (found,) = backend.answer(base_model, None, [request], DECODING)
    assert (found.text, found.error_code) == (None, "plain_text_only")
    assert found.latency_ms is None, "it was not asked"
    assert "Where?" not in str(proxy.bodies)


def test_a_prompt_that_the_service_refuses_gets_an_error(
    proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    body = error_body(type="unprocessableContent", message="too long")
    proxy.faults.append(Fault("POST", "/complete", 2, status=422, body=body))
    found = answer(backend, case)
    assert sorted(found.values()) == ["answered"] * 4 + ["unprocessable_content"]


def test_a_prompt_with_half_a_character_gets_an_error(backend: Backend) -> None:
    base_model = backend.describe(SLUG, None)
    requests = [AnswerRequest("half", "\ud83d", None), AnswerRequest("whole", "Why?", None)]
    found = {a.prompt_key: a for a in backend.answer(base_model, None, requests, DECODING)}
    assert (found["half"].error_code, found["half"].latency_ms) == ("not_sendable", None)
    assert found["whole"].error_code is None


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_prompt_is_asked_again_after_a_passing_failure(
    proxy: FaultyProxy, backend: Backend, case: BackendCase, status: int
) -> None:
    proxy.faults.append(Fault("POST", "/complete", 1, status=status))
    assert set(answer(backend, case).values()) == {"answered"}


def test_an_answer_whose_reply_was_lost_is_asked_again(
    proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    proxy.drop("POST", "/complete")
    assert set(answer(backend, case).values()) == {"answered"}
    assert proxy.count("POST", "/complete") == len(requests_of(case)) + 1


@pytest.mark.parametrize(
    ("status", "expected"), [(401, AuthenticationFailed), (503, BackendUnavailable)]
)
def test_a_failure_that_concerns_every_prompt_is_raised(
    proxy: FaultyProxy,
    backend: Backend,
    case: BackendCase,
    status: int,
    expected: type[BackendError],
) -> None:
    proxy.faults.append(Fault("POST", "/complete", None, status=status))
    with pytest.raises(expected):
        answer(backend, case)


def test_a_slow_answer_delays_no_answer_in_another_slot(
    proxy: FaultyProxy, backend: Backend, case: BackendCase
) -> None:
    may_arrive = threading.Event()
    proxy.faults.append(Fault("POST", "/complete", 1, waits_for=may_arrive))
    base_model = backend.describe(SLUG, None)
    answers = backend.answer(base_model, None, requests_of(case), DECODING)
    others = [next(answers) for _ in range(len(requests_of(case)) - 1)]
    may_arrive.set()
    assert len({a.prompt_key for a in [*others, *answers]}) == len(requests_of(case))


@pytest.mark.parametrize("work", ["answer", "train"])
def test_closing_ends_a_wait_for_a_reply(proxy: FaultyProxy, case: BackendCase, work: str) -> None:
    never = threading.Event()
    backend = case.open()
    proxy.faults.append(Fault("POST", "/complete", None, waits_for=never))
    proxy.faults.append(Fault("POST", "/fine-tune", None, waits_for=never))
    failures: list[BaseException] = []

    def wait(do: Callable[[], object]) -> None:
        try:
            do()
        except PipelineError as error:
            failures.append(error)

    calls: dict[str, tuple[str, Callable[[], object]]] = {
        "answer": ("/complete", lambda: ask(backend, case, None)),
        "train": ("/fine-tune", lambda: train(backend, case, run_key="waits")),
    }
    ends, do = calls[work]
    thread = threading.Thread(target=wait, args=[do])
    thread.start()
    proxy.await_request("POST", ends)
    backend.close()
    thread.join(30)
    never.set()
    (failure,) = failures
    assert isinstance(failure, BackendUnavailable | ReplyLost)


def test_a_wrong_token_is_named_and_not_shown(server: ServerAtWork, proxy: FaultyProxy) -> None:
    wrong = replace(server, token="not-the-token-of-the-server")
    backend = open_backend(wrong, proxy.url)
    with pytest.raises(AuthenticationFailed, match="GRADIENT_ACCESS_TOKEN") as raised:
        backend.describe(SLUG, None)
    assert not raised.value.retryable
    assert wrong.token not in f"{raised.value} {raised.value!r}"
    backend.close()


def test_a_base_model_is_found_by_slug_or_id_and_its_id_is_its_revision(backend: Backend) -> None:
    found = backend.describe(SLUG, None)
    assert found.revision is not None
    assert backend.describe(found.revision, None).revision == found.revision
    assert backend.describe(SLUG, found.revision) == found
    assert found.max_tokens is None
    with pytest.raises(RequestRejected, match="change base_model_revision"):
        backend.describe(SLUG, "another-id")


def test_the_message_about_an_unknown_slug_names_the_known_ones(backend: Backend) -> None:
    with pytest.raises(RequestRejected, match=f"no base model 'llama9'.*{SLUG}"):
        backend.describe("llama9", None)


def test_a_base_model_that_cannot_be_fine_tuned_is_refused(
    proxy: FaultyProxy, backend: Backend, server: ServerAtWork
) -> None:
    listed = error_body(
        models=[
            {
                "type": "baseModel",
                "id": f"{'a' * 36}_base_ml_model",
                "name": "Ask only",
                "slug": "ask-only",
                "capabilities": ["complete"],
            }
        ]
    )
    proxy.faults.append(Fault("GET", "/models", None, status=200, body=listed))
    with pytest.raises(RequestRejected, match="cannot fine-tune its base model 'ask-only'"):
        backend.describe("ask-only", None)


def test_the_message_about_a_version_without_an_id_says_what_to_do(backend: Backend) -> None:
    adapter = TrainedAdapter(None, None, None, None, OPTIONS)
    answers = backend.answer(backend.describe(SLUG, None), adapter, [], DECODING)
    with pytest.raises(RequestRejected, match="sync --force"):
        next(answers)
