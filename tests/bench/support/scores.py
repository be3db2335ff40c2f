"""How good answers to the held-out tickets are.

    python -m tests.bench.support.scores rows.jsonl answers.json [answers.json ...]

Two figures: the mean of token F1 against the macro, and the share of answers with the decisive
words, that is the right desk, action, order and number of days; the latter also for the wordings
that no trained ticket has.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.support.exported import SupportRow, load_jsonl, select_held_out


@dataclass(frozen=True)
class Scores:
    """From 0 to 1."""

    token_f1: float
    right: float
    right_known: float
    right_new: float

    def __str__(self) -> str:
        return (
            f"token F1 {self.token_f1:.3f}, right {self.right:.1%} "
            f"(known wordings {self.right_known:.1%}, new ones {self.right_new:.1%})"
        )


def score(rows: Sequence[SupportRow], answers: Mapping[int, str]) -> Scores:
    """Score the answers by the keys of their held-out rows."""
    # Not at the top: these need the database's libraries, which a bare GPU machine has not.
    from sqltune.evaluation.scorers import score_contains, score_token_f1

    right = {row.key: score_contains(answers[row.key], row.decisive or "") for row in rows}
    return Scores(
        token_f1=_mean(score_token_f1(answers[row.key], row.response) for row in rows),
        right=_mean(right.values()),
        right_known=_mean(right[row.key] for row in rows if not row.is_new_wording),
        right_new=_mean(right[row.key] for row in rows if row.is_new_wording),
    )


def share_right(rows: Sequence[SupportRow], answers: Mapping[int, str]) -> float:
    """Return `Scores.right` with nothing but Python, for machines without our other libraries."""
    return _mean(_fold(row.decisive or "") in _fold(answers[row.key]) for row in rows)


def write_answers(answers: Mapping[int, str], path: Path) -> None:
    """Write the answers by key."""
    path.write_text(json.dumps(answers, ensure_ascii=False, indent=0), encoding="utf-8")


def read_answers(path: Path) -> dict[int, str]:
    """Read what `write_answers` wrote."""
    return {int(key): text for key, text in json.loads(path.read_text("utf-8")).items()}


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def main(paths: list[str]) -> None:
    rows = select_held_out(load_jsonl(Path(paths[0])))
    for path in paths[1:]:
        answers = read_answers(Path(path))
        asked = [row for row in rows if row.key in answers]
        print(f"{path}: {len(asked)} answers, {score(asked, answers)}")


if __name__ == "__main__":
    main(sys.argv[1:])
