"""How a sample becomes text for a service that has no prompt format of its own.

A template contains `{prompt}` and `{response}` once each. The text before `{response}` is the query
that a model is asked with, and does not count in the loss; the response is what the model learns.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqltune.errors import ConfigError
from sqltune.records import Sample

#: The format of the article's samples, see sql/demo.
DEFAULT_TEMPLATE = "### Instruction: {prompt} \n\n### Response: {response}"
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

    def trained(self, sample: Sample) -> tuple[str, str]:
        """Return the two parts of a sample: the query, and the text that is learned."""
        return self.query(sample.prompt, sample.system_prompt), f"{self.gap}{sample.response}"

    def answer(self, generated: str) -> str:
        """Return the answer in a text that was generated after a query."""
        return generated.removeprefix(self.gap)


def read_template(text: str | None) -> PromptTemplate:
    """Parse a template; None: the default one.

    Raises:
        ConfigError: it does not contain the prompt once and then, at its end, the response once.
    """
    text = DEFAULT_TEMPLATE if text is None else text
    _require(text, text.count(_PROMPT) == 1, f"must contain {_PROMPT} exactly once")
    _require(text, text.count(_RESPONSE) == 1, f"must contain {_RESPONSE} exactly once")
    _require(text, text.endswith(_RESPONSE), f"must end with {_RESPONSE}")
    before, _, rest = text.partition(_PROMPT)
    between = rest.removesuffix(_RESPONSE)
    return PromptTemplate(before, between.rstrip(), between[len(between.rstrip()) :])


def _require(text: str, is_met: bool, rule: str) -> None:
    if not is_met:
        raise ConfigError(f"adapters.prompt_template {rule}, got {text[:200]!r}")
