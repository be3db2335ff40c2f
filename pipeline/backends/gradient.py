"""The `gradient` backend: a service that speaks Gradient's REST API, such as `sqltune serve`.

Tuning and answering happen there; what is kept here are ids. HTTP stands in gradient_client.py,
the training in gradient_training.py, the asking in gradient_answering.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence

from pipeline.backends.base import (
    Answer,
    AnswerRequest,
    BaseModel,
    Decoding,
    Journal,
    Samples,
    TokenCount,
    TrainedAdapter,
    TrainingJob,
)
from pipeline.backends.gradient_account import GradientAccount
from pipeline.backends.gradient_answering import GradientAnswering
from pipeline.backends.gradient_client import GradientClient
from pipeline.backends.gradient_samples import estimate_sample
from pipeline.backends.gradient_training import GradientTraining
from pipeline.backends.prompt_template import read_template
from pipeline.errors import RequestRejected
from pipeline.records import Sample
from pipeline.wire.gradient import BaseModelItem, Capability


class GradientBackend:
    """Fulfils `backends.base.Backend` over one service.

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
    ) -> Iterator[Answer]:
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

    def close(self) -> None:
        """End what waits, and close the connections."""
        self._is_closed.set()
        self._client.close()
