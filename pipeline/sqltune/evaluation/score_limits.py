"""What every scorer refuses: texts too long to be scored in time; its error is kept in the row."""

from __future__ import annotations

import unicodedata

from sqltune.errors import PipelineError
from sqltune.selection import MARKS_ON_A_LETTER, has_too_many_marks

#: Longest text for scorers whose work grows with the square of it or that read it often, and for
#: the others; all take seconds at most. An expected text is a row, and rows must not stop a run.
MAX_CHARACTERS = 50_000
MAX_LINEAR_CHARACTERS = 1_000_000
#: Characters of the longest plain form of one character, which is U+FDFA's.
_LONGEST_FORM = 18


class ScorerError(PipelineError):
    """Raised when a scorer cannot score an answer; the score's row keeps the message."""

    code = "scorer_error"


def check_texts(*texts: str, longest: int = MAX_CHARACTERS) -> None:
    """Check that a scorer can take these texts.

    Raises:
        ScorerError: one is longer than `longest` characters, or has letters under too many marks.
    """
    for text in texts:
        _check_length(len(text), longest)
        # Before anything is normalised, which takes too long with many marks on a letter.
        if has_too_many_marks(text):
            raise ScorerError(
                f"a letter has more than {MARKS_ON_A_LETTER:,} combining marks: remove them"
            )
        if not text.isascii() and len(text) * _LONGEST_FORM > longest:
            _check_length(len(unicodedata.normalize("NFKC", text)), longest)


def _check_length(length: int, longest: int) -> None:
    if length > longest:
        raise ScorerError(
            f"a text of {length:,} characters is too long: this scorer accepts {longest:,}"
        )
