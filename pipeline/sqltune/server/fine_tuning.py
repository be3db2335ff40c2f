"""One fine-tune call: exactly these samples once, beside rehearsal, all of it or nothing.

Runs in the thread of the adapter's base model, in pieces of one optimizer step, so that other calls
are answered in between. The optimizer's state continues from call to call.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from sqltune.database.tables.served import ServedAdapter, StepOutcome
from sqltune.errors import PipelineError
from sqltune.local_lora.steps import StepOrder
from sqltune.local_lora.text_samples import (
    TextPart,
    find_prompts,
    split_instructions,
    tokenise_parts,
)
from sqltune.local_lora.tokenising import TokenisedSample
from sqltune.local_lora.training import LoraTrainer
from sqltune.server.catalogue import Catalogue
from sqltune.server.defaults import CallSteps, rate_share, steps_for
from sqltune.server.served_rehearsal import ServedRehearsal
from sqltune.server.workbench import Workbench
from sqltune.wire.gradient import FineTuneReply, FineTuneSample

logger = logging.getLogger(__name__)

#: A sample with a larger multiplier is trained at no higher rate than this times the adapter's.
MOST_MULTIPLIER = 10.0


@dataclass(frozen=True)
class FineTuneCall:
    """A fine-tune call whose turn it is."""

    adapter: ServedAdapter
    samples: Sequence[FineTuneSample]
    bench: Workbench
    catalogue: Catalogue

    def run(self) -> Generator[None, None, FineTuneReply]:
        """Train in pieces, between which other calls can be served; closing it undoes the call.

        Raises:
            DataError: a sample has more tokens than the base model reads.
            LossNotFinite: the loss is not a number.
            DatabaseError: the call cannot be recorded; nothing was trained.
            BackendError: the weights cannot be stored.
        """
        samples = list(self._tokenised())
        if not samples:
            return FineTuneReply(number_of_trainable_tokens=0, sum_loss=0.0)
        began = time.monotonic()
        number = None
        try:
            with self.bench.training(self.adapter.adapter_id) as trainer:
                number = self._begin(trainer)
                outcome = yield from self._train(trainer, samples, number)
        except BaseException as error:
            if number is not None:
                self._settle(number, _failure(error), began)
            raise
        self._settle(number, outcome, began)
        return FineTuneReply(
            number_of_trainable_tokens=outcome.trainable_tokens or 0,
            sum_loss=outcome.sum_loss or 0.0,
        )

    def _tokenised(self) -> Iterator[TokenisedSample]:
        """Yield the samples as the base model reads them, without those that train nothing."""
        for sample in self.samples:
            tokenised = tokenise_parts(
                _parts(sample),
                self.bench.base.tokenizer,
                max_length=self.bench.base.max_length,
                weight=sample.multiplier,
            )
            if tokenised.trained_tokens:
                yield tokenised

    def _begin(self, trainer: LoraTrainer) -> int:
        return self.catalogue.begin_step(
            self.adapter.adapter_id,
            optimizer_steps=trainer.steps_done,
            samples=len(self.samples),
        )

    def _train(
        self, trainer: LoraTrainer, samples: Sequence[TokenisedSample], number: int
    ) -> Generator[None, None, StepOutcome]:
        rehearsal = yield from self._rehearsal(trainer, len(samples))
        pairs = rehearsal.pairs if rehearsal else []
        passes = rehearsal.passes(self._texts) if rehearsal else None
        order = self._order(samples, len(pairs), number)
        first = len(order) - order.steps_per_epoch
        losses: list[float] = []
        rehearsed = 0
        for place in range(first, len(order)):
            yield
            step = order.step(place)
            new = [samples[index] for index in step.samples]
            old = [trainer.tokenise(pairs[index]) for index in step.rehearsal]
            done = (place - first) / order.steps_per_epoch
            share = 1.0 if passes is None else rate_share(passes + done)
            metrics = trainer.step_on(new + old, rate_share=share * _mean_multiplier(new))
            losses.append(metrics.sample_loss_sum)
            rehearsed += len(step.rehearsal)
        if rehearsal:
            rehearsal.count_pass(self._texts)
            rehearsal.write(self.bench.folder(self.adapter.adapter_id))
        return StepOutcome(
            "done",
            optimizer_steps=order.steps_per_epoch,
            trainable_tokens=sum(sample.trained_tokens for sample in samples),
            sum_loss=math.fsum(losses),
            rehearsal_pairs=rehearsed,
        )

    @property
    def _texts(self) -> list[str]:
        return ["".join(part.value for part in sample.parts) for sample in self.samples]

    def _rehearsal(
        self, trainer: LoraTrainer, sample_count: int
    ) -> Generator[None, None, ServedRehearsal | None]:
        """Return what is rehearsed beside these samples; None where nothing is."""
        options = self._steps(sample_count, rehearses=self.adapter.rehearsal == "on").rehearsal
        if options is None:
            return None
        rehearsal = ServedRehearsal.read(self.bench.folder(self.adapter.adapter_id))
        prompts = [prompt for s in self.samples for prompt in find_prompts(_parts(s))]
        yield from rehearsal.add(prompts, trainer, options, seed=self.adapter.seed)
        return rehearsal

    def _order(self, samples: Sequence[TokenisedSample], pair_count: int, number: int) -> StepOrder:
        """Return the steps of all calls so far as if all were like this one, the last epoch."""
        steps = self._steps(len(samples), rehearses=pair_count > 0)
        sorts = pair_count == 0 and steps.batch_size > 1
        return StepOrder(
            sample_count=len(samples),
            rehearsal_count=pair_count,
            epochs=number,
            batch_size=steps.batch_size,
            rehearsal_per_step=steps.rehearsal.per_step if steps.rehearsal else 0,
            rehearsal_only_steps=steps.rehearsal.only_steps if steps.rehearsal else 0,
            seed=self.adapter.seed,
            lengths=tuple(len(s.token_ids) for s in samples) if sorts else None,
        )

    def _steps(self, sample_count: int, *, rehearses: bool) -> CallSteps:
        return steps_for(self.bench.base.profile, sample_count, rehearses=rehearses)

    def _settle(self, number: int, outcome: StepOutcome, began: float) -> None:
        seconds = time.monotonic() - began
        self.catalogue.settle_step(self.adapter.adapter_id, number, outcome, seconds=seconds)
        logger.info(
            "fine-tune call %d of %s is %s after %.2f s",
            number,
            self.adapter.adapter_id,
            outcome.state,
            seconds,
            extra={
                "event": "fine_tuned",
                "adapter_id": self.adapter.adapter_id,
                "step_number": number,
                "state": outcome.state,
                "samples": len(self.samples),
                "trainable_tokens": outcome.trainable_tokens,
                "seconds": round(seconds, 3),
            },
        )


def _parts(sample: FineTuneSample) -> list[TextPart]:
    """Return what of a sample is trained: of parts what they say, of a text what is answered.

    The words of a question, which nothing predicts, have a longer gradient than the answer's.
    """
    if isinstance(sample.inputs, str):
        return split_instructions(sample.inputs)
    return [
        TextPart(part.value, part.trainable, part.parse_special_tokens) for part in sample.parts
    ]


def _mean_multiplier(samples: Sequence[TokenisedSample]) -> float:
    """Return the factor on the learning rate that the multipliers of a step's samples make.

    A step takes the weighted mean of its losses, in which a factor on all of them is lost: here it
    becomes a factor on the learning rate, which is the same for plain gradient descent.
    """
    tokens = sum(sample.trained_tokens for sample in samples)
    weighted = sum(sample.weight * sample.trained_tokens for sample in samples)
    return min(MOST_MULTIPLIER, weighted / tokens) if tokens else 1.0


def _failure(error: BaseException) -> StepOutcome:
    if isinstance(error, PipelineError):
        return StepOutcome("failed", error_code=error.code, error_message=str(error))
    if isinstance(error, GeneratorExit):
        return StepOutcome("failed", error_code="stopped", error_message="the server was stopped")
    return StepOutcome("failed", error_code="unexpected", error_message=type(error).__name__)
