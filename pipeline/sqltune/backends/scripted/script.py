"""The script that the `scripted` backend plays: what it answers, how slowly, and what fails.

A script is a JSON file. Every key may be left out, and without a file all keys have their defaults.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sqltune import errors
from sqltune.errors import ConfigError, PipelineError


def _error_classes() -> dict[str, type[PipelineError]]:
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    return {c.code: c for c in classes if issubclass(c, PipelineError)}


#: Errors that a script can name, by their code.
ERROR_CLASSES = _error_classes()


class Fault(BaseModel):
    """One failure.

    error: the answer is an error (at answer), or the training raises it (at train and step).
    raise: `answer` as a whole raises it, as if the service was unavailable (at answer).
    lost_reply: the adapter is finished, but the reply is lost (at train).
    hang: no reply arrives until the file `until` exists or the backend is closed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Literal["answer", "train", "step"]
    kind: Literal["error", "raise", "lost_reply", "hang"] = "error"
    #: 1 is the first answer since the backend was opened, the first training in the artifacts
    #: folder, or the first step of a training; None: every one
    number: int | None = Field(default=None, ge=1)
    is_once: bool = False  #: at train and step: only once in this artifacts folder
    prompt: str | None = None  #: at answer: only for this prompt; None: for any prompt
    code: str = "backend_unavailable"  #: of the error, see sqltune/errors.py
    message: str | None = None  #: None: a message that names the script
    until: Path | None = None  #: with hang: the file that ends it

    @model_validator(mode="after")
    def check_code(self) -> Fault:
        """Refuse an exception with an unknown code; the code of an answer may be any text."""
        if self.raises and self.code not in ERROR_CLASSES:
            raise ValueError(f"unknown error code {self.code!r}; see sqltune/errors.py")
        return self

    @property
    def raises(self) -> bool:
        """Whether the fault is an exception rather than an error in one answer."""
        return self.kind == "raise" or (self.kind == "error" and self.at != "answer")

    def matches(self, at: str, number: int, prompt: str | None = None) -> bool:
        """Whether the fault strikes here."""
        return (
            self.at == at
            and self.number in (None, number)
            and (self.prompt is None or self.prompt == prompt)
        )

    def text(self) -> str:
        """Return the message."""
        return self.message or f"the script asks for {self.code} at {self.at}"

    def error(self) -> PipelineError:
        """Return the exception that the fault raises."""
        return ERROR_CLASSES[self.code](self.text())


class Script(BaseModel):
    """What the backend plays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_models: list[str] | None = None  #: None: any name is a base model
    revision: str = "scripted-1"
    max_tokens: int | None = None
    answers: dict[str, str] = {}  #: what the base model answers, by prompt
    default_answer: str = "I do not know."
    trained_answers: dict[str, str] = {}  #: what every adapter answers in addition to its samples
    slots: int = Field(default=32, ge=1)  #: answers at a time
    answer_delay_seconds: float = Field(default=0.0, ge=0)
    step_delay_seconds: float = Field(default=0.0, ge=0)
    steps_per_epoch: int = Field(default=100, ge=1)  #: the most, if the row has no batch_size
    eval_losses: list[float] = []  #: measured after epoch 1, 2 ...; the last one is repeated
    faults: list[Fault] = []


def read_script(path: Path | None) -> Script:
    """Read a script; None: the built-in one.

    Raises:
        ConfigError: the file cannot be read or is not a valid script.
    """
    if path is None:
        return Script()
    try:
        return Script.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise ConfigError(f"cannot read the script {path}: {exc.strerror}") from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(f"the script {path} is invalid at {place}: {first['msg']}") from exc
