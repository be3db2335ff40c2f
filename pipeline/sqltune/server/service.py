"""What each route of the API does, without HTTP.

Listing, creating and reading need no model and are done at once; the rest returns a future that the
thread of the base model completes.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime

from sqltune.database.tables.served import ServedAdapter
from sqltune.local_lora.asked_questions import GeneratedAnswer
from sqltune.local_lora.choosing import choose_answer
from sqltune.server import refusals
from sqltune.server.bases import ServedBase, base_model_id
from sqltune.server.catalogue import Catalogue
from sqltune.server.completing import make_question, make_sampling, refuse_rag
from sqltune.server.defaults import options_for
from sqltune.server.fine_tuning import FineTuneCall
from sqltune.server.lanes import Work, in_one_piece
from sqltune.server.workbench import BASE_LANE
from sqltune.wire.gradient import (
    ADAPTER_SUFFIX,
    BASE_MODEL_SUFFIX,
    AdapterItem,
    CapabilityFilter,
    CompleteRequest,
    CreateReply,
    CreateRequest,
    ErrorType,
    FineTuneReply,
    FineTuneRequest,
    ModelList,
)

logger = logging.getLogger(__name__)


class Service:
    """The API over loaded base models."""

    def __init__(
        self,
        bases: Mapping[str, ServedBase],
        catalogue: Catalogue,
        *,
        now: Callable[[], datetime],
        rng: random.Random,
        rehearses: bool = True,
    ) -> None:
        """Serve these base models and adapters.

        Args:
            bases: the base models by slug.
            catalogue: the adapters.
            now: returns the time, in UTC.
            rng: makes ids, seeds and draws.
            rehearses: whether new adapters rehearse.
        """
        self.bases = bases
        self.catalogue = catalogue
        self._now = now
        self._rng = rng
        self._rehearses = rehearses

    def list_models(self, capability: CapabilityFilter, *, only_base: bool) -> ModelList:
        """Return the base models with a capability, and the adapters.

        Every base model here can be asked and tuned, so that every filter matches all of them.
        """
        models = [base.item for base in self.bases.values()]
        adapters = [] if only_base else self.catalogue.list_all()
        return ModelList(models=[*models, *map(_item, adapters)])

    def create(self, request: CreateRequest) -> CreateReply:
        """Create an adapter.

        Raises:
            CallRefused: there is no such base model.
            DatabaseError: it cannot be stored.
        """
        base = self._base(request.model.base_model_id)
        now = self._now()
        options = options_for(
            base.model.profile, rank=request.rank, learning_rate=request.learning_rate
        )
        adapter = ServedAdapter(
            adapter_id=f"{uuid.UUID(int=self._rng.getrandbits(128), version=4)}{ADAPTER_SUFFIX}",
            adapter_name=request.model.name,
            base_slug=base.slug,
            base_model=base.model.name,
            base_model_revision=base.model.revision,
            lora_rank=options.rank,
            lora_alpha=options.alpha,
            learning_rate=options.learning_rate,
            rehearsal="on" if self._rehearses else "off",
            seed=self._rng.getrandbits(31),
            last_step=0,
            created_at=now,
            updated_at=now,
        )
        self.catalogue.add(adapter)
        logger.info(
            "created adapter %s",
            adapter.adapter_id,
            extra={"event": "adapter_created", "adapter_id": adapter.adapter_id},
        )
        return CreateReply(id=adapter.adapter_id)

    def get(self, model_id: str) -> AdapterItem:
        """Return one adapter.

        Raises:
            CallRefused: there is none with this id.
        """
        return _item(self.catalogue.find(model_id))

    def delete(self, model_id: str) -> Future[None]:
        """Delete an adapter, after the earlier calls to it.

        Raises:
            CallRefused: there is none with this id, or too many calls wait.
        """
        adapter = self.catalogue.find(model_id)
        base = self.bases.get(adapter.base_slug)
        if base is None:
            # No call can be using it.
            self.catalogue.delete(model_id)
            done: Future[None] = Future()
            done.set_result(None)
            return done
        return base.thread.do(model_id, lambda: in_one_piece(lambda: self._delete(base, model_id)))

    def fine_tune(self, model_id: str, request: FineTuneRequest) -> Future[FineTuneReply]:
        """Train an adapter on exactly these samples, once.

        Raises:
            CallRefused: there is no such adapter, its base model is gone, or too many calls wait.
        """
        base = self._base_of(self.catalogue.find(model_id), ErrorType.NOT_TUNABLE)
        return base.thread.do(model_id, lambda: self._fine_tune(base, model_id, request))

    def complete(self, model_id: str, request: CompleteRequest) -> Future[GeneratedAnswer]:
        """Answer with a base model or an adapter.

        Raises:
            CallRefused: there is no such model, a value has no meaning, or too many calls wait.
        """
        base, lane = self._answering(model_id)
        refuse_rag(request)
        question = make_question(request, draw=self._rng.getrandbits(31))
        sampling = make_sampling(request)
        if request.guidance is None:
            return base.thread.ask(lane, question, sampling)
        choices = request.guidance.value

        def choose() -> GeneratedAnswer:
            name = base.bench.load(lane)
            return choose_answer(base.model, question, choices, adapter=name)

        return base.thread.do(lane, lambda: in_one_piece(choose))

    def problems(self) -> list[str]:
        """Return what keeps base models from answering, in words."""
        return [base.problem for base in self.bases.values() if base.problem]

    def stop(self) -> None:
        """Refuse what waits, and undo what is being served."""
        for base in self.bases.values():
            base.thread.stop()

    def _base(self, model_id: str) -> ServedBase:
        for base in self.bases.values():
            if base.id == model_id:
                return base
        raise refusals.unknown_model(model_id, ErrorType.UNKNOWN_BASE_MODEL)

    def _answering(self, model_id: str) -> tuple[ServedBase, str]:
        """Return the base model that answers, and the lane of the call."""
        if model_id.endswith(BASE_MODEL_SUFFIX):
            return self._base(model_id), BASE_LANE
        adapter = self.catalogue.find(model_id)
        return self._base_of(adapter, ErrorType.UNKNOWN_BASE_MODEL), model_id

    def _base_of(self, adapter: ServedAdapter, error_type: ErrorType) -> ServedBase:
        base = self.bases.get(adapter.base_slug)
        if base is None or not base.fits(adapter):
            raise refusals.refuse(
                error_type,
                f"the base model of this adapter ({adapter.base_slug}) is not served any more",
            )
        return base

    def _fine_tune(self, base: ServedBase, model_id: str, request: FineTuneRequest) -> Work:
        adapter = self.catalogue.find(model_id)
        return FineTuneCall(adapter, request.samples, base.bench, self.catalogue).run()

    def _delete(self, base: ServedBase, model_id: str) -> None:
        self.catalogue.find(model_id)
        self.catalogue.delete(model_id)
        base.bench.remove(model_id)
        logger.info(
            "deleted adapter %s",
            model_id,
            extra={"event": "adapter_deleted", "adapter_id": model_id},
        )


def _item(adapter: ServedAdapter) -> AdapterItem:
    return AdapterItem(
        id=adapter.adapter_id,
        name=adapter.adapter_name,
        base_model_id=base_model_id(adapter.base_slug),
        latest_update_time=adapter.updated_at.replace(tzinfo=UTC),
    )
