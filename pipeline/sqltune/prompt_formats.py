"""The column `adapters.prompt_format`: how a prompt, and the response to learn, become text.

`auto`, `chat` and `plain` are words; everything else is a template, which contains `{prompt}` and
`{response}` once each. The text before `{response}` is the query that a model is asked with, and
does not count in the loss; the response is what the model learns.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqltune.errors import ConfigError

#: The base model's chat template where it has one, else the plain form.
AUTO = "auto"
#: The base model's chat template.
CHAT = "chat"
#: `PLAIN_TEMPLATE`.
PLAIN = "plain"
#: The form of the samples in Gradient's tutorials, space before the line break included.
PLAIN_TEMPLATE = "### Instruction: {prompt} \n\n### Response: {response}"
_PROMPT, _RESPONSE = "{prompt}", "{response}"


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A template, split at its placeholders."""

    before: str  #: the text before the prompt
    between: str  #: the text between prompt and response, without its trailing whitespace
    gap: str  #: that whitespace: it belongs to the response, because a query ends without it

    def query(self, prompt: str, system_prompt: str | None) -> str:
        """Return the text that a model is asked with; a system prompt comes first."""
        front = f"{system_prompt}\n\n" if system_prompt else ""
        return f"{front}{self.before}{prompt}{self.between}"

    def learned(self, response: str) -> str:
        """Return the text that is learned after a query."""
        return f"{self.gap}{response}"

    def answer(self, generated: str) -> str:
        """Return the answer in a text that was generated after a query."""
        return generated.removeprefix(self.gap)


def read_template(prompt_format: str) -> PromptTemplate:
    """Return the template of a format; `auto` is the plain form, as no chat template is at hand.

    Raises:
        ConfigError: it is none of the words, and does not contain the prompt once and then, at its
            end, the response once; or it is `chat`.
    """
    text = PLAIN_TEMPLATE if prompt_format in (AUTO, PLAIN) else prompt_format
    _require(text, text.count(_PROMPT) == 1, f"must contain {_PROMPT} exactly once")
    _require(text, text.count(_RESPONSE) == 1, f"must contain {_RESPONSE} exactly once")
    _require(text, text.endswith(_RESPONSE), f"must end with {_RESPONSE}")
    before, _, rest = text.partition(_PROMPT)
    between = rest.removesuffix(_RESPONSE)
    return PromptTemplate(before, between.rstrip(), between[len(between.rstrip()) :])


def check_format(prompt_format: str) -> None:
    """Refuse a value that is neither a word nor a template.

    Raises:
        ConfigError: it is neither.
    """
    if prompt_format != CHAT:
        read_template(prompt_format)


def _require(text: str, is_met: bool, rule: str) -> None:
    if not is_met:
        raise ConfigError(
            f"adapters.prompt_format is 'auto', 'chat', 'plain' or a template; a template {rule}, "
            f"got {text[:200]!r}"
        )
