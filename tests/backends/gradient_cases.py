"""What the tests of the gradient backend train, and what the service has recorded of it."""

from __future__ import annotations

from sqlalchemy import text

from sqltune.backends.base import TrainedAdapter, TrainingOptions
from sqltune.backends.gradient.account import GradientAccount
from sqltune.backends.gradient.backend import GradientBackend
from sqltune.records import Sample
from tests.backends.cases import BackendCase
from tests.serving import SLUG, ServerAtWork

#: Of different lengths, so that the number of trained tokens shows which batch a call contained.
SAMPLES = [
    Sample("s1", "Who is Pavan?", "A developer advocate.", None, 1.0, None, None),
    Sample("s2", "Where does he live?", "In a town by the sea.", "Be short.", 1.0, None, None),
    Sample("s3", "Name a colour.", "Blue, as the sky is on a fine day.", None, 0.5, None, None),
    Sample("s4", "What does he write?", "He writes.", None, 1.0, None, None),
]
OPTIONS = TrainingOptions(
    epochs=2,
    learning_rate=1e-3,
    lora_rank=2,
    lora_alpha=None,
    batch_size=2,
    rehearsal="off",
    seed=1,
)


def open_backend(server: ServerAtWork, url: str | None = None) -> GradientBackend:
    """Return a backend that uses the server, or the proxy in front of it."""
    account = GradientAccount(
        url or server.base_url, server.token, server.workspace, is_loopback=True
    )
    return GradientBackend(account, slots=4, timeout_seconds=60, first_wait_seconds=0.0)


def case_of(server: ServerAtWork, url: str | None = None) -> BackendCase:
    """Return the case for the contract and the faults."""
    return BackendCase(
        open=lambda: open_backend(server, url),
        base_model=SLUG,
        unknown_base_model="no-such-slug",
        options=OPTIONS,
        samples=SAMPLES,
        is_simulated=False,
        secrets=(server.token, server.workspace),
        content_of=lambda adapter: trained_batches(server, adapter),
    )


def trained_batches(server: ServerAtWork, adapter: TrainedAdapter) -> list[tuple[int, int]]:
    """Return what the service trained an adapter on: the samples and tokens of each call."""
    with server.database.read() as session:
        rows = session.connection.execute(
            text(
                "SELECT sample_count, trainable_tokens FROM served_steps"
                " WHERE adapter_id = :id AND state = 'done' ORDER BY step_number"
            ),
            {"id": adapter.external_id},
        )
        return [(row[0], row[1]) for row in rows]


def served_adapters(server: ServerAtWork, run_key: str) -> list[tuple[str, str]]:
    """Return id and state of every adapter that a run created, ordered by name."""
    with server.database.read() as session:
        rows = session.connection.execute(
            text(
                "SELECT adapter_id, state FROM served_adapters"
                " WHERE adapter_name LIKE :name ORDER BY adapter_name"
            ),
            {"name": f"% {run_key} %"},
        )
        return [(row[0], row[1]) for row in rows]
