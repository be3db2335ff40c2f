"""The local backend: LoRA with torch on this machine, over `sqltune.local_lora`.

Nothing here imports torch before something is trained or answered, so that a sync with nothing to
do stays light. Weights are under the artifacts folder, in `adapters` when finished and in
`checkpoints` while a training runs; names carry the run and its attempt (attempts.py).
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from sqltune.backends.artifact_files import list_folder, remove_files
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
    choose_quantization,
    shorten_revision,
)
from sqltune.backends.inventory import ArtifactKind, StoredArtifact
from sqltune.backends.local.model_in_memory import ModelInMemory
from sqltune.backends.local.requirements import require_torch
from sqltune.backends.merging import MergedForm
from sqltune.backends.recipes import Recipe
from sqltune.errors import RequestRejected
from sqltune.local_lora.base_models.converted import ConvertedModels
from sqltune.local_lora.identity import Identities
from sqltune.local_lora.measured_rates import MeasuredRates
from sqltune.local_lora.sources import BaseModelSource, Place, find_base_model
from sqltune.local_lora.stored_weights import find_own_folder
from sqltune.records import Sample

if TYPE_CHECKING:
    from sqltune.local_lora.loaded_model import LoadedModel

#: Answers of one batch. A resumed evaluation asks only what is missing, in other batches, which in
#: bf16 may change the last bits.
_BATCH_SIZE = 32


class LocalBackend:
    """Fulfils `Backend` and all that a backend may offer besides (the protocols beside base.py).

    One base model is in memory at a time (model_in_memory.py). Its users take turns: a training
    gives way to answers between two steps, and an answer to others between two batches.
    """

    def __init__(
        self,
        *,
        artifacts: Path,
        allowed_folders: Sequence[Path] = (),
        allow_hub_models: bool = True,
        threads: int | None = None,
        device: str = "cpu",
        converted: ConvertedModels | None = None,
        busy: Callable[[str], AbstractContextManager[None]] | None = None,
    ) -> None:
        """Store weights under `artifacts`, and load base models only from allowed places.

        Args:
            artifacts: folder of weights and checkpoints.
            allowed_folders: where folders and GGUF files may lie.
            allow_hub_models: whether the Hub may be asked.
            threads: of torch; None: by the size of the model.
            device: auto, cuda, mps or cpu.
            converted: what was made of GGUF files; None: that of the user's cache folder.
            busy: shows what takes long, for as long as its block lasts.
        """
        self._artifacts = artifacts
        self._allowed_folders = tuple(allowed_folders)
        self._allow_hub_models = allow_hub_models
        self._threads = threads
        self._device = device
        self._converted = converted or ConvertedModels()
        self._busy = busy or (lambda activity: nullcontext())
        self._rates = MeasuredRates(artifacts / "rates.json")
        self._identities = Identities(artifacts / "identities.json", self._inspect)
        self._memory = ModelInMemory(artifacts, self._load, threads)

    def describe(self, base_model: str, revision: str | None) -> BaseModel:
        """Resolve the name from files, or from the Hub, without loading weights."""
        require_torch()
        source = find_base_model(
            base_model,
            revision=revision,
            allowed_folders=self._allowed_folders,
            allow_hub=self._allow_hub_models,
        )
        identity = self._identities.identify(source)
        is_of_files = source.place in (Place.FOLDER, Place.GGUF)
        if revision is not None and is_of_files and revision != identity.revision:
            raise RequestRejected(
                f"base model {base_model!r} has changed: its files are revision "
                f"{shorten_revision(identity.revision)}, and the row asks for "
                f"{shorten_revision(revision)}; restore the files or change base_model_revision",
                code="base_model_changed",
            )
        return BaseModel(
            name=base_model,
            revision=identity.revision,
            max_tokens=identity.max_tokens,
            is_simulated=False,
            found_in=source.found_in,
        )

    def require_quantization(self, quantization: str) -> None:
        """Refuse a quantization that this machine does not support."""
        if quantization != "none":
            from sqltune.local_lora.devices import choose_device
            from sqltune.local_lora.quantization import Quantization, require_quantization

            require_quantization(Quantization(quantization), choose_device(self._device))

    def count_tokens(
        self, base_model: BaseModel, samples: Iterable[Sample], prompt_format: str
    ) -> Iterator[TokenCount]:
        """Count with the base model's own tokenizer, prompt form and end mark included."""
        # Reading the tokenizer of a GGUF file takes up to a minute, that of a folder a second.
        source = self._converted.prefer(self._source(base_model), base_model.revision)
        with self._busy(f"reading the tokenizer of {base_model.name}"):
            from sqltune.local_lora.counting import count_sample_tokens, read_tokenizer

            read_tokenizer(source)
        for tokens in count_sample_tokens(source, samples, prompt_format, base_model.max_tokens):
            yield TokenCount(tokens, is_exact=True)

    def count_conversation(
        self, base_model: BaseModel, sample: Sample, options: TrainingOptions
    ) -> int:
        """Count as training reads it; a template that cannot be cut into turns is refused."""
        from sqltune.local_lora.counting import count_trained_conversation

        source = self._converted.prefer(self._source(base_model), base_model.revision)
        return count_trained_conversation(
            source,
            sample.messages or (),
            options.train_on,
            options.prompt_format,
            base_model.max_tokens,
        )

    def train(self, job: TrainingJob, samples: Samples, journal: Journal) -> TrainedAdapter:
        """Train step by step; a later attempt at the same run resumes from a checkpoint."""
        use = self._memory.use(job.base_model, job.options.quantization)
        with use as (base, give_way):
            from sqltune.backends.local.files import TrainingFiles
            from sqltune.backends.local.training import LocalTraining

            training = LocalTraining(
                base=base,
                job=job,
                samples=samples,
                journal=journal,
                files=TrainingFiles(self._artifacts, job.run_key, job.attempt),
                give_way=give_way,
            )
            trained = training.run()
        rates = training.stopwatch.rates()
        if rates is not None:
            self._rates.record(job.base_model.revision, self._place, rates)
        return trained

    def make_recipe(
        self,
        base_model: BaseModel,
        options: TrainingOptions,
        sample_count: int,
        epoch_tokens: int | None,
        read_samples: Callable[[], Iterable[Sample]],
    ) -> Recipe:
        """Return what the tuning profile makes of the row and the samples; torch is not loaded."""
        from sqltune.backends.local.recipe import RecipeInputs, is_on_processor, make_recipe
        from sqltune.local_lora.model_facts import read_facts

        form = options.prompt_format
        inputs = RecipeInputs(
            options=options,
            facts=read_facts(self._source(base_model)),
            sample_count=sample_count,
            epoch_tokens=epoch_tokens,
            read_samples=read_samples,
            count_tokens=lambda samples: (
                count.tokens for count in self.count_tokens(base_model, samples, form)
            ),
            rates=self._rates.find(base_model.revision, self._place),
            is_on_processor=is_on_processor(self._device),
        )
        return make_recipe(inputs)

    def answer(
        self,
        base_model: BaseModel,
        adapter: TrainedAdapter | None,
        requests: Sequence[AnswerRequest],
        decoding: Decoding,
    ) -> Generator[Answer, None, None]:
        """Answer in batches of 32, in the order given."""
        yield from self._answer(base_model, adapter, requests, decoding, waits=True)

    def answer_now(
        self,
        base_model: BaseModel,
        adapter: TrainedAdapter | None,
        requests: Sequence[AnswerRequest],
        decoding: Decoding,
    ) -> Generator[Answer, None, None]:
        """Do the same, unless another base model is in use."""
        yield from self._answer(base_model, adapter, requests, decoding, waits=False)

    def _answer(
        self,
        base_model: BaseModel,
        adapter: TrainedAdapter | None,
        requests: Sequence[AnswerRequest],
        decoding: Decoding,
        *,
        waits: bool,
    ) -> Generator[Answer, None, None]:
        use = self._memory.use(base_model, choose_quantization(adapter, decoding), waits=waits)
        with use as (base, give_way):
            from sqltune.backends.local.answering import answer_batch

            for first in range(0, len(requests), _BATCH_SIZE):
                # Others may have put so many adapters on it meanwhile that this one is gone.
                name = self._memory.load_adapter(base, adapter) if adapter is not None else None
                yield from answer_batch(base, name, requests[first : first + _BATCH_SIZE], decoding)
                give_way()

    def explain_variation(self, base_model: BaseModel, quantization: str) -> str | None:
        """Return that narrow numbers round differently in another batch."""
        dtype = self._memory.find_dtype(base_model, quantization)
        if dtype is None:
            return None
        from sqltune.local_lora.precision import explain_rounding

        return explain_rounding(dtype)

    def merge(
        self,
        base_model: str,
        revision: str | None,
        adapter: TrainedAdapter,
        target: Path,
        form: MergedForm,
    ) -> None:
        """Write base model and adapter as one model: a folder in the base model's number format.

        That of a quantised version too: as peft advises, the adapter is added to the weights as
        they are in the files and not to quantised ones, which would round it away.
        """
        from sqltune.backends.local.merging import load_for_merging, require_form, write_form

        found = self.describe(base_model, revision)
        source = self._source(found)
        require_form(form, source)
        self._memory.release()  # two base models at once may not fit
        base = load_for_merging(source, self._converted, found.revision, self._threads)
        write_form(form, base, self._memory.load_adapter(base, adapter), source, target)

    def delete(self, adapter: TrainedAdapter) -> None:
        """Remove the adapter's folder."""
        folder = find_own_folder(self._artifacts, adapter.artifact_uri)
        if folder.exists():
            shutil.rmtree(folder)

    @property
    def place(self) -> str:
        """The folder of artifacts."""
        return str(self._artifacts.resolve())

    def list_artifacts(self) -> Iterator[StoredArtifact]:
        """Yield finished weights and checkpoints; nothing of the local server is among them."""
        yield from list_folder(self._artifacts / "adapters", ArtifactKind.WEIGHTS)
        yield from list_folder(self._artifacts / "checkpoints", ArtifactKind.CHECKPOINT)

    def find_missing(self, adapters: Sequence[TrainedAdapter]) -> list[TrainedAdapter]:
        """Return those whose folder should be here and is not."""
        own = (self._artifacts / "adapters").resolve()
        return [
            adapter
            for adapter in adapters
            if Path(adapter.artifact_uri or "").parent == own
            and not Path(adapter.artifact_uri or "").is_dir()
        ]

    def remove(self, artifact: StoredArtifact) -> None:
        """Remove files that were listed."""
        remove_files(artifact, (self._artifacts / "adapters", self._artifacts / "checkpoints"))

    def close(self) -> None:
        """Release the base model."""
        self._memory.release()

    def _inspect(self, source: BaseModelSource) -> None:
        """Refuse what is no base model; slow once, for it loads torch, and then remembered."""
        with self._busy(f"inspecting base model {source.name}"):
            from sqltune.local_lora.loading import inspect_source

            inspect_source(source)

    def _source(self, base_model: BaseModel) -> BaseModelSource:
        return find_base_model(
            base_model.name,
            revision=base_model.revision,
            allowed_folders=self._allowed_folders,
            allow_hub=self._allow_hub_models,
        )

    @property
    def _place(self) -> str:
        """Where it is as fast as before: artifacts may be on a disk that machines share."""
        return f"{self._device} of {socket.gethostname()}"

    def _load(self, base_model: BaseModel, quantization: str) -> LoadedModel:
        with self._busy(f"loading base model {base_model.name}"):
            from sqltune.local_lora.loading import load_found

            return load_found(
                self._source(base_model),
                self._converted,
                revision=base_model.revision,
                threads=self._threads,
                device=self._device,
                quantization=quantization,
            )
