"""HTTP with a service of Gradient's API: what each reply means, and what is retried."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from sqltune.backends.gradient.account import GradientAccount
from sqltune.backends.gradient.client import ATTEMPTS, GradientClient
from sqltune.errors import (
    AuthenticationFailed,
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    LossNotFinite,
    PipelineError,
    RateLimited,
    ReplyLost,
    RequestRejected,
    UnexpectedReply,
)
from sqltune.http_replies import MOST_REPLY_BYTES
from sqltune.wire.gradient import CompleteRequest, CreateRequest, FineTuneRequest, NewAdapter
from tests.faulty_proxy import Fault, FaultyProxy, error_body, free_port, proxy_to

TOKEN, WORKSPACE = "a-secret-token", "a-secret-workspace"
ADAPTER_ID = "5d0bd98c-0b6f-4f24-9d6c-1d1fd2a9c9a1_model_adapter"
Open = Callable[..., GradientClient]


@pytest.fixture
def service() -> Iterator[FaultyProxy]:
    """An HTTP server whose replies the test decides."""
    with proxy_to(f"http://127.0.0.1:{free_port()}/api") as proxy:
        yield proxy


@pytest.fixture
def open_client() -> Iterator[Open]:
    clients: list[GradientClient] = []

    def open_it(url: str, timeout_seconds: float = 60.0) -> GradientClient:
        account = GradientAccount(url, TOKEN, WORKSPACE, is_loopback=True)
        clients.append(
            GradientClient(
                account, slots=2, timeout_seconds=timeout_seconds, first_wait_seconds=0.0
            )
        )
        return clients[-1]

    yield open_it
    for client in clients:
        client.close()


def replies(
    service: FaultyProxy, status: int, body: bytes = b"{}", *, number: int | None = None
) -> None:
    """Let the service reply with this to everything, or to the n-th request of each method."""
    for method in ("GET", "POST", "DELETE"):
        service.faults.append(Fault(method, "", number, status=status, body=body))


def create(client: GradientClient) -> str:
    return client.create_adapter(CreateRequest(model=NewAdapter(base_model_id="b", name="n")))


def fine_tune(client: GradientClient) -> object:
    return client.fine_tune(ADAPTER_ID, FineTuneRequest(samples=[]))


def complete(client: GradientClient) -> object:
    return client.complete(ADAPTER_ID, CompleteRequest(query="Who?"))


READS: list[Callable[[GradientClient], object]] = [
    lambda client: client.list_models(only_base=True),
    lambda client: client.find_adapter(ADAPTER_ID),
    lambda client: client.delete_adapter(ADAPTER_ID),
    complete,
]
WRITES: list[Callable[[GradientClient], object]] = [create, fine_tune]


@pytest.mark.parametrize(
    ("status", "body", "expected", "code"),
    [
        (401, error_body(message=f"bad token {TOKEN}"), AuthenticationFailed, None),
        (403, error_body(message=f"not in {WORKSPACE}"), AuthenticationFailed, None),
        (429, b"", RateLimited, None),
        (500, b"<html>oops</html>", BackendUnavailable, None),
        (503, error_body(message="later"), BackendUnavailable, None),
        (307, b"", RequestRejected, "request_rejected"),
        (400, error_body(type="flaggedContent", message="no"), RequestRejected, "flagged_content"),
        (404, error_body(message="none"), RequestRejected, "request_rejected"),
        (422, error_body(type="nanLoss", message="nan"), LossNotFinite, None),
        (200, b"[]", UnexpectedReply, None),
    ],
)
def test_each_reply_means_one_error_that_shows_no_secret(
    service: FaultyProxy,
    open_client: Open,
    status: int,
    body: bytes,
    expected: type[PipelineError],
    code: str | None,
) -> None:
    replies(service, status, body)
    with pytest.raises(expected) as raised:
        fine_tune(open_client(service.url))
    shown = f"{raised.value} {raised.value!r} {vars(raised.value)}"
    assert TOKEN not in shown
    assert WORKSPACE not in shown
    assert service.url in str(raised.value)
    assert raised.value.code == (code or expected.code)


@pytest.mark.parametrize("send", READS)
@pytest.mark.parametrize("status", [429, 503])
def test_a_read_is_retried_a_limited_number_of_times(
    service: FaultyProxy, open_client: Open, status: int, send: Callable[..., object]
) -> None:
    replies(service, status)
    with pytest.raises(BackendError):
        send(open_client(service.url))
    assert len(service.requests) == ATTEMPTS


@pytest.mark.parametrize("send", [*READS, *WRITES])
def test_a_refused_request_is_not_retried(
    service: FaultyProxy, open_client: Open, send: Callable[..., object]
) -> None:
    replies(service, 400)
    with pytest.raises(RequestRejected):
        send(open_client(service.url))
    assert len(service.requests) == 1


@pytest.mark.parametrize("send", WRITES)
def test_a_write_that_may_have_been_carried_out_is_not_retried(
    service: FaultyProxy, open_client: Open, send: Callable[..., object]
) -> None:
    replies(service, 503)
    with pytest.raises(BackendUnavailable) as raised:
        send(open_client(service.url))
    assert raised.value.status == 503
    assert len(service.requests) == 1


@pytest.mark.parametrize("send", WRITES)
def test_a_write_whose_reply_is_lost_is_not_retried(
    service: FaultyProxy, open_client: Open, send: Callable[..., object]
) -> None:
    service.faults.append(Fault("POST", "", None, is_forwarded=False))
    with pytest.raises(ReplyLost):
        send(open_client(service.url))
    assert len(service.requests) == 1


@pytest.mark.parametrize("send", WRITES)
def test_a_write_that_a_busy_service_turned_away_is_retried(
    service: FaultyProxy, open_client: Open, send: Callable[..., object]
) -> None:
    service.faults.append(Fault("POST", "", 1, status=429, headers={"Retry-After": "0"}))
    service.faults.append(Fault("POST", "", 2, status=400))
    with pytest.raises(RequestRejected):
        send(open_client(service.url))
    assert len(service.requests) == 2


@pytest.mark.parametrize("send", [*READS, *WRITES])
def test_a_service_that_refuses_connections_is_unavailable_and_nothing_was_sent(
    open_client: Open, send: Callable[..., object]
) -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    with pytest.raises(BackendUnavailable, match=rf"cannot reach .*{url}: Connection refused") as e:
        send(open_client(url))
    assert e.value.status is None
    assert e.value.retryable


def test_a_reply_that_takes_too_long_is_a_timeout(service: FaultyProxy, open_client: Open) -> None:
    never = threading.Event()
    service.faults.append(Fault("POST", "", None, status=200, waits_for=never))
    client = open_client(service.url, timeout_seconds=0.05)
    with pytest.raises(BackendTimeout):
        fine_tune(client)
    never.set()


def test_deleting_an_adapter_that_is_gone_is_no_error(
    service: FaultyProxy, open_client: Open
) -> None:
    replies(service, 404)
    client = open_client(service.url)
    client.delete_adapter(ADAPTER_ID)
    assert client.find_adapter(ADAPTER_ID) is None


def test_a_closed_client_is_unavailable(service: FaultyProxy, open_client: Open) -> None:
    client = open_client(service.url)
    client.close()
    with pytest.raises(BackendError):
        complete(client)


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_reply_without_a_bound_is_given_up(
    service: FaultyProxy, open_client: Open, status: int
) -> None:
    replies(service, status, b" " * (MOST_REPLY_BYTES + 1))
    with pytest.raises(UnexpectedReply, match="more than 16,000,000 bytes"):
        open_client(service.url).list_models(only_base=True)
