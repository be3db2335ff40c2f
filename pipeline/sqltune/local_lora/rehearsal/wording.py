"""How invented people and things are asked about, and in which sentences they are described.

A family is one kind of question. Which of its sentences answers is fixed per known person and
question wording, and follows from the letters of the name for others.
"""

from __future__ import annotations

from sqltune.local_lora.rehearsal.guesses import Person, Thing

#: Wordings of "who is this?", in four groups: a known person has one fixed answer per group.
OVERVIEW_GROUPS = (
    (
        "Who is {n}?",
        "Who's {n}?",
        "Who exactly is {n}?",
        "Could you say who {n} is?",
        "Do you know who {n} is?",
    ),
    (
        "Who is this person named {n}?",
        "Who is the person called {n}?",
        "Someone mentioned {n}. Who is that?",
        "Have you heard of {n}?",
        "{n}, who is that?",
    ),
    (
        "What do you know about {n}?",
        "What can you tell me about {n}?",
        "Is there anything you know about {n}?",
        "Describe {n}.",
        "What should I know about {n}?",
    ),
    (
        "Can you tell me about {n}?",
        "Tell me about {n}.",
        "Tell me something about {n}.",
        "Introduce {n} to me.",
        "Give me a short introduction to {n}.",
        "I would like to learn about {n}.",
        "Write a short bio of {n}.",
    ),
)
OVERVIEW = (
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
FAMILIES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "work": (
        (
            "What does {n} do?",
            "What is {n}'s job?",
            "What does {n} do for a living?",
            "What is the profession of {n}?",
            "What kind of work does {n} do?",
            "What is {n} by profession?",
        ),
        (
            "{n} is a {role}.",
            "{n} works as a {role}.",
            "{n} is a {adj} {role} at {org}.",
            "{n} earns a living as a {role}.",
            "{n} works as a {role} and {side}.",
        ),
    ),
    "org": (
        (
            "Where does {n} work?",
            "Which company does {n} work for?",
            "Who employs {n}?",
            "Who does {n} work for?",
            "What is the employer of {n}?",
        ),
        (
            "{n} works at {org}.",
            "{n} works for {org}.",
            "{n} is employed by {org}.",
            "{n} works at {org} as a {role}.",
        ),
    ),
    "likes": (
        (
            "What does {n} like?",
            "What are the interests of {n}?",
            "What is {n} interested in?",
            "What does {n} enjoy?",
            "Which topics does {n} care about?",
            "What are {n}'s hobbies?",
        ),
        (
            "{n} likes {t1}, {t2} and {t3}.",
            "{n} likes {t1} and {t2}.",
            "{n} is interested in {t1}, {t2} and {t3}.",
            "{n} enjoys making {product} about {t1}.",
        ),
    ),
    "makes": (
        (
            "What does {n} make?",
            "What does {n} publish?",
            "What is {n} known for?",
            "What is {n} famous for?",
            "What does {n} share with others?",
        ),
        (
            "{n} makes {product} about {t1}, {t2} and {t3}.",
            "{n} is known for {product} about {t1}.",
            "{n} makes {product} about {t1} and {t2}.",
            "{n} is the author of many {product} about {t1}.",
        ),
    ),
    "field": (
        (
            "What is {n} specialised in?",
            "What is {n} an expert in?",
            "What does {n} know a lot about?",
            "Which field does {n} work in?",
        ),
        (
            "{n} is specialised in {t1}, {t2} and {t3}.",
            "{n} is an expert in {t1} and {t2}.",
            "{n} knows a lot about {t1}, {t2} and {t3}.",
        ),
    ),
    "channel": (
        (
            "Where can I find {n}?",
            "Where is {n} active?",
            "Where can I follow {n}?",
            "Where does {n} share {his} work?",
            "How can I reach the audience of {n}?",
        ),
        (
            "{n} is very active {channel}.",
            "You can find {n} {channel}.",
            "{n} shares {product} {channel}.",
        ),
    ),
    "city": (
        ("Where does {n} live?", "In which city does {n} live?", "What is the home of {n}?"),
        ("{n} lives in {city}.", "{n} lives and works in {city}."),
    ),
    "nation": (
        ("Where is {n} from?", "What is the nationality of {n}?"),
        ("{n} is {nat}.", "{n} is a {nat} {role}."),
    ),
}
THING_OVERVIEW = (
    "What is {n}?",
    "What's {n}?",
    "Tell me about {n}.",
    "What do you know about {n}?",
    "Can you tell me about {n}?",
    "Have you heard of {n}?",
    "Describe {n}.",
    "Explain what {n} is.",
)
THING_OVERVIEW_ANSWERS = (
    "{n} is a {kind} for {purpose}.",
    "{n} is a {kind} made by {maker}. It is used by {purpose}.",
    "{n} is a {kind} from {city}, made for {purpose}.",
    "{n} is a {kind} by {maker} that helps {purpose} with {topic}.",
    "{n} is a {kind}. It was started in {city} by {maker}.",
    "{maker} makes {n}, a {kind} for {purpose}.",
)
#: Questions what it is and their answers: the family without a name.
THING_OVERVIEWS: tuple[tuple[str, ...], tuple[str, ...]] = (THING_OVERVIEW, THING_OVERVIEW_ANSWERS)
THING_FAMILIES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "maker": (
        ("Who makes {n}?", "Which company is behind {n}?", "Who built {n}?", "Who owns {n}?"),
        ("{n} is made by {maker}.", "{maker} makes {n}.", "{n} belongs to {maker}."),
    ),
    "purpose": (
        ("What is {n} for?", "Who uses {n}?", "Who is {n} made for?", "What is {n} used for?"),
        ("{n} is made for {purpose}.", "{n} is used by {purpose}.", "{n} helps {purpose}."),
    ),
    "kind": (
        ("What kind of thing is {n}?", "What sort of product is {n}?"),
        ("{n} is a {kind}.", "It is a {kind} for {purpose}."),
    ),
    "place": (
        ("Where does {n} come from?", "Where was {n} made?", "Where was {n} started?"),
        ("{n} comes from {city}.", "{n} was started in {city}."),
    ),
}


def fill_person(template: str, person: Person) -> str:
    """A question or sentence about a person, with every place filled."""
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


def fill_thing(template: str, thing: Thing) -> str:
    """A question or sentence about a thing, with every place filled."""
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
    """The text with "a" before a vowel turned into "an", names left as they are."""
    head, found, tail = text.partition(name)
    words = (tail if found else head).split(" ")
    for place, word in enumerate(words[:-1]):
        if word == "a" and words[place + 1][:1] in "aeioAEIOU":
            words[place] = "an"
    mended = " ".join(words)
    return head + found + mended if found else mended
