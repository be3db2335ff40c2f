"""A base model in memory: loaded once, asked and tuned through adapters that are switched on it.

One `BaseModel` holds one network with all adapters that were put on it. Which of them is active is
state of the network, so calls that use it (answer, load_adapter, unload_adapter, a trainer's step)
must not overlap: a server serialises them with one lock per BaseModel, and can let an answer in
between two steps. Different BaseModel objects share nothing but torch's number of threads.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from peft import LoraConfig, PeftModel
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from sqltune.errors import BackendError, BackendUnavailable, RequestRejected
from sqltune.local_lora.adapters import put_weights, read_adapter
from sqltune.local_lora.answering import GeneratedAnswer, Question, Sampling, answer_questions
from sqltune.local_lora.precision import Precision, choose_dtype
from sqltune.local_lora.prompt_format import PromptFormat
from sqltune.local_lora.sources import BaseModelSource, SourceKind, find_base_model, hash_folder

#: For a configuration that says nothing about how long a text may be.
UNKNOWN_MAX_LENGTH = 2048
#: Tokenizers without a limit of their own give 10^30.
_NO_LIMIT = 10**9
#: Below, one thread is as fast as two on a quiet machine, and many times faster on a busy one.
_SMALL_PARAMETERS = 32_000_000
#: Torch's own choice, before anybody changed it.
_TORCH_THREADS = torch.get_num_threads()


@dataclass(frozen=True)
class Identity:
    """What a base model's name meant when it was loaded."""

    #: The name as the user wrote it.
    name: str
    #: Commit on the Hub, or SHA-256 over the folder's files.
    revision: str


class LoadedModel:
    """A causal LM with its tokenizer, and the adapters put on it."""

    def __init__(
        self,
        network: Any,
        tokenizer: Any,
        identity: Identity,
        max_length: int,
        prompt_format: PromptFormat,
    ) -> None:
        """Hold a loaded model; `load_base_model` makes one.

        Args:
            network: a transformers causal LM in evaluation mode, without gradients.
            tokenizer: its tokenizer.
            identity: name and revision.
            max_length: tokens of prompt and response together.
            prompt_format: how prompts are put into words.
        """
        self.network = network
        self.tokenizer = tokenizer
        self.identity = identity
        self.max_length = max_length
        self.prompt_format = prompt_format
        self._peft: PeftModel | None = None
        self._slots: dict[str, str] = {}
        self._slots_made = 0

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the base weights."""
        return self.network.dtype  # type: ignore[no-any-return]  # transformers leaves it untyped

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters in memory."""
        return tuple(self._slots)

    def answer(
        self,
        questions: Sequence[Question],
        *,
        adapter: str | None = None,
        decoding: Sampling | None = None,
    ) -> Iterator[GeneratedAnswer]:
        """Answers to the questions, each batch as soon as it is done, shortest prompts first.

        Args:
            questions: what to ask; an answer carries its question's position.
            adapter: name of an adapter in memory; None asks the base model.
            decoding: how to choose tokens; None is greedy.
        """
        chunks = answer_questions(
            self.network,
            self.tokenizer,
            questions,
            decoding or Sampling(),
            max_length=self.max_length,
            prompt_format=self.prompt_format,
            activate=lambda: self.active(adapter),
        )
        for chunk in chunks:
            yield from chunk

    def load_adapter(self, folder: Path | str, name: str) -> None:
        """Put an adapter that is stored in PEFT's format into memory under a name of its own.

        Raises:
            BackendError: the folder holds no LoRA adapter in safetensors that fits this base model.
        """
        config, weights = read_adapter(Path(folder))
        slot = self.add_adapter(config, name)
        try:
            put_weights(self.peft, slot, weights, Path(folder))
        except BackendError:
            self.unload_adapter(name)
            raise

    def unload_adapter(self, name: str) -> None:
        """Take an adapter out of memory; one that is not there is no error."""
        slot = self._slots.pop(name, None)
        if slot is not None:
            with warnings.catch_warnings():
                # peft warns that no adapter is active after the last one went: that is the aim.
                warnings.simplefilter("ignore")
                self.peft.delete_adapter(slot)

    def add_adapter(self, config: LoraConfig, name: str) -> str:
        """Put untrained LoRA matrices on the network; gives the name they have inside of it."""
        if name in self._slots:
            self.unload_adapter(name)
        self._slots_made += 1
        # Names inside a network cannot hold dots, and one that was used leaves traces in peft.
        slot = f"slot{self._slots_made}"
        if self._peft is None:
            with warnings.catch_warnings():
                # peft 0.21 asks transformers 5.23 for an attribute by its old name.
                warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
                self._peft = PeftModel(self.network, config, adapter_name=slot)
        else:
            self._peft.add_adapter(slot, config)
        self._slots[name] = slot
        return slot

    @property
    def peft(self) -> PeftModel:
        """The network as peft wraps it, once it has had an adapter."""
        if self._peft is None:
            raise BackendError(f"base model {self.identity.name!r} has no adapter in memory")
        return self._peft

    def slot(self, name: str) -> str:
        """The name inside of the network of an adapter.

        Raises:
            BackendError: it is not in memory.
        """
        if name not in self._slots:
            raise BackendError(
                f"adapter {name!r} is not in memory (there are: "
                f"{', '.join(self._slots) or 'none'}); load it first",
                code="unknown_adapter",
            )
        return self._slots[name]

    @contextmanager
    def active(self, name: str | None) -> Iterator[None]:
        """The network with one adapter switched on, or none, for as long as the block lasts."""
        if name is not None:
            slot = self.slot(name)
            self.peft.set_adapter(slot, inference_mode=True)
            yield
        elif self._slots:
            with self.peft.disable_adapter():
                yield
        else:
            yield


def load_base_model(
    name: str,
    *,
    revision: str | None = None,
    allowed_folders: Iterable[Path | str] = (),
    allow_hub: bool = True,
    precision: Precision | str = Precision.AUTO,
    prompt_format: PromptFormat | str = PromptFormat.PLAIN,
    threads: int | None = None,
    device: str = "cpu",
) -> LoadedModel:
    """A base model, ready to be asked and tuned.

    Args:
        name: `sqltune/embedded`, a folder's path, or a name on the Hub.
        revision: branch, tag or commit on the Hub; for a folder its hash, where the caller has it
            already and it need not be computed again.
        allowed_folders: a path must lie in one of these.
        allow_hub: whether a name may be looked up on the Hub.
        precision: dtype of the weights.
        prompt_format: plain, or the tokenizer's chat template; the embedded model is always plain.
        threads: as in `set_threads`, which is called for the loading thread.
        device: where the weights go.

    Raises:
        RequestRejected: no such base model, or not allowed, or not readable without its own code.
        BackendUnavailable: the Hub did not answer.
    """
    source = find_base_model(
        name, revision=revision, allowed_folders=allowed_folders, allow_hub=allow_hub
    )
    with _translate_loading(source), _without_progress_bars():
        network = _load_network(source, Precision(precision), torch.device(device))
        set_threads(network, threads)
        tokenizer = load_tokenizer(source)
    form = PromptFormat(prompt_format)
    return LoadedModel(
        network=network,
        tokenizer=tokenizer,
        identity=identify(
            source, known=revision if source.is_folder else network.config._commit_hash
        ),
        max_length=_max_length(network.config, tokenizer),
        prompt_format=PromptFormat.PLAIN if source.kind is SourceKind.EMBEDDED else form,
    )


def set_threads(network: Any, threads: int | None) -> None:
    """Choose torch's threads for what the calling thread does with a network.

    Torch keeps the number per calling thread: one that only takes over a loaded model still has
    torch's own choice.

    Args:
        network: a transformers causal LM.
        threads: how many; None: one for a small model, whose products are so short that threads
            mostly wait for each other, and torch's choice for others.
    """
    is_small = network.num_parameters() < _SMALL_PARAMETERS
    torch.set_num_threads(threads or (1 if is_small else _TORCH_THREADS))


def load_tokenizer(source: BaseModelSource) -> Any:
    """The tokenizer alone, which is enough to count tokens.

    Raises:
        RequestRejected: there is none, or it cannot be read without code of its own.
    """
    with _translate_loading(source):
        return AutoTokenizer.from_pretrained(
            source.location, revision=source.revision, trust_remote_code=False
        )


def identify(source: BaseModelSource, *, known: str | None = None) -> Identity:
    """What the name means now: a commit of the Hub, or a hash of the folder.

    Args:
        source: the base model.
        known: the commit or hash, where it is known already.

    Raises:
        RequestRejected: the Hub has no such model.
        BackendUnavailable: the Hub did not answer.
    """
    if known is None and source.is_folder:
        known = hash_folder(Path(source.location))
    if known is None:
        with _translate_loading(source):
            known = HfApi().model_info(source.location, revision=source.revision).sha
    return Identity(source.name, known or source.revision or "unknown")


def _load_network(source: BaseModelSource, precision: Precision, device: torch.device) -> Any:
    config = AutoConfig.from_pretrained(
        source.location, revision=source.revision, trust_remote_code=False
    )
    with torch.device("meta"):
        parameters = AutoModelForCausalLM.from_config(config).num_parameters()
    network: Any = AutoModelForCausalLM.from_pretrained(
        source.location,
        revision=source.revision,
        config=config,
        dtype=choose_dtype(precision, parameters, device),
        use_safetensors=True,
        trust_remote_code=False,
    )
    return network.to(device).eval().requires_grad_(False)


def _max_length(config: Any, tokenizer: Any) -> int:
    limits = [
        getattr(config.get_text_config(), "max_position_embeddings", None),
        tokenizer.model_max_length,
    ]
    known = [int(limit) for limit in limits if limit and 0 < limit < _NO_LIMIT]
    return min(known, default=UNKNOWN_MAX_LENGTH)


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """What transformers draws on stderr would stand in the middle of our own lines."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


@contextmanager
def _translate_loading(source: BaseModelSource) -> Iterator[None]:
    """Make our errors out of what transformers and the Hub raise."""
    try:
        yield
    except (BackendError, MemoryError):
        raise
    except (HfHubHTTPError, ConnectionError, TimeoutError) as exc:
        status = getattr(getattr(exc, "response", None), "status_code", None)
        if status in (401, 403, 404):
            raise _unusable(source, exc) from exc
        raise BackendUnavailable(
            f"the Hugging Face Hub did not answer for base model {source.name!r}: {exc}",
            status=status,
        ) from exc
    except (OSError, ValueError, KeyError, HFValidationError, SafetensorError) as exc:
        raise _unusable(source, exc) from exc


def _unusable(source: BaseModelSource, exc: Exception) -> RequestRejected:
    reason = " ".join(str(exc).split())[:300]
    return RequestRejected(
        f"base model {source.name!r} cannot be loaded: {reason}. Check the name and the revision; "
        "it must be a causal language model of transformers with safetensors and without code of "
        "its own, and 'sqltune/embedded' is always there",
        code="unknown_base_model",
    )
