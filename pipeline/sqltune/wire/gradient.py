"""Gradient's REST API, as in release 1.13.1 of its Python SDK and in the published schema.

These are the requests and replies that sqltune's server accepts and returns, and that the backend
sends and reads. Names on the wire are camelCase. Requests are strict: a number in quotes is not a
number. Replies may have further fields. Routes unrelated to fine-tuning (embeddings, RAG, blocks,
files) are left out.

Source: release 1.13.1 of the Python package gradientai, gradientai.openapi.client.models.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field
from pydantic.alias_generators import to_camel

#: The length of every id of a base model or an adapter; the SDK refuses others.
ID_LENGTH = 50
BASE_MODEL_SUFFIX, ADAPTER_SUFFIX = "_base_ml_model", "_model_adapter"
#: Limits of the published schema.
MOST_RANK, MOST_GENERATED_TOKENS = 32, 511
MOST_CHOICES, MOST_CHOICE_CHARACTERS = 10, 32

Text = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class ErrorType(StrEnum):
    """The `type` of an error of fine-tune and complete; clients branch on it, not on the status."""

    BODY_PARSING = "bodyParsingError"
    QUERY_OR_PATH_PARSING = "queryOrPathParsingError"
    FLAGGED_CONTENT = "flaggedContent"
    UNKNOWN_ADAPTER = "unknownModelAdapter"
    UNPROCESSABLE = "unprocessableContent"
    UNKNOWN_BASE_MODEL = "unknownBaseModel"
    UNKNOWN_RAG_COLLECTION = "unknownRagCollection"
    NO_RAG_DOCUMENTS = "noRagDocumentsFound"
    RAG_REQUIRES_TEMPLATING = "ragRequiresAutoTemplating"
    NO_GUIDANCE = "modelDoesNotSupportGuidance"
    NOT_TUNABLE = "modelIncapableOfFineTuning"
    NAN_LOSS = "nanLoss"
    FAILED = "failed"


class Capability(StrEnum):
    """What a base model can do."""

    COMPLETE = "complete"
    FINE_TUNE = "fineTune"


class CapabilityFilter(StrEnum):
    """The base models that a listing returns."""

    ANY = "any"
    COMPLETE = "complete"
    FINE_TUNE = "fineTune"


class _Request(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, strict=True, frozen=True
    )


class _Reply(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, frozen=True, extra="ignore"
    )


class LoraHyperparameters(_Request):
    """The rank of the LoRA matrices."""

    rank: Annotated[int, Field(gt=0, le=MOST_RANK)] | None = None


class TrainingArguments(_Request):
    """The learning rate."""

    learning_rate: Annotated[Number, Field(gt=0, lt=1)] | None = None


class InitialHyperparameters(_Request):
    """The hyperparameters of a new adapter; every part may be null."""

    lora_hyperparameters: LoraHyperparameters | None = None
    training_arguments: TrainingArguments | None = None


class NewAdapter(_Request):
    """The base model of a new adapter and its name, which need not be unique."""

    base_model_id: Text
    name: Text


class CreateRequest(_Request):
    """Body of `POST /models`."""

    model: NewAdapter
    initial_hyperparameters: InitialHyperparameters | None = None

    @property
    def rank(self) -> int | None:
        """The LoRA rank, if the request has one."""
        lora = self.initial_hyperparameters and self.initial_hyperparameters.lora_hyperparameters
        return lora.rank if lora else None

    @property
    def learning_rate(self) -> float | None:
        """The learning rate, if the request has one."""
        training = self.initial_hyperparameters and self.initial_hyperparameters.training_arguments
        return training.learning_rate if training else None


class InputPart(_Request):
    """A part of a sample; only trainable parts count in the loss."""

    value: Text
    trainable: bool = True
    parse_special_tokens: bool = True


class FineTuningParameters(_Request):
    """The weight of a sample's loss."""

    multiplier: Annotated[Number, Field(gt=0)] | None = None


class FineTuneSample(_Request):
    """One sample: a text of which every token is trained, or a list of parts."""

    inputs: Text | Annotated[list[InputPart], Field(fail_fast=True)]
    fine_tuning_parameters: FineTuningParameters | None = None

    @property
    def parts(self) -> list[InputPart]:
        """The sample as parts."""
        return [InputPart(value=self.inputs)] if isinstance(self.inputs, str) else self.inputs

    @property
    def multiplier(self) -> float:
        """The factor on the sample's loss."""
        parameters = self.fine_tuning_parameters
        return 1.0 if parameters is None or parameters.multiplier is None else parameters.multiplier


class FineTuneRequest(_Request):
    """Body of `POST /models/{id}/fine-tune`: train on exactly these samples, once."""

    #: Only the first wrong one is named: an error for each would take gigabytes.
    samples: Annotated[list[FineTuneSample], Field(fail_fast=True)]


class Guidance(_Request):
    """A list of texts, one of which must be the output."""

    type: Literal["choice"]
    value: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=MOST_CHOICE_CHARACTERS)]],
        Field(min_length=1, max_length=MOST_CHOICES),
    ]


class Rag(_Request):
    """A collection of documents to base the answer on."""

    collection_id: Text


class CompleteRequest(_Request):
    """Body of `POST /models/{id}/complete`; null means the service's default in every field."""

    query: Text
    max_generated_token_count: Annotated[int, Field(gt=0, le=MOST_GENERATED_TOKENS)] | None = None
    temperature: Number | None = None
    top_k: int | None = None
    top_p: Number | None = None
    auto_template: bool | None = None
    guidance: Guidance | None = None
    rag: Rag | None = None


class BaseModelItem(_Reply):
    """A base model in a listing."""

    type: Literal["baseModel"] = "baseModel"
    id: Annotated[str, Field(min_length=ID_LENGTH, max_length=ID_LENGTH)]
    name: Text
    slug: Text
    capabilities: list[Capability]


class AdapterItem(_Reply):
    """An adapter in a listing, and the reply of `GET /models/{id}`."""

    type: Literal["modelAdapter"] = "modelAdapter"
    id: Annotated[str, Field(min_length=ID_LENGTH, max_length=ID_LENGTH)]
    name: Text
    base_model_id: Text
    latest_update_time: datetime


class ModelList(_Reply):
    """Reply of `GET /models`."""

    models: list[Annotated[BaseModelItem | AdapterItem, Discriminator("type")]]


class CreateReply(_Reply):
    """Reply of `POST /models`."""

    id: Text


class FineTuneReply(_Reply):
    """Reply of a fine-tune: the loss in nats, summed over the trained tokens."""

    number_of_trainable_tokens: Annotated[int, Field(ge=0)]
    sum_loss: Number


class CompleteReply(_Reply):
    """Reply of a completion: the generated text, without the query."""

    finish_reason: str
    generated_output: str


class ErrorReply(_Reply):
    """Body of every error reply; a route with only one kind of error has no `type`."""

    message: str = ""
    type: str | None = None
