"""How a sample becomes text for a service that has no prompt form of its own.

A template names `{prompt}` and `{response}` once each. What stands before `{response}` is what a
model is asked with and what training leaves out; the response is what it learns.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqltune.errors import ConfigError
from sqltune.records import Sample

#: The form of the article's samples, see sql/demo.
DEFAULT_TEMPLATE = "### Instruction: {prompt} \n\n### Response: {response}"
_PROMPT, _RESPONSE = "{prompt}", "{response}"


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A template taken apart."""

    before: str  #: what stands before the prompt
    between: str  #: what stands between prompt and response, without the blanks at its end
    gap: str  #: those blanks: they belong to the response, for a query ends without them

    def query(self, prompt: str, system_prompt: str | None) -> str:
        """Give what a model is asked; a system prompt stands in front."""
        front = f"{system_prompt}\n\n" if system_prompt else ""
        return f"{front}{self.before}{prompt}{self.between}"

    def trained(self, sample: Sample) -> tuple[str, str]:
        """Give a sample's two parts: what is asked, and what is learnt."""
        return self.query(sample.prompt, sample.system_prompt), f"{self.gap}{sample.response}"

    def answer(self, generated: str) -> str:
        """Give the answer out of what was generated after a query."""
        return generated.removeprefix(self.gap)


def read_template(text: str | None) -> PromptTemplate:
    """Take a template apart; None is the default one.

    Raises:
        ConfigError: it does not name the prompt once and then, at its end, the response once.
    """
    text = DEFAULT_TEMPLATE if text is None else text
    _require(text, text.count(_PROMPT) == 1, f"must hold {_PROMPT} exactly once")
    _require(text, text.count(_RESPONSE) == 1, f"must hold {_RESPONSE} exactly once")
    _require(text, text.endswith(_RESPONSE), f"must end with {_RESPONSE}")
    before, _, rest = text.partition(_PROMPT)
    between = rest.removesuffix(_RESPONSE)
    return PromptTemplate(before, between.rstrip(), between[len(between.rstrip()) :])


def _require(text: str, holds: bool, rule: str) -> None:
    if not holds:
        raise ConfigError(f"adapters.prompt_template {rule}, got {text[:200]!r}")
