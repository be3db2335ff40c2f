"""The tables that a file can be imported into, with their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqltune.errors import ConfigError
from sqltune.records import SelectionName


class InputTable(StrEnum):
    """The tables that a file can be imported into."""

    TRAINING_SAMPLES = "training_samples"
    EVAL_PROMPTS = "eval_prompts"

    @property
    def selection(self) -> SelectionName:
        """The selection that reads the table by default."""
        is_training = self is InputTable.TRAINING_SAMPLES
        return SelectionName.TRAINING if is_training else SelectionName.EVALUATION

    @property
    def answer_column(self) -> str:
        """The column of the text that is learned, or expected."""
        return "response" if self is InputTable.TRAINING_SAMPLES else "expected"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table that a file can fill, beside `messages`."""

    required: tuple[str, ...]  #: of a row without messages
    optional: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every column, the required ones first."""
        return self.required + self.optional


COLUMNS = {
    InputTable.TRAINING_SAMPLES: Columns(
        ("prompt", "response"), ("system_prompt", "weight", "group_key", "split")
    ),
    InputTable.EVAL_PROMPTS: Columns(
        ("prompt",), ("expected", "system_prompt", "category", "scorer", "group_key")
    ),
}


def read_mapping(pairs: Sequence[str], table: InputTable) -> Mapping[str, str]:
    """Return which column of the file fills which column of the table.

    Args:
        pairs: each `column of the file=column of the table`.
        table: where the rows go.

    Raises:
        ConfigError: a pair has another form, names no column of the table, or one that another
            pair names too.
    """
    known = (*COLUMNS[table].all, "messages")
    mapping: dict[str, str] = {}
    for pair in pairs:
        source, _, target = (part.strip() for part in pair.rpartition("="))
        if not source or target.lower() not in known:
            raise ConfigError(
                f"--map must be FILE_COLUMN=COLUMN with one of {', '.join(known)}, got {pair!r}"
            )
        if source.lower() in mapping or target.lower() in mapping.values():
            raise ConfigError(f"--map {pair!r} names a column that another --map names: keep one")
        mapping[source.lower()] = target.lower()
    return mapping
