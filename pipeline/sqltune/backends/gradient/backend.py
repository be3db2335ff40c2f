"""The `gradient` backend: a service that speaks Gradient's REST API, such as `sqltune serve`.

Training and answering happen at the service; sqltune stores only the ids. The HTTP requests are in
client.py, training in training.py, answering in answering.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from sqltune.backends.base import (
    Answer,
    AnswerRequest,
    BaseModel,
    Decoding,
    Journal,
    Samples,
    TokenCount,
    TrainedAdapter,
    TrainingJob,
    TrainingOptions,
)
from sqltune.backends.gradient.account import GradientAccount
from sqltune.backends.gradient.adapters import read_run_key
from sqltune.backends.gradient.answering import GradientAnswering
from sqltune.backends.gradient.client import GradientClient
from sqltune.backends.gradient.samples import estimate_sample, require_plain_text
from sqltune.backends.gradient.training import GradientTraining
from sqltune.backends.gradient.waiting import wait_for
from sqltune.backends.inventory import ArtifactKind, StoredArtifact
from sqltune.errors import RequestRejected
from sqltune.prompt_formats import read_template
from sqltune.records import Sample
from sqltune.wire.gradient import AdapterItem, BaseModelItem, Capability

#: Longest time in which a base model is looked up, retries included.
LOOK_UP_SECONDS = 300.0


class GradientBackend:
    """Implements `Backend`, `Inventory` and `ConversationReader` with one service.

    Args:
        account: the service and the credentials for it.
        slots: prompts that are sent at a time.
        timeout_seconds: longest wait for one reply.
        first_wait_seconds: pause before the first retry; it doubles with each further one.
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
        """Look up a slug or an id in the service's list; the id is the revision."""
        return self._find_base_model(base_model, revision)

    def _find_base_model(self, base_model: str, revision: str | None) -> BaseModel:
        listed = self._client.list_models(only_base=True)
        models = [m for m in listed if isinstance(m, BaseModelItem)]
        found = next((m for m in models if base_model in (m.slug, m.id)), None)
        where = f"the service at {self._client.address}"
        if found is None:
            known = ", ".join(sorted(m.slug for m in models)) or "none"
            raise RequestRejected(f"{where} has no base model {base_model!r}; it has: {known}")
        if revision is not None and revision != found.id:
            raise RequestRejected(
                f"{base_model!r} is {found.id} at {where}, but the row asks for {revision}: "
                "change base_model_revision",
                code="base_model_changed",
            )
        if Capability.FINE_TUNE not in found.capabilities:
            raise RequestRejected(f"{where} cannot fine-tune its base model {base_model!r}")
        return BaseModel(
            name=base_model,
            revision=found.id,
            max_tokens=None,
            is_simulated=False,
            address=self._client.address,
        )

    def look_up(
        self, base_model: str, revision: str | None, check: Callable[[], None]
    ) -> BaseModel:
        """Describe a base model; `check` is called while the service is waited for."""
        return wait_for(
            lambda: self._find_base_model(base_model, revision),
            check,
            self._is_closed,
            most_seconds=LOOK_UP_SECONDS,
        )

    def count_tokens(
        self, base_model: BaseModel, samples: Iterable[Sample], prompt_format: str
    ) -> Iterator[TokenCount]:
        """Estimate from the number of characters, with the text of the template."""
        template = read_template(prompt_format)
        return (TokenCount(estimate_sample(s, template), is_exact=False) for s in samples)

    def count_conversation(
        self, base_model: BaseModel, sample: Sample, options: TrainingOptions
    ) -> int:
        """Refuse it: the API takes plain text alone."""
        require_plain_text(sample)
        return estimate_sample(sample, read_template(options.prompt_format))

    def train(self, job: TrainingJob, samples: Samples, journal: Journal) -> TrainedAdapter:
        """Create an adapter and fine-tune it batch by batch; see training.py."""
        return GradientTraining(self._client, job, samples, journal, self._is_closed).run()

    def answer(
        self,
        base_model: BaseModel,
        adapter: TrainedAdapter | None,
        requests: Sequence[AnswerRequest],
        decoding: Decoding,
    ) -> Generator[Answer, None, None]:
        """Send as many prompts at a time as there are slots."""
        model_id = base_model.revision if adapter is None else adapter.external_id
        if not model_id:
            raise RequestRejected("this version has no id at the service; run sync --force")
        answering = GradientAnswering(self._client, model_id, requests, decoding, self._is_closed)
        yield from answering.run(self._slots)

    def delete(self, adapter: TrainedAdapter) -> None:
        """Delete the adapter from the service."""
        if adapter.external_id is not None:
            self._client.delete_adapter(adapter.external_id)

    @property
    def place(self) -> str:
        """The service's address."""
        return self._client.address

    def list_artifacts(self) -> Iterator[StoredArtifact]:
        """Yield every adapter of the account, including those that sqltune did not create."""
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
        """Return the adapters that the service does not list."""
        listed = {adapter.id for adapter in self._list_adapters()}
        return [a for a in adapters if a.external_id is not None and a.external_id not in listed]

    def remove(self, artifact: StoredArtifact) -> None:
        """Delete an adapter of the list from the service."""
        self._client.delete_adapter(artifact.address)

    def _list_adapters(self) -> list[AdapterItem]:
        listed = self._client.list_models(only_base=False)
        return [model for model in listed if isinstance(model, AdapterItem)]

    def close(self) -> None:
        """End calls that are waiting, and close the connections."""
        self._is_closed.set()
        self._client.close()


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
