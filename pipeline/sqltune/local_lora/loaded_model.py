"""A base model in memory: loaded once, asked and tuned through adapters that are switched on it.

One `LoadedModel` has one network with all adapters that were put on it. Which of them is active is
state of the network, so calls that use it (answer, load_adapter, unload_adapter, a trainer's step)
must not overlap: a server serialises them in one thread per LoadedModel, and can answer between two
steps. Different LoadedModel objects share nothing but torch's number of threads.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel

from sqltune.errors import BackendError
from sqltune.local_lora.adapters import put_weights, read_adapter
from sqltune.local_lora.answering import Observers, answer_questions
from sqltune.local_lora.asked_questions import GeneratedAnswer, Question
from sqltune.local_lora.prompt_format import resolve_format
from sqltune.local_lora.quantization import Quantization, quantization_of
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.token_loop import TokenWatcher
from sqltune.local_lora.tuning_profiles import ModelFacts, TuningProfile, find_profile
from sqltune.prompt_formats import AUTO


@dataclass(frozen=True, slots=True)
class Origin:
    """What transformers' from_pretrained takes to load the base model again."""

    location: str  #: a folder, or a name on the Hub
    revision: str | None = None  #: a commit on the Hub
    dtype: torch.dtype = torch.float32  #: the number format of its files


class LoadedModel:
    """A causal LM with its tokenizer, and the adapters put on it."""

    def __init__(
        self,
        network: Any,
        tokenizer: Any,
        *,
        name: str,
        revision: str,
        max_length: int,
        prompt_format: str = AUTO,
        origin: Origin | None = None,
    ) -> None:
        """Wrap a network; `load_base_model` makes one.

        Args:
            network: a transformers causal LM in evaluation mode, without gradients.
            tokenizer: its tokenizer.
            name: the base model's name as the user wrote it.
            revision: what the name meant when the model was loaded: a commit on the Hub, or a
                hash of the files.
            max_length: tokens of prompt and response together.
            prompt_format: how prompts are put into words where a caller does not say.
            origin: written into adapters, so that they find it; None: its name.
        """
        self.network = network
        self.tokenizer = tokenizer
        self.name = name
        self.revision = revision
        self.max_length = max_length
        self.prompt_format = resolve_format(prompt_format, tokenizer)
        self.origin = origin or Origin(name)
        self._peft: PeftModel | None = None
        self._slots: dict[str, str] = {}
        self._slots_made = 0

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the base weights."""
        dtype: torch.dtype = self.network.dtype
        return dtype

    @property
    def quantization(self) -> Quantization:
        """How the base weights are quantised."""
        return quantization_of(self.network)

    @property
    def profile(self) -> TuningProfile:
        """How it is tuned where nobody chose otherwise."""
        config = self.network.config
        hidden = getattr(config.get_text_config(), "hidden_size", None)
        family = str(getattr(config, "model_type", ""))
        return find_profile(ModelFacts(family, hidden))

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters in memory."""
        return tuple(self._slots)

    def answer(
        self,
        questions: Sequence[Question],
        *,
        adapter: str | None = None,
        sampling: Sampling | None = None,
        on_progress: Callable[[float], None] | None = None,
        watch: TokenWatcher | None = None,
    ) -> Iterator[GeneratedAnswer]:
        """Yield the answers, each as soon as it is known, those to the shortest prompts first.

        Args:
            questions: what to ask; an answer carries its question's position.
            adapter: name of an adapter in memory; None asks the base model.
            sampling: how tokens are chosen; None is greedy.
            on_progress: called after each token with the number of answers that are done, those
                begun counted by their share; what it raises ends the asking.
            watch: ends answers that nobody waits for any more.
        """
        batches = answer_questions(
            self.network,
            self.tokenizer,
            [replace(q, prompt_format=q.prompt_format or self.prompt_format) for q in questions],
            sampling or Sampling(),
            max_length=self.max_length,
            activate=lambda: self.active(adapter),
            observers=Observers(on_progress, watch),
        )
        for batch in batches:
            yield from batch

    def load_adapter(self, folder: Path | str, name: str) -> None:
        """Load an adapter that is stored in PEFT's format, under a name of the caller's choice.

        Raises:
            BackendError: the folder has no LoRA adapter in safetensors that fits this base model.
        """
        config, weights = read_adapter(Path(folder))
        slot = self.add_adapter(config, name)
        try:
            # peft converts the weights of some architectures by its active adapter, and would take
            # one that is gone for it.
            with self.active(name):
                put_weights(self.peft, slot, weights, Path(folder))
        except BackendError:
            self.unload_adapter(name)
            raise

    def unload_adapter(self, name: str) -> None:
        """Remove an adapter from memory; one that is not there is no error."""
        slot = self._slots.pop(name, None)
        if slot is not None:
            with warnings.catch_warnings():
                # peft warns that no adapter is active once the last one is gone: that is the aim.
                warnings.simplefilter("ignore")
                self.peft.delete_adapter(slot)

    def add_adapter(self, config: LoraConfig, name: str) -> str:
        """Put untrained LoRA matrices on the network; return the adapter's name inside it."""
        if name in self._slots:
            self.unload_adapter(name)
        self._slots_made += 1
        # Names inside a network cannot have dots, and one that was used leaves traces in peft.
        slot = f"slot{self._slots_made}"
        with warnings.catch_warnings():
            # peft 0.21 asks transformers 5.23 for an attribute by its old name, and misses experts
            # of its own rules that no adapter of ours has.
            warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
            warnings.filterwarnings("ignore", ".*(rank|alpha)_pattern keys did", RuntimeWarning)
            if self._peft is None:
                self._peft = PeftModel(self.network, config, adapter_name=slot)
            else:
                self._peft.add_adapter(slot, config)
        self._slots[name] = slot
        return slot

    @property
    def peft(self) -> PeftModel:
        """The network as peft wraps it, once it has had an adapter."""
        if self._peft is None:
            raise BackendError(f"base model {self.name!r} has no adapter in memory")
        return self._peft

    def slot(self, name: str) -> str:
        """Return an adapter's name inside the network.

        Raises:
            BackendError: it is not in memory.
        """
        if name not in self._slots:
            raise BackendError(
                f"adapter {name!r} is not in memory (in memory: "
                f"{', '.join(self._slots) or 'none'}); load it first",
                code="unknown_adapter",
            )
        return self._slots[name]

    @contextmanager
    def active(self, name: str | None) -> Iterator[None]:
        """Switch one adapter on, or none, for the duration of the block."""
        if name is not None:
            slot = self.slot(name)
            self.peft.set_adapter(slot, inference_mode=True)
            yield
        elif self._slots:
            with self.peft.disable_adapter():
                yield
        else:
            yield
