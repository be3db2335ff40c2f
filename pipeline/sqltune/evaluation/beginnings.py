"""Scores answers that begin with a verdict, such as yes, or with a letter of a choice."""

from __future__ import annotations

import re
from itertools import islice

from sqltune.evaluation.negation import NO, YES
from sqltune.evaluation.score_limits import MAX_LINEAR_CHARACTERS, ScorerError, check_texts
from sqltune.evaluation.words import fold_text

_WORD = re.compile(r"[^\W_]+")
#: What announces an answer: "option B", "the answer is B".
_LEAD = re.compile(
    r"[\W_]*+(?:(?:the|my)\s)?(?:(?:correct|right|final|best)\s)?(?:answer|option|choice)\b"
    r"(?:\s(?:is|would be)\b)?[\W_]*+(?:(?:option|choice|letter)\b)?"
)
#: A letter with these is another name: C++, C#, C-3.
_NAME_MARKS = re.compile(r"[+#]|['\u2019-]\w")
#: A is an article before other words than these.
_AFTER_A = re.compile(r"\s(?!(?:is|was|would|since|because|as|for|and|or)\b)\w")
_ALSO = re.compile(
    r"[\s*_)\"'.,]*+(?:(?:or|and|oder|und|ou|et|o|y|e|of|en)\b|[/&])[\W_]*+([^\W_]++)(?!\s\w)"
)


def score_begins(response: str, expected: str) -> float:
    """Return 1 if the answer begins with the expected text, whatever the case and the marks.

    "The answer is" before it counts for nothing. "C++" or "C or D" is not C, "yes and no" not yes.
    """
    check_texts(response, expected, longest=MAX_LINEAR_CHARACTERS)
    wanted = _WORD.findall(fold_text(expected))
    if not wanted:
        raise ScorerError("the expected text has no letter, so that every answer begins with it")
    answer = fold_text(response)
    lead = _LEAD.match(answer)
    end = _find_end(answer, wanted, 0) or (_find_end(answer, wanted, lead.end()) if lead else 0)
    return float(end > 0 and not _says_other(" ".join(wanted), answer[end:]))


def _find_end(answer: str, wanted: list[str], start: int) -> int:
    """Return where the expected words end if the answer has them at its start; else 0."""
    found = list(islice(_WORD.finditer(answer, start), len(wanted)))
    return found[-1].end() if [each[0] for each in found] == wanted else 0


def _says_other(wanted: str, rest: str) -> bool:
    """Whether what follows a verdict or a letter makes it another one, or one of several."""
    also = _ALSO.match(rest)
    other = also[1] if also else wanted
    if wanted in YES | NO:
        return other in (NO if wanted in YES else YES)
    if len(wanted) != 1 or not wanted.isalpha():
        return False
    if _NAME_MARKS.match(rest) or (wanted == "a" and _AFTER_A.match(rest)):
        return True
    return len(other) == 1 and other.isalpha() and other != wanted
