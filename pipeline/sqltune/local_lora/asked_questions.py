"""What a model is asked and what it answered, as records. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqltune.errors import DataError
from sqltune.records import Message

#: So many questions are answered together: more gain little and cost memory.
ROWS_AT_ONCE = 64


class FinishReason(StrEnum):
    """Why an answer ended."""

    #: The model closed it.
    STOP = "stop"
    #: It had as many tokens as allowed.
    LENGTH = "length"
    #: The prompt leaves no room for an answer; there is no text.
    PROMPT_TOO_LONG = "prompt_too_long"
    #: The base model cannot be asked this; there is no text.
    REFUSED = "refused"
    #: Nobody waits for it any more.
    DROPPED = "dropped"


@dataclass(frozen=True)
class Question:
    """A prompt for the model."""

    #: The user's words, without the prompt form around them.
    prompt: str
    #: The instruction before the prompt; None where there is none.
    system_prompt: str | None = None
    #: How the prompt is put into words; None: in the base model's format.
    prompt_format: str | None = None
    #: The whole conversation, which the prompt ends; None: the prompt is all that is asked.
    messages: tuple[Message, ...] | None = None
    #: Decides the draws beside the seed, so that equal questions may get different answers.
    draw: int | None = None
    #: Longest answer; None: the sampling's.
    max_new_tokens: int | None = None
    #: Texts that end the answer and do not belong to it.
    stops: tuple[str, ...] = ()
    #: Whether spaces around the answer belong to it, because it continues the prompt.
    keeps_spaces: bool = False


@dataclass(frozen=True)
class GeneratedAnswer:
    """What the model answered."""

    #: Position of the question in the list of questions.
    index: int
    #: The answer without end mark, and without outer spaces unless the question keeps them; None
    #: where the prompt was too long.
    text: str | None
    #: Why it ended.
    finish_reason: FinishReason
    #: Tokens of the prompt with its form.
    prompt_tokens: int
    #: Tokens of the answer, its end mark not counted.
    output_tokens: int
    #: From the start of its batch to its last token.
    latency_seconds: float
    #: Why the base model cannot be asked this; None: it can.
    error: DataError | None = None
