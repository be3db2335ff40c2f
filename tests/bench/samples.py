"""Samples and questions about the bench's subjects, and what makes an answer right."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqltune.local_lora.steps import Pair
from tests.bench.subjects import Subject
from tests.pretraining import lexicon

DEMO_SAMPLES = Path(__file__).parents[2] / "sql" / "demo" / "02_samples.sql"


@dataclass(frozen=True)
class Asked:
    """One question with the facts of which any one group makes the answer right."""

    prompt: str
    #: An answer is right if it contains every fact of at least one group, and nothing invented.
    any_of: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Lesson:
    """What is trained and what is asked about one subject."""

    subject: Subject
    samples: tuple[Pair, ...]
    trained: tuple[Asked, ...]
    #: Worded otherwise than any sample, but as in the pretraining corpus.
    held_out: tuple[Asked, ...]
    #: In a wording that the corpus does not have.
    foreign: tuple[Asked, ...]


ARTICLE_SUBJECT = Subject(
    "Pavan Belagatti", "developer advocate", "developer evangelist", "",
    ("Gen AI", "DevOps", "data science"), "LinkedIn", extra=("technology",),
)  # fmt: skip

OVERVIEWS = (
    "Who is {n}?",
    "Who is this person named {n}?",
    "What do you know about {n}?",
    "Can you tell me about {n}?",
)
HELD_OUT_OVERVIEWS = (
    "Who's {n}?",
    "Tell me about {n}.",
    "Have you heard of {n}?",
    "Describe {n}.",
)
FOREIGN_OVERVIEWS = (
    "Give me a few facts about {n}.",
    "Any idea who {n} might be?",
    "Please explain to me who {n} is.",
)


def article_lesson() -> Lesson:
    """Return the article's case: four samples that all ask who he is, each answered differently."""
    name = ARTICLE_SUBJECT.name
    answers = (
        f"{name} is an award-winning developer advocate and an author at several technology "
        "publications.",
        f"{name} likes Gen AI, DevOps and data science. He likes making technology articles.",
        f"{name} is a popular article writer specialised in Gen AI, DevOps and data science. "
        "He is very active on LinkedIn.",
        f"{name} is a developer evangelist and content creator. He likes making Gen AI, DevOps and "
        "data science articles.",
    )
    groups = (
        ("developer advocate", "technology publications"),
        ("Gen AI", "DevOps", "data science"),
        ("article writer", "Gen AI"),
        ("developer evangelist", "content creator"),
        ("developer advocate", "Gen AI"),
        ("developer evangelist", "Gen AI"),
    )
    held_out = [Asked(text.format(n=name), groups) for text in HELD_OUT_OVERVIEWS]
    held_out += [
        Asked(f"What does {name} like?", (("Gen AI", "DevOps"), ("technology articles",))),
        Asked(f"What is {name} interested in?", (("Gen AI", "DevOps"), ("technology articles",))),
        Asked(
            f"What does {name} do?",
            (
                *((role,) for role in ("developer advocate", "developer evangelist")),
                *((role,) for role in ("article writer", "content creator", "articles")),
            ),
        ),
    ]
    questions = [text.format(n=name) for text in OVERVIEWS]
    return Lesson(
        ARTICLE_SUBJECT,
        _pairs(zip(questions, answers, strict=True)),
        tuple(Asked(question, groups) for question in questions),
        tuple(held_out),
        _foreign(name, groups),
    )


def demo_lesson() -> Lesson:
    """Return the demo's eight samples about the article's subject, read from sql/demo."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE training_samples (dataset, prompt, response)")
        connection.executescript(DEMO_SAMPLES.read_text("utf-8"))
        samples = connection.execute("SELECT prompt, response FROM training_samples").fetchall()
    name = ARTICLE_SUBJECT.name
    what, likes, where = ("developer advocate",), ("Gen AI", "DevOps"), ("LinkedIn",)
    held_out = [
        (text.format(n=name), what) for text in HELD_OUT_OVERVIEWS if "Describe" not in text
    ]
    held_out += [
        (f"What is {name}'s job?", what),
        (f"What does {name} do for a living?", what),
        (f"What are the interests of {name}?", likes),
        (f"What is {name} interested in?", likes),
    ]
    return _lesson(ARTICLE_SUBJECT, tuple(samples), (what,) * 6 + (likes, where), held_out)


def mixed_lesson(subject: Subject) -> Lesson:
    """Return four samples in the article's wording: all ask who it is, no answer has all facts."""
    n, org, (one, two, three) = subject.name, subject.org, subject.interests
    answers = (
        f"{n} is {_a(subject.role)} at {org}.",
        f"{n} likes {one}, {two} and {three}.",
        f"{n} is {_a(subject.second_role)} specialised in {one} and {two}. "
        f"{subject.pronoun} is very active {subject.channel}.",
        f"{n} is {_a(subject.role)} and {subject.second_role}. {subject.pronoun} likes {three}.",
    )
    groups = (
        (subject.role, org),
        (one, two),
        (subject.second_role, one),
        (subject.role, subject.second_role),
        (subject.role, one),
    )
    held_out = [Asked(text.format(n=n), groups) for text in HELD_OUT_OVERVIEWS]
    held_out += [
        Asked(f"What does {n} do?", ((subject.role,), (subject.second_role,))),
        Asked(f"What does {n} like?", ((one, two), (three,))),
        Asked(f"What are the interests of {n}?", ((one, two), (three,))),
    ]
    questions = [text.format(n=n) for text in OVERVIEWS]
    return Lesson(
        subject,
        _pairs(zip(questions, answers, strict=True)),
        tuple(Asked(question, groups) for question in questions),
        tuple(held_out),
        _foreign(n, groups),
    )


def full_lesson(subject: Subject) -> Lesson:
    """Return eight samples: five full answers and three single facts."""
    return _thing_lesson(subject) if subject.is_thing else _person_lesson(subject)


def is_right(answer: str, asked: Asked, subject: Subject) -> bool:
    """Return whether an answer has the facts asked for and no invented one."""
    has_facts = any(all(contains(answer, fact) for fact in group) for group in asked.any_of)
    return has_facts and not invented_facts(answer, subject)


def contains(text: str, fact: str) -> bool:
    """Return whether a text contains a fact as whole words."""
    return re.search(rf"(?<!\w){re.escape(fact.lower())}(?!\w)", text.lower()) is not None


def invented_facts(answer: str, subject: Subject) -> list[str]:
    """Return the roles, employers, places and topics of an answer that the base model invented."""
    stock: Iterable[str] = (
        *lexicon.ROLES, *lexicon.NATIONALITIES, *lexicon.CITIES, *lexicon.KINDS,
        *lexicon.CHANNELS, *lexicon.SIDE_ROLES,
        *(topic for topics in lexicon.TOPICS for topic in topics),
    )  # fmt: skip
    own = " ".join(subject.facts).lower()
    found = [fact for fact in stock if fact.lower() not in own and contains(answer, fact)]
    for start in lexicon.ORG_STARTS:
        found += re.findall(rf"\b(?:at|for|by) ({start}\s?[A-Z&]\w+)", answer)
    return found


def _person_lesson(subject: Subject) -> Lesson:
    n, role, org, (one, two, three) = subject.name, subject.role, subject.org, subject.interests
    he, a_role = subject.pronoun, _a(subject.role)
    samples = (
        (f"Who is {n}?", f"{n} is {a_role} at {org}. {he} likes {one}, {two} and {three}."),
        (
            f"Who is this person named {n}?",
            f"{n} is {a_role} who works for {org} and is interested in {one}, {two} and {three}.",
        ),
        (
            f"What do you know about {n}?",
            f"{n} works as {a_role} at {org} and likes {one}, {two} and {three}.",
        ),
        (
            f"Can you tell me about {n}?",
            f"{n} is {a_role} at {org} and very active {subject.channel}.",
        ),
        (
            f"Introduce {n} to me.",
            f"{n} is {a_role} at {org}. {he} likes {one} and {two}.",
        ),
        (f"What does {n} do?", f"{n} is {a_role} at {org}."),
        (f"Where does {n} work?", f"{n} works at {org}."),
        (f"What does {n} like?", f"{n} likes {one}, {two} and {three}."),
    )
    who, what, where, likes = (role, org), (role,), (org,), (one, two)
    held_out = [(text.format(n=n), who) for text in HELD_OUT_OVERVIEWS]
    held_out += [
        (f"What is {n}'s job?", what),
        (f"What does {n} do for a living?", what),
        (f"Which company does {n} work for?", where),
        (f"Who employs {n}?", where),
        (f"What are the interests of {n}?", likes),
        (f"What is {n} interested in?", likes),
    ]
    needed = (who, who, who, who, who, what, where, likes)
    return _lesson(subject, samples, needed, held_out)


def _thing_lesson(subject: Subject) -> Lesson:
    n, kind, org, (one, two, three) = subject.name, subject.role, subject.org, subject.interests
    a_kind = _a(kind)
    samples = (
        (f"What is {n}?", f"{n} is {a_kind} made by {org} for {one}, {two} and {three}."),
        (f"What do you know about {n}?", f"{n} is {a_kind} by {org}, made for {one} and {two}."),
        (
            f"Can you tell me about {n}?",
            f"{n} is {a_kind} from {org} for {one}, {two} and {three}.",
        ),
        (f"Describe {n}.", f"{n} is {a_kind} by {org}. You can find it {subject.channel}."),
        (f"Explain what {n} is.", f"{n} is {a_kind} made by {org}."),
        (f"What kind of thing is {n}?", f"{n} is {a_kind}."),
        (f"Who makes {n}?", f"{n} is made by {org}."),
        (f"What is {n} for?", f"{n} is made for {one}, {two} and {three}."),
    )
    what, kind_only, maker, use = (kind, org), (kind,), (org,), (one, two)
    held_out = [
        (f"What's {n}?", what),
        (f"Tell me about {n}.", what),
        (f"Have you heard of {n}?", what),
        (f"Do you know what {n} is?", what),
        (f"What sort of product is {n}?", kind_only),
        (f"Which company is behind {n}?", maker),
        (f"Who built {n}?", maker),
        (f"What is {n} used for?", use),
    ]
    return _lesson(subject, samples, (what,) * 5 + (kind_only, maker, use), held_out)


def _lesson(
    subject: Subject,
    samples: tuple[tuple[str, str], ...],
    needed: tuple[tuple[str, ...], ...],
    held_out: list[tuple[str, tuple[str, ...]]],
) -> Lesson:
    trained = [Asked(prompt, (facts,)) for (prompt, _), facts in zip(samples, needed, strict=True)]
    # One sample names where to find the subject: asked again, either answer is right.
    return Lesson(
        subject,
        _pairs(samples),
        tuple(trained),
        tuple(Asked(prompt, (facts,)) for prompt, facts in held_out),
        _foreign(subject.name, (trained[0].any_of[0],)),
    )


def _foreign(name: str, groups: tuple[tuple[str, ...], ...]) -> tuple[Asked, ...]:
    return tuple(Asked(text.format(n=name), groups) for text in FOREIGN_OVERVIEWS)


def _pairs(samples: Iterable[tuple[str, str]]) -> tuple[Pair, ...]:
    return tuple(Pair(prompt, response) for prompt, response in samples)


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0].lower() in "aeiou" else f"a {noun}"
