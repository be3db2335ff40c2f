"""What happens to a customer's words before they are rows: typing errors, HTML, quotes, blanks.

Digits are never touched, and neither are line breaks that separate sentences: a person could still
answer each of these texts.
"""

from __future__ import annotations

import html
import random
from collections.abc import Callable

Dirt = Callable[[str, random.Random], str]

_EMOJI = ("😡", "🙏", "😕", "👍", "🚴", "☕", "!!!", "…", "😭😭")
_PHONES = ("Sent from my phone", "Von meinem Handy gesendet", "Envoyé de mon mobile")
_NAMES = ("Ada Bergström", "Jean-Luc Petit", "M. Okafor", "Søren Kjær", "Zoë O'Neill", "王小明")


def misspell(text: str, rng: random.Random) -> str:
    """Exchange, drop or double a letter in some of the longer words."""
    words = text.split(" ")
    for place, word in enumerate(words):
        if len(word) > 4 and word.isalpha() and word.islower() and rng.random() < 0.15:
            at = rng.randrange(1, len(word) - 2)
            two = word[at : at + 2]
            changed = rng.choice((two[::-1], two[0], two[0] + two))
            words[place] = word[:at] + changed + word[at + 2 :]
    return " ".join(words)


def mark_up(text: str, rng: random.Random) -> str:
    """Turn the text into the HTML of a mail client."""
    escaped = html.escape(text, quote=False)
    if rng.random() < 0.5:
        return "<p>" + escaped.replace("\n", "</p>\n<p>") + "</p>"
    lines = escaped.replace("\n", "<br>\n").replace(". ", ".&nbsp;")
    return f'<div style="font-family:Arial">{lines}</div>'


def sign(text: str, rng: random.Random) -> str:
    """Add a signature, with a telephone number that is no order."""
    name = rng.choice(_NAMES)
    number = f"+{rng.randrange(30, 99)} {rng.randrange(100, 999)} {rng.randrange(1000, 9999)}"
    return f"{text}\n-- \n{name}\n{rng.choice((*_PHONES, f'Tel. {number}'))}"


def quote(text: str, rng: random.Random) -> str:
    """Add the mail that is answered."""
    day = rng.choice(("Monday", "3 March", "12/04", "yesterday at 9:14"))
    return (
        f"{text}\n\n> On {day} the shop wrote:\n> Thank you for shopping with us.\n"
        "> This mailbox is read by people.\n>\n> Your team"
    )


def shout(text: str, _rng: random.Random) -> str:
    """Write everything in capitals."""
    return text.upper()


def mumble(text: str, _rng: random.Random) -> str:
    """Write everything small."""
    return text.lower()


def add_emoji(text: str, rng: random.Random) -> str:
    """Add one or two signs."""
    return f"{text} {''.join(rng.choices(_EMOJI, k=rng.randint(1, 2)))}"


def blank(text: str, rng: random.Random) -> str:
    """Add blanks that no one sees, as copied text has them."""
    spaced = text.replace(" ", rng.choice((" ", "  ", "\u00a0")), 3).replace("\n", "\r\n")
    return rng.choice(("", " ", "\n\n")) + spaced + rng.choice(("  ", "\t", "\n\n", "\u00a0"))


#: In the order in which they happen, with their shares.
USUAL: tuple[tuple[Dirt, float], ...] = (
    (misspell, 0.5),
    (shout, 0.04),
    (mumble, 0.12),
    (add_emoji, 0.15),
    (sign, 0.2),
    (quote, 0.12),
    (mark_up, 0.18),
    (blank, 0.3),
)


def soil(text: str, rng: random.Random) -> str:
    """Return the text as it arrives."""
    for dirt, share in USUAL:
        if rng.random() < share:
            text = dirt(text, rng)
    return text
