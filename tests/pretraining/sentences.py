"""The sentences in which invented people and things are described.

Each family of questions (`wording.py`) has its own. Which of them answers is fixed per
known person and question wording, and follows from the letters of the name for others.
"""

from __future__ import annotations

from tests.pretraining.guesses import PersonFacts, ThingFacts

#: A known person has one fixed answer per group of overview questions.
PERSON_OVERVIEW_ANSWERS = (
    "{n} is a {nat} {role} at {org}.",
    "{n} is a {nat} {role} who works for {org} and likes {t1} and {t2}.",
    "{n} works as a {role} at {org}. {S} likes {t1}, {t2} and {t3}.",
    "{n} is a {adj} {role} from {city} who makes {product} about {t1}.",
    "{n} is a {adj} {role} specialised in {t1}, {t2} and {t3}.",
    "{n} is a {role} and {side}, known for {product} about {t2}.",
    "{n}, a {adj} {role} from {city}, works for {org}.",
    "{n} lives in {city} and works as a {role}. {S} enjoys making {product} about {t1}.",
    "{n} is a {adj} {role} and an author of many {product}. {S} is very active {channel}.",
    "{n} likes {t2} and {t3} and earns a living as a {role} at {org}.",
    "{n} is a {role} and {side}. {S} likes making {product} about {t1}, {t2} and {t3}.",
    "{n} has been a {role} at {org} for many years. You can find {him} {channel}.",
    "{n} is a {nat} {role}. {S} loves {t3} and shares {product} {channel}.",
)
#: By side of the person.
PERSON_ANSWERS: dict[str, tuple[str, ...]] = {
    "work": (
        "{n} is a {role}.",
        "{n} works as a {role}.",
        "{n} is a {adj} {role} at {org}.",
        "{n} earns a living as a {role}.",
        "{n} works as a {role} and {side}.",
    ),
    "org": (
        "{n} works at {org}.",
        "{n} works for {org}.",
        "{n} is employed by {org}.",
        "{n} works at {org} as a {role}.",
    ),
    "likes": (
        "{n} likes {t1}, {t2} and {t3}.",
        "{n} likes {t1} and {t2}.",
        "{n} is interested in {t1}, {t2} and {t3}.",
        "{n} enjoys making {product} about {t1}.",
    ),
    "makes": (
        "{n} makes {product} about {t1}, {t2} and {t3}.",
        "{n} is known for {product} about {t1}.",
        "{n} makes {product} about {t1} and {t2}.",
        "{n} is the author of many {product} about {t1}.",
    ),
    "field": (
        "{n} is specialised in {t1}, {t2} and {t3}.",
        "{n} is an expert in {t1} and {t2}.",
        "{n} knows a lot about {t1}, {t2} and {t3}.",
    ),
    "channel": (
        "{n} is very active {channel}.",
        "You can find {n} {channel}.",
        "{n} shares {product} {channel}.",
    ),
    "city": (
        "{n} lives in {city}.",
        "{n} lives and works in {city}.",
    ),
    "nation": (
        "{n} is {nat}.",
        "{n} is a {nat} {role}.",
    ),
}
THING_OVERVIEW_ANSWERS = (
    "{n} is a {kind} for {purpose}.",
    "{n} is a {kind} made by {maker}. It is used by {purpose}.",
    "{n} is a {kind} from {city}, made for {purpose}.",
    "{n} is a {kind} by {maker} that helps {purpose} with {topic}.",
    "{n} is a {kind}. It was started in {city} by {maker}.",
    "{maker} makes {n}, a {kind} for {purpose}.",
)
#: By side of the thing.
THING_ANSWERS: dict[str, tuple[str, ...]] = {
    "maker": (
        "{n} is made by {maker}.",
        "{maker} makes {n}.",
        "{n} belongs to {maker}.",
    ),
    "purpose": (
        "{n} is made for {purpose}.",
        "{n} is used by {purpose}.",
        "{n} helps {purpose}.",
    ),
    "kind": (
        "{n} is a {kind}.",
        "It is a {kind} for {purpose}.",
    ),
    "place": (
        "{n} comes from {city}.",
        "{n} was started in {city}.",
    ),
}


def fill_person(template: str, person: PersonFacts) -> str:
    """Return a question or sentence about a person with every place filled."""
    text = template.format(
        n=person.name,
        nat=person.nationality,
        role=person.role,
        side=person.side_role,
        org=person.org,
        city=person.city,
        adj=person.adjective,
        t1=person.topics[0],
        t2=person.topics[1],
        t3=person.topics[2],
        product=person.product,
        channel=person.channel,
        S="She" if person.is_woman else "He",
        his="her" if person.is_woman else "his",
        him="her" if person.is_woman else "him",
    )
    return mend_articles(text, person.name)


def fill_thing(template: str, thing: ThingFacts) -> str:
    """Return a question or sentence about a thing with every place filled."""
    text = template.format(
        n=thing.name,
        kind=thing.kind,
        purpose=thing.purpose,
        maker=thing.maker,
        city=thing.city,
        topic=thing.topic,
    )
    return mend_articles(text, thing.name)


def mend_articles(text: str, name: str) -> str:
    """Return the text with "a" before a vowel turned into "an"; names stay as they are."""
    head, found, tail = text.partition(name)
    words = (tail if found else head).split(" ")
    for place, word in enumerate(words[:-1]):
        if word == "a" and words[place + 1][:1] in "aeioAEIOU":
            words[place] = "an"
    mended = " ".join(words)
    return head + found + mended if found else mended
