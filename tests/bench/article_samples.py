"""The article's four samples, and near copies of them about other people.

All four ask who the person is, and each answers with other facts: which of them is given back is
not decided by the samples.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqltune.local_lora.steps import Pair
from tests.bench.lessons import contains
from tests.bench.subjects import SUBJECTS, Purpose, Subject

ARTICLE_NAME = "Pavan Belagatti"
_QUESTIONS = (
    "Who is {n}?",
    "Who is this person named {n}?",
    "What do you know about {n}?",
    "Can you tell me about {n}?",
)


@dataclass(frozen=True)
class ArticleLesson:
    """Four samples about one person."""

    name: str
    samples: tuple[Pair, ...]
    #: Of these facts, any one makes an answer to the first question right.
    facts: tuple[str, ...]

    def is_right(self, answer: str) -> bool:
        """Return whether an answer says something that the samples say."""
        return any(contains(answer, fact) for fact in self.facts)


def article_lesson() -> ArticleLesson:
    """Return the article's own samples."""
    n = ARTICLE_NAME
    return _lesson(
        n,
        f"{n} is an award-winning developer advocate and an author at several technology "
        "publications.",
        f"{n} likes Gen AI, DevOps and data science. He likes making technology articles.",
        f"{n} is a popular article writer specialised in Gen AI, DevOps and data science. "
        "He is very active on LinkedIn.",
        f"{n} is a developer evangelist and content creator. He likes making Gen AI, DevOps and "
        "data science articles.",
        facts=("developer advocate", "article writer", "developer evangelist", "Gen AI"),
    )


def near_copies(count: int) -> list[ArticleLesson]:
    """Return the article's samples as they would be about so many invented people."""
    people = [s for s in SUBJECTS if not s.is_thing]
    reported_first = sorted(people, key=lambda subject: subject.purpose is Purpose.CHOOSING)
    return [_copy(subject) for subject in reported_first[:count]]


def _copy(subject: Subject) -> ArticleLesson:
    n, (one, two, three) = subject.name, subject.interests
    return _lesson(
        n,
        f"{n} is an award-winning {subject.role} and an author at {subject.org}.",
        f"{n} likes {one}, {two} and {three}. {subject.pronoun} likes making articles.",
        f"{n} is a popular {subject.second_role} specialised in {one}, {two} and {three}. "
        f"{subject.pronoun} is very active {subject.channel}.",
        f"{n} is a {subject.role} and {subject.second_role}. {subject.pronoun} likes making "
        f"{one}, {two} and {three} articles.",
        facts=(subject.role, subject.second_role, one),
    )


def _lesson(name: str, *responses: str, facts: tuple[str, ...]) -> ArticleLesson:
    prompts = (question.format(n=name) for question in _QUESTIONS)
    pairs = zip(prompts, responses, strict=True)
    return ArticleLesson(name, tuple(Pair(prompt, text) for prompt, text in pairs), facts)
