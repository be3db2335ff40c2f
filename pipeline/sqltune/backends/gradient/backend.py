"""The `gradient` backend: a service that speaks Gradient's REST API, such as `sqltune serve`.

Tuning and answering happen there; what is kept here are ids. HTTP stands in gradient_client.py,
the training in gradient_training.py, the asking in gradient_answering.py.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from sqltune.backends.base import (
    Answer,
    AnswerRequest,
    ArtifactKind,
    BaseModel,
    Decoding,
    Journal,
    Samples,
    StoredArtifact,
    TokenCount,
    TrainedAdapter,
    TrainingJob,
)
from sqltune.backends.gradient.account import GradientAccount
from sqltune.backends.gradient.answering import GradientAnswering
from sqltune.backends.gradient.client import GradientClient
from sqltune.backends.gradient.samples import estimate_sample
from sqltune.backends.gradient.training import GradientTraining, read_run_key
from sqltune.backends.prompt_template import read_template
from sqltune.errors import RequestRejected
from sqltune.records import Sample
from sqltune.wire.gradient import AdapterItem, BaseModelItem, Capability


class GradientBackend:
    """Fulfils `Backend` and `Inventory` over one service.

    Args:
        account: where and as whom.
        slots: prompts that are asked at the same time.
        timeout_seconds: longest wait for one reply.
        first_wait_seconds: pause before what may be asked again is asked again; it doubles.
    """

    def __init__(
        self,
        account: GradientAccount,
        *,
        slots: int,
        timeout_seconds: float,
        first_wait_seconds: float = 0.25,
    ) -> None:
        self._slots = slots
        self._client = GradientClient(
            account,
            slots=slots,
            timeout_seconds=timeout_seconds,
            first_wait_seconds=first_wait_seconds,
        )
        self._is_closed = threading.Event()

    def describe(self, base_model: str, revision: str | None) -> BaseModel:
        """Look the slug or id up in the service's list; its id there is the revision."""
        listed = self._client.list_models(only_base=True)
        models = [m for m in listed if isinstance(m, BaseModelItem)]
        found = next((m for m in models if base_model in (m.slug, m.id)), None)
        where = f"the service at {self._client.address}"
        if found is None:
            known = ", ".join(sorted(m.slug for m in models)) or "none"
            raise RequestRejected(f"{where} has no base model {base_model!r}; it has: {known}")
        if revision is not None and revision != found.id:
            raise RequestRejected(
                f"{base_model!r} is {found.id} at {where}, and {revision} is asked for: "
                "change base_model_revision",
                code="base_model_changed",
            )
        if Capability.FINE_TUNE not in found.capabilities:
            raise RequestRejected(f"{where} does not tune its base model {base_model!r}")
        return BaseModel(
            name=base_model,
            revision=found.id,
            max_tokens=None,
            is_simulated=False,
            address=self._client.address,
        )

    def count_tokens(
        self, base_model: BaseModel, samples: Iterable[Sample]
    ) -> Iterator[TokenCount]:
        """Guess from the number of characters, with the words of the default template."""
        template = read_template(None)
        return (TokenCount(estimate_sample(s, template), is_exact=False) for s in samples)

    def train(self, job: TrainingJob, samples: Samples, journal: Journal) -> TrainedAdapter:
        """Create an adapter and fine-tune it batch by batch; see gradient_training.py."""
        return GradientTraining(self._client, job, samples, journal, self._is_closed).run()

    def answer(
        self,
        base_model: BaseModel,
        adapter: TrainedAdapter | None,
        requests: Sequence[AnswerRequest],
        decoding: Decoding,
    ) -> Generator[Answer, None, None]:
        """Ask as many prompts at the same time as there are slots."""
        model_id = base_model.revision if adapter is None else adapter.external_id
        if not model_id:
            raise RequestRejected("this version has no id at the service: sync --force")
        asking = GradientAnswering(self._client, model_id, requests, decoding, self._is_closed)
        yield from asking.run(self._slots)

    def delete(self, adapter: TrainedAdapter) -> None:
        """Remove the adapter from the service."""
        if adapter.external_id is not None:
            self._client.delete_adapter(adapter.external_id)

    @property
    def place(self) -> str:
        """The service's address."""
        return self._client.address

    def list_held(self) -> Iterator[StoredArtifact]:
        """Give every adapter of the account, whoever made it."""
        for adapter in self._list_adapters():
            yield StoredArtifact(
                kind=ArtifactKind.ADAPTER,
                address=adapter.id,
                name=adapter.name,
                run_key=read_run_key(adapter.name),
                size_bytes=None,
                changed_at=_in_utc(adapter.latest_update_time),
            )

    def find_missing(self, adapters: Sequence[TrainedAdapter]) -> list[TrainedAdapter]:
        """Give those that the service does not list."""
        held = {adapter.id for adapter in self._list_adapters()}
        return [a for a in adapters if a.external_id is not None and a.external_id not in held]

    def remove(self, item: StoredArtifact) -> None:
        """Remove an adapter of the list."""
        self._client.delete_adapter(item.address)

    def _list_adapters(self) -> list[AdapterItem]:
        listed = self._client.list_models(only_base=False)
        return [model for model in listed if isinstance(model, AdapterItem)]

    def close(self) -> None:
        """End what waits, and close the connections."""
        self._is_closed.set()
        self._client.close()


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
