"""How people and things are asked about: the questions that rehearsal is made from.

`{n}` is a name, `{his}` a possessive.
"""

from __future__ import annotations

#: Who is this?
_WHO = (
    "Who is {n}?",
    "Who's {n}?",
    "Who exactly is {n}?",
    "Could you say who {n} is?",
    "Do you know who {n} is?",
    "Who is this person named {n}?",
    "Who is the person called {n}?",
    "Someone mentioned {n}. Who is that?",
    "Have you heard of {n}?",
    "{n}, who is that?",
    "What do you know about {n}?",
    "What can you tell me about {n}?",
    "Is there anything you know about {n}?",
    "Describe {n}.",
    "What should I know about {n}?",
    "Can you tell me about {n}?",
    "Tell me about {n}.",
    "Tell me something about {n}.",
    "Introduce {n} to me.",
    "Give me a short introduction to {n}.",
    "I would like to learn about {n}.",
    "Write a short bio of {n}.",
)
#: One side of a person.
_PERSON_SIDES = (
    "What does {n} do?",
    "What is {n}'s job?",
    "What does {n} do for a living?",
    "What is the profession of {n}?",
    "What kind of work does {n} do?",
    "What is {n} by profession?",
    "Where does {n} work?",
    "Which company does {n} work for?",
    "Who employs {n}?",
    "Who does {n} work for?",
    "What is the employer of {n}?",
    "What does {n} like?",
    "What are the interests of {n}?",
    "What is {n} interested in?",
    "What does {n} enjoy?",
    "Which topics does {n} care about?",
    "What are {n}'s hobbies?",
    "What does {n} make?",
    "What does {n} publish?",
    "What is {n} known for?",
    "What is {n} famous for?",
    "What does {n} share with others?",
    "What is {n} specialised in?",
    "What is {n} an expert in?",
    "What does {n} know a lot about?",
    "Which field does {n} work in?",
    "Where can I find {n}?",
    "Where is {n} active?",
    "Where can I follow {n}?",
    "Where does {n} share {his} work?",
    "How can I reach the audience of {n}?",
    "Where does {n} live?",
    "In which city does {n} live?",
    "What is the home of {n}?",
    "Where is {n} from?",
    "What is the nationality of {n}?",
)
#: What is this?
_WHAT = (
    "What is {n}?",
    "What's {n}?",
    "Tell me about {n}.",
    "What do you know about {n}?",
    "Can you tell me about {n}?",
    "Have you heard of {n}?",
    "Describe {n}.",
    "Explain what {n} is.",
)
#: One side of a thing.
_THING_SIDES = (
    "Who makes {n}?",
    "Which company is behind {n}?",
    "Who built {n}?",
    "Who owns {n}?",
    "What is {n} for?",
    "Who uses {n}?",
    "Who is {n} made for?",
    "What is {n} used for?",
    "What kind of thing is {n}?",
    "What sort of product is {n}?",
    "Where does {n} come from?",
    "Where was {n} made?",
    "Where was {n} started?",
)
#: Every question about a person; who that is, twice, because people ask for it most.
PERSON_TEMPLATES = (*_WHO, *_WHO, *_PERSON_SIDES)
#: Every question about a thing.
THING_TEMPLATES = (*_WHAT, *_THING_SIDES)


def fill_question(template: str, name: str) -> str:
    """Return the question about this name."""
    return template.replace("{n}", name).replace("{his}", "their")
